// essaim serve: the server, in the foreground.
#include <CLI/CLI.hpp>

#include "smtpd/cli/commands.h"
#include "smtpd/daemon/daemon.h"

namespace essaim::smtpd::cli {

void add_serve(Shell& shell) {
  shell.verb("serve", "run the server in the foreground; SIGTERM drains, SIGHUP reloads",
             "  essaim serve --config essaim.toml", [&shell] {
               const auto served = serve(shell.config);
               return served.ok() ? static_cast<int>(kOk) : shell.fail(served.error());
             });
}

}  // namespace essaim::smtpd::cli
