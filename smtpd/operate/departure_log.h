// Who has left which list, as the server's log tells: after a restore nothing else may. Lines come in their order, as text or
// JSON ([log] format); of each person on each list the last one counts. Owners and editors are not looked at. A list that got
// another name since then has the one that it had, as the backup has no other.
//
// What is kept grows with the people who came or left, or were erased, and the lists that were renamed, since then. Values; one
// thread.
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
    std::string list;  // as it was called then
    smtp::Address address;
    std::string when;           // as in the log: "2026-11-22T18:52:04.123Z"
    bool perhaps_back = false;  // several were added to the list behind that, whom the log does not name
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
  void take_rename(const std::string& from, const std::string& to);
  std::string name_then(const std::string& list) const;

  const std::string since_;
  struct State {
    Person person;
    bool left = false;
    std::int64_t line = 0;
  };
  std::map<std::string, State> people_;
  // Names that are given or free since a list was renamed: how the list was called then; "" if none was there, or is.
  std::map<std::string, std::string> called_then_;
  std::map<std::string, std::int64_t> added_together_;  // by list: the last line that says so
  std::set<std::string> erased_;
  std::int64_t lines_ = 0, unread_ = 0, together_ = 0, moved_ = 0;
};

}  // namespace essaim::smtpd::operate
