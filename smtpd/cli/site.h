// What a command works on: the settings, the database beside a server that may run, and that server by its
// admin socket.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/base/id.h"
#include "core/base/result.h"
#include "lists/admin.h"
#include "lists/services.h"
#include "smtpd/admin/protocol.h"
#include "smtpd/cli/audit.h"
#include "smtpd/cli/shell.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/rule_sources.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"

namespace essaim::smtpd::cli {

class Site {
 public:
  // Reads the configuration and opens the database. An empty or missing one is made (for the server's user);
  // one of an older version, and one that was copied away, is refused with what to do.
  static Result<std::unique_ptr<Site>> open(const Shell& shell);
  // The same without looking at the schema: `storage check` and `storage migrate`.
  static Result<std::unique_ptr<Site>> open_any_version(const Shell& shell);

  const Settings& settings() const { return settings_; }
  storage::Database& database() { return *database_; }
  lists::Admin& admin() { return admin_; }
  // For work of lists/ that stores posts: a running server finds them without being told. No tokens.
  lists::Services services();
  // The same, for what makes return addresses.
  Result<lists::Services> services_with_tokens();
  // The same, for what renders posts, which are signed on their way: with the keys that sign. kInvalid: the secret that
  // opens them cannot be read.
  Result<lists::Services> services_to_render();
  // A consistent look at the database.
  template <typename F>
  auto read(F work) {
    return database_->read_now(std::move(work));
  }
  // The same for work that asks rules, and for such work that writes: what they ask of others is waited for.
  Result<void> read_by_rules(const storage::Work& work);
  Result<void> write_by_rules(const storage::Work& work);

 private:
  Site(Settings settings, std::unique_ptr<storage::Database> database);
  Settings settings_;
  Audit audit_;  // outlives all that logs
  std::unique_ptr<storage::Database> database_;
  IdGenerator ids_;  // of a node number that no server has
  lists::Admin admin_;
  lists::Policies policies_;
  operate::RuleSources sources_;
  std::unique_ptr<lists::Tokens> tokens_;
  std::unique_ptr<KeyRing> keys_;
};

// Runs `command` on the opened site; errors are said.
int with_site(const Shell& shell, const std::function<int(Site&)>& command);

}  // namespace essaim::smtpd::cli
