#include "smtpd/operate/key_ring.h"

#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <set>
#include <utility>

#include "core/base/log.h"

namespace essaim::smtpd {

namespace {
using KeyName = std::pair<std::string, std::string>;  // domain, selector
}  // namespace

struct KeyRing::State {
  explicit State(std::optional<mailauth::KeySeal> s) : seal(std::move(s)) {}
  Result<void> read(storage::Connection& connection, Keys* into);
  void warn(const std::map<KeyName, Error>& unusable_now);
  void take_and_tell(Keys read);

  const std::optional<mailauth::KeySeal> seal;
  std::mutex mutex;
  Keys keys;
  struct Opened {
    std::string sealed;
    std::shared_ptr<const mailauth::SigningKey> key;
  };
  std::map<KeyName, Opened> opened;  // those of the last look, also of keys that wait for their record
  bool loading = false;
  std::set<KeyName> unusable;  // those that were told
};

// Each once: it is the same at every look.
void KeyRing::State::warn(const std::map<KeyName, Error>& unusable_now) {
  std::set<KeyName> before;
  {
    std::lock_guard lock(mutex);
    before.swap(unusable);
    for (const auto& [name, error] : unusable_now) unusable.insert(name);
  }
  for (const auto& [name, error] : unusable_now) {
    if (before.contains(name)) continue;
    log::error("dkim-key-unusable",
               {{"domain", name.first}, {"selector", name.second}, {"error", error.message}});
  }
}

Result<void> KeyRing::State::read(storage::Connection& connection, Keys* into) {
  into->clear();
  auto rows = storage::DkimStore(connection).keys("");
  if (!rows.ok()) return rows.error();
  std::map<KeyName, Error> closed;
  std::map<KeyName, Opened> before, now;
  {
    std::lock_guard lock(mutex);
    before.swap(opened);
  }
  for (const storage::DkimKeyRecord& row : *rows) {
    if (row.state == storage::DkimKeyState::kRetired || row.of_deleted_domain) continue;
    const KeyName name(row.domain, row.selector);
    std::shared_ptr<const mailauth::SigningKey> key;
    if (const auto known = before.find(name); known != before.end() && known->second.sealed == row.sealed)
      key = known->second.key;
    if (key == nullptr) {
      auto opens = operate::open_key(seal, row);
      if (!opens.ok()) {
        closed.emplace(name, opens.error());
        continue;
      }
      key = std::make_shared<const mailauth::SigningKey>(
          mailauth::SigningKey{row.domain, row.selector, *std::move(opens)});
    }
    if (row.state == storage::DkimKeyState::kActive) (*into)[row.domain].push_back(key);
    now[name] = {row.sealed, std::move(key)};
  }
  {
    std::lock_guard lock(mutex);
    opened.swap(now);
  }
  warn(closed);
  return {};
}

std::set<std::string> KeyRing::names_of(const Keys& keys) {
  std::set<std::string> out;
  for (const auto& [domain, of_domain] : keys)
    for (const auto& key : of_domain) out.insert(domain + "/" + key->selector);
  return out;
}

// What differs alone: there may be a thousand.
void KeyRing::State::take_and_tell(Keys read) {
  const std::set<std::string> now = names_of(read);
  {
    std::lock_guard lock(mutex);
    keys.swap(read);
  }
  const std::set<std::string> before = names_of(read);
  if (now == before) return;
  const auto only = [](const std::set<std::string>& these, const std::set<std::string>& others) {
    std::string out;
    for (const std::string& name : these)
      if (!others.contains(name)) out += (out.empty() ? "" : ", ") + name;
    return out;
  };
  log::info("signing-keys", {{"keys", now.size()}, {"gone", only(before, now)}, {"new", only(now, before)}});
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

std::size_t KeyRing::unusable() const {
  std::lock_guard lock(state_->mutex);
  return state_->unusable.size();
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

Result<mailauth::PrivateKey> open_key(const std::optional<mailauth::KeySeal>& seal,
                                      const storage::DkimKeyRecord& key) {
  if (!seal)
    return Error{
        ErrorCode::kInvalid,
        "there is no secret to open it with: authentication.key_file, or the credential dkim-secret"};
  const auto pem = seal->opened(key.sealed, purpose_of_key(key.domain, key.selector));
  if (!pem.ok()) return pem.error();
  return mailauth::PrivateKey::from_pem(*pem);
}

}  // namespace operate
}  // namespace essaim::smtpd
