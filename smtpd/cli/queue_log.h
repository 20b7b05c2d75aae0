// `essaim queue delete --log`: who has got a post already, as the server's log tells, is deleted from what waits.
#pragma once

#include <string>

#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {

struct LoggedDeletion {
  std::string file;   // "-": standard input
  std::string since;  // of lines of the log; "": all
  std::string reason;
  bool dry_run = false;
};
// In the server if it runs. Some posts, or a thousand recipients of one, at a time: whoever ends it has ended it between two of
// these, and the same again does the rest.
int delete_delivered(const Shell& shell, const LoggedDeletion& options);

}  // namespace essaim::smtpd::cli
