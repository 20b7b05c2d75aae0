// essaim serve: the server, in the foreground.
#include <CLI/CLI.hpp>

#include "smtpd/cli/commands.h"
#include "smtpd/daemon/daemon.h"
#include "storage/database_hosts.h"

namespace essaim::smtpd::cli {
namespace {
constexpr int kNameTaken = 3;  // the exit status; the unit in contrib/systemd knows it
}

void add_serve(Shell& shell) {
  shell.verb("serve", "run the server in the foreground; SIGTERM drains, SIGHUP reloads",
             "  essaim serve --config essaim.toml", [&shell] {
               storage::set_teller_of_hosts({});  // the log does
               bool name_taken = false;
               const auto served = serve(shell.config, &name_taken);
               if (served.ok()) return static_cast<int>(kOk);
               const int code = shell.fail(served.error());
               return name_taken ? kNameTaken : code;
             });
}

}  // namespace essaim::smtpd::cli
