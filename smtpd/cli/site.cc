#include "smtpd/cli/site.h"

#include "core/base/random.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/open_database.h"
#include "storage/copied_away.h"
#include "storage/dkim_store.h"
#include "storage/node_store.h"
#include "storage/schema.h"

namespace essaim::smtpd::cli {
namespace {
// Command lines make ids, too, and several may run at the same time.
int any_command_line_node() {
  return storage::kFirstCommandLineNode +
         static_cast<int>(random_u64() % (kMaxNodes - storage::kFirstCommandLineNode));
}
}  // namespace

Site::Site(Settings settings, std::unique_ptr<storage::Database> database)
    : settings_(std::move(settings)),
      audit_(settings_.admin_socket()),
      database_(std::move(database)),
      ids_(system_clock(), any_command_line_node()),
      admin_(*database_, system_clock(), ids_,
             {settings_.hostname, settings_.postmaster, settings_.http.base_url}),
      sources_(system_clock()) {}

Result<std::unique_ptr<Site>> Site::open_any_version(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) {
    // Whatever is wrong with the file, it is the configuration that is wrong.
    return Error{ErrorCode::kInvalid, loaded.error().message};
  }
  if (shell.only_tells) ESSAIM_TRY(operate::require_database_file(loaded->settings));
  auto password = operate::database_password(loaded->settings);
  if (!password.ok()) return password.error();
  auto database = operate::open_database(loaded->settings, *password, 1);
  if (!database.ok()) return database.error();
  return std::unique_ptr<Site>(new Site(std::move(loaded->settings), *std::move(database)));
}

Result<std::unique_ptr<Site>> Site::open(const Shell& shell) {
  auto site = open_any_version(shell);
  if (!site.ok()) return site;
  auto version = storage::schema_version((*site)->database());
  if (!version.ok()) return version.error();
  if (*version == 0) {
    // A file that is not there was refused before it was made; on a server it is the tables.
    if (shell.only_tells)
      return Error{ErrorCode::kNotFound,
                   "there is nothing of Essaim in the database " + (*site)->settings().database_url +
                       "; `essaim serve` or `essaim storage init` makes it, if this is the one that is meant "
                       "(storage.url)"};
    ESSAIM_TRY(storage::migrate((*site)->database()));
  } else {
    ESSAIM_TRY(storage::require_newest((*site)->database()));
    ESSAIM_TRY(storage::require_not_copied_away((*site)->database()));
  }
  return site;
}

lists::Services Site::services() {
  lists::Services out;
  out.database = database_.get();
  out.clock = &system_clock();
  out.ids = &ids_;
  out.policies = &policies_;
  out.sources = &sources_;
  out.site = {settings_.hostname, settings_.postmaster, settings_.http.base_url};
  out.rank = [] { return std::int64_t{0}; };
  out.reporting = settings_.reporting;
  return out;
}

Result<lists::Services> Site::services_with_tokens() {
  if (tokens_ == nullptr) {
    auto tokens = lists::Tokens::load(*database_);
    if (!tokens.ok()) return tokens.error();
    tokens_ = *std::move(tokens);
  }
  lists::Services out = services();
  out.tokens = tokens_.get();
  return out;
}

namespace {
// What is rendered as unsigned cannot be left with one click, though the server signs it.
Result<void> none_signs(storage::Connection& connection) {
  auto keys = storage::DkimStore(connection).keys("");
  if (!keys.ok()) return keys.error();
  for (const storage::DkimKeyRecord& key : *keys) {
    if (key.state == storage::DkimKeyState::kActive && !key.of_deleted_domain)
      return Error{
          ErrorCode::kInvalid,
          "posts of " + key.domain +
              " are signed, and the secret of the keys is not at hand here: set authentication.key_file, or "
              "CREDENTIALS_DIRECTORY as the service has it"};
  }
  return {};
}
}  // namespace

Result<lists::Services> Site::services_to_render() {
  auto out = services_with_tokens();
  if (!out.ok()) return out;
  if (keys_ == nullptr) {
    auto seal = operate::open_seal(settings_);
    if (!seal.ok()) return seal.error();
    if (!seal->has_value()) ESSAIM_TRY(read([](storage::Connection& c) { return none_signs(c); }));
    keys_ = std::make_unique<KeyRing>(*database_, *std::move(seal));
    ESSAIM_TRY(keys_->load());
  }
  out->signing_keys = [this](const std::string& domain) { return keys_->keys_for(domain); };
  return out;
}

namespace {
Result<void> settled(operate::RuleSources& sources, const std::function<Result<void>()>& attempt) {
  for (int i = 0;; ++i) {
    const std::uint64_t before = sources.answers();
    Result<void> done = attempt();
    const bool again = i < lists::kMostSettled && !done.ok() && done.error().code == ErrorCode::kTemporary;
    if (!again || !sources.wait(before)) return done;
  }
}
}  // namespace

Result<void> Site::read_by_rules(const storage::Work& work) {
  return settled(sources_, [&] { return database_->read_now(work); });
}

Result<void> Site::write_by_rules(const storage::Work& work) {
  return settled(sources_, [&] { return database_->write_now(storage::Durability::kAccept, work); });
}

int with_site(const Shell& shell, const std::function<int(Site&)>& command) {
  auto site = Site::open(shell);
  if (!site.ok()) return shell.fail(site.error());
  return command(**site);
}

}  // namespace essaim::smtpd::cli
