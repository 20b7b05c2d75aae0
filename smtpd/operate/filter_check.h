// Whether mail filters answer, and what they would say about a message: each address of each is shown it, as the server shows what
// comes in (smtpd/filters). Blocking, on a loop of its own.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::operate {

struct MessageForFilters {
  std::string path;  // "": one that nobody objects to
  std::string client = "127.0.0.1";
  std::string helo, from, to;  // "": the node's own
};

struct FilterAnswer {
  std::string filter, address;
  bool answers = false;
  std::string words;  // "passes", "550 5.7.1 spam", "connect to 127.0.0.1:11332: Connection refused"
  Duration took{};
};

// Of those with these names; of all without any. kNotFound: there is none of that name; kIo, kInvalid: the file.
Result<std::vector<FilterAnswer>> check_filters(const Settings& settings,
                                                const std::vector<std::string>& names,
                                                const MessageForFilters& message);

}  // namespace essaim::smtpd::operate
