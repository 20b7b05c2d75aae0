// Who has left which list, as the server's log tells: after a restore nothing else may. Lines come in their order, as text or
// JSON ([log] format); of each person on each list the last one counts. Owners and editors are not looked at.
//
// What is kept grows with the people who came or left, or were erased, since then. Values; one thread.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/smtp/address.h"

namespace essaim::smtpd::operate {

class DepartureLog {
 public:
  explicit DepartureLog(WallTime since);

  void take(std::string_view line);

  struct Person {
    std::string list;
    smtp::Address address;
    std::string when;  // as in the log: "2026-11-22T18:52:04.123Z"
  };
  std::vector<Person> left() const;  // who did, and did not join again; by list and address
  // Since then: the addresses of those whom `person erase` took away, of all lists.
  const std::set<std::string>& erased() const { return erased_; }

  std::int64_t lines() const { return lines_; }    // of the log, of any time; others are passed over
  std::int64_t unread() const { return unread_; }  // since then, that say of a departure what is no address
  std::int64_t together() const { return together_; }  // likewise: several were added, whom it does not name
  std::int64_t moved() const {
    return moved_;
  }  // since then: members whose address became another, which is not told

 private:
  void take_request(const std::map<std::string, std::string>& fields, const std::string& when);

  const std::string since_;
  struct State {
    Person person;
    bool left = false;
  };
  std::map<std::string, State> people_;
  std::set<std::string> erased_;
  std::int64_t lines_ = 0, unread_ = 0, together_ = 0, moved_ = 0;
};

}  // namespace essaim::smtpd::operate
