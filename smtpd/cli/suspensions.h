// What `destination`, `list` and `queue` have in common about suspensions: options, words, the two commands. They
// change the table and tell the server, if one runs; another one reads it when it starts.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "smtpd/cli/shell.h"
#include "smtpd/cli/site.h"
#include "storage/node_store.h"

namespace essaim::smtpd::cli {

struct SuspendOptions {
  std::string reason, until, span;
};
std::shared_ptr<SuspendOptions> add_suspend_options(CLI::App* verb);

// `name` is how the subject is called in what is said: "example.net", "dev@lists.example.org", "all delivery". `others`: what else
// is suspended with it.
int suspend(const Shell& shell, Site& site, storage::SuspensionScope scope, const std::string& subject,
            const std::string& name, const SuspendOptions& options,
            const std::vector<std::string>& others = {});
// `others`: what else is resumed with it, if it is suspended.
int resume(const Shell& shell, Site& site, storage::SuspensionScope scope, const std::string& subject,
           const std::string& name, const std::vector<std::string>& others = {});

// The server reads them again.
void tell_of_suspensions(Site& site);

// On standard error, that the list which was made, or is called so now, is suspended. `address`: a name that it has or had. What was
// suspended may have been an earlier list that was called so, whose posts wait.
void tell_of_suspension(Site& site, const std::string& address);

// Those in force.
Result<std::vector<storage::SuspensionRecord>> suspensions(Site& site);
// The one of that subject; null if there is none.
const storage::SuspensionRecord* find_suspension(const std::vector<storage::SuspensionRecord>& all,
                                                 storage::SuspensionScope scope, const std::string& subject);
std::string describe(const storage::SuspensionRecord& record);  // escaped

}  // namespace essaim::smtpd::cli
