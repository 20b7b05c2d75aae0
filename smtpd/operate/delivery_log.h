// Who has got which post, as the server's log tells ("delivered"): after a restore nothing else may. Lines are those of the log, text
// or JSON, in any order, or of the form "QUEUE-ID RECIPIENT". Values; one thread. What is kept grows with what was delivered since
// the time that counts.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/base/id.h"

namespace essaim::smtpd::operate {

class DeliveryLog {
 public:
  // Lines of the log from before say nothing; 0: all count.
  explicit DeliveryLog(WallTime since);

  void take(std::string_view line);

  const std::map<Id, std::set<std::string>>& delivered() const { return delivered_; }
  std::int64_t lines() const { return lines_; }    // that could be read, of any event; others are passed over
  std::int64_t unread() const { return unread_; }  // that say of a delivery what is no id, or no recipient

 private:
  const std::string since_;
  std::map<Id, std::set<std::string>> delivered_;
  std::int64_t lines_ = 0, unread_ = 0;
};

}  // namespace essaim::smtpd::operate
