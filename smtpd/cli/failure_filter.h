// Which failures a command is about: the options that `post failures` and `post retry` share.
#pragma once

#include <memory>
#include <string>

#include "smtpd/cli/shell.h"
#include "storage/post_store.h"

namespace essaim::smtpd::cli {

struct FailureFilter {
  std::string list, domain, why, since, until;
};
// `since`: what the help says behind that option, " (1d)".
void add_failure_options(CLI::App* verb, const std::shared_ptr<FailureFilter>& filter,
                         const std::string& since = "");
// With `failed`; errors name the option.
Result<storage::PostFilter> failures_meant(const FailureFilter& filter, WallTime now);

}  // namespace essaim::smtpd::cli
