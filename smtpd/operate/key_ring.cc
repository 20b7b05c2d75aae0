#include "smtpd/operate/key_ring.h"

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <utility>

#include "core/base/log.h"
#include "storage/dkim_store.h"

namespace essaim::smtpd {

struct KeyRing::State {
  explicit State(std::optional<mailauth::KeySeal> s) : seal(std::move(s)) {}
  Result<void> read(storage::Connection& connection, Keys* into);
  void warn(const storage::DkimKeyRecord& key, const std::string& error);
  void take_and_tell(Keys read);

  const std::optional<mailauth::KeySeal> seal;
  std::mutex mutex;
  Keys keys;
  bool loading = false;
  bool warned = false;
};

// Once: it is the same at every look.
void KeyRing::State::warn(const storage::DkimKeyRecord& key, const std::string& error) {
  {
    std::lock_guard lock(mutex);
    if (std::exchange(warned, true)) return;
  }
  log::error("dkim-key-unusable",
             {{"domain", key.domain}, {"selector", key.selector}, {"error", std::string_view(error)}});
}

Result<void> KeyRing::State::read(storage::Connection& connection, Keys* into) {
  into->clear();
  auto rows = storage::DkimStore(connection).keys("");
  if (!rows.ok()) return rows.error();
  for (const storage::DkimKeyRecord& row : *rows) {
    if (row.state != storage::DkimKeyState::kActive) continue;
    if (!seal) {
      warn(row, "there is no secret to open it with: authentication.key_file, or the credential dkim-secret");
      continue;
    }
    const auto pem = seal->opened(row.sealed, operate::purpose_of_key(row.domain, row.selector));
    Result<mailauth::PrivateKey> key = pem.ok() ? mailauth::PrivateKey::from_pem(*pem) : pem.error();
    if (!key.ok()) {
      warn(row, key.error().message);
      continue;
    }
    (*into)[row.domain].push_back(
        std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{row.domain, row.selector, *key}));
  }
  return {};
}

// "lists.example.org/20261128r, ..."
std::string KeyRing::names_of(const Keys& keys) {
  std::string out;
  for (const auto& [domain, of_domain] : keys) {
    for (const auto& key : of_domain) out += (out.empty() ? "" : ", ") + domain + "/" + key->selector;
  }
  return out;
}

void KeyRing::State::take_and_tell(Keys read) {
  const std::string now = names_of(read);
  {
    std::lock_guard lock(mutex);
    keys.swap(read);
  }
  if (now != names_of(read)) log::info("signing-keys", {{"keys", std::string_view(now)}});
}

KeyRing::KeyRing(storage::Database& database, std::optional<mailauth::KeySeal> seal)
    : database_(database), state_(std::make_shared<State>(std::move(seal))) {}

Result<void> KeyRing::load() {
  Keys keys;
  ESSAIM_TRY(
      database_.read_now([&](storage::Connection& connection) { return state_->read(connection, &keys); }));
  std::lock_guard lock(state_->mutex);
  state_->keys = std::move(keys);
  return {};
}

void KeyRing::refresh() {
  {
    std::lock_guard lock(state_->mutex);
    if (std::exchange(state_->loading, true)) return;
  }
  auto keys = std::make_shared<Keys>();
  database_.read(
      [state = state_, keys](storage::Connection& connection) { return state->read(connection, keys.get()); },
      [state = state_, keys](const Result<void>& done) {
        if (done.ok()) state->take_and_tell(std::move(*keys));
        std::lock_guard lock(state->mutex);
        state->loading = false;
      });
}

mailauth::SigningKeys KeyRing::keys_for(const std::string& domain) const {
  std::lock_guard lock(state_->mutex);
  const auto of = state_->keys.find(domain);
  return of == state_->keys.end() ? mailauth::SigningKeys{} : of->second;
}

namespace operate {

Result<std::optional<mailauth::KeySeal>> open_seal(const Settings& settings) {
  std::string path = settings.authentication.key_file;
  if (path.empty()) {
    const char* const directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory != nullptr) path = std::string(directory) + "/dkim-secret";
    if (path.empty() || !std::filesystem::exists(path)) return std::optional<mailauth::KeySeal>{};
  }
  auto seal = mailauth::KeySeal::from_file(path);
  if (!seal.ok()) return seal.error();
  return std::optional<mailauth::KeySeal>(*std::move(seal));
}

std::string purpose_of_key(const std::string& domain, const std::string& selector) {
  return selector + "._domainkey." + domain;
}

}  // namespace operate
}  // namespace essaim::smtpd
