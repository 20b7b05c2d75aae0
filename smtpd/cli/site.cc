#include "smtpd/cli/site.h"

#include "core/base/random.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/open_database.h"
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
      database_(std::move(database)),
      ids_(system_clock(), any_command_line_node()),
      admin_(*database_, system_clock(), ids_) {}

Result<std::unique_ptr<Site>> Site::open_any_version(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) {
    // Whatever is wrong with the file, it is the configuration that is wrong.
    return Error{ErrorCode::kInvalid, loaded.error().message};
  }
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
    ESSAIM_TRY(storage::migrate((*site)->database()));
  } else {
    ESSAIM_TRY(storage::require_newest((*site)->database()));
  }
  return site;
}

lists::Services Site::services() {
  lists::Services out;
  out.database = database_.get();
  out.clock = &system_clock();
  out.ids = &ids_;
  out.policies = &policies_;
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

int with_site(const Shell& shell, const std::function<int(Site&)>& command) {
  auto site = Site::open(shell);
  if (!site.ok()) return shell.fail(site.error());
  return command(**site);
}

}  // namespace essaim::smtpd::cli
