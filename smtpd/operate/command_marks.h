// The marks (deletion_marks.h), or withdrawals, that one command of an operator has put on posts. Of the thread that the command
// runs on, which waits for the works in which put() is called.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/log.h"
#include "core/base/result.h"
#include "smtpd/operate/deletion_marks.h"
#include "storage/database.h"
#include "storage/node_store.h"
#include "storage/records.h"

namespace essaim::smtpd::operate {

class CommandMarks {
 public:
  enum class Kind { kWithdrawal, kDeletion, kRetry };
  // `by`: the server that runs it; without a number it is a command line.
  CommandMarks(storage::Database& database, Kind kind, std::string reason,
               storage::NodeStore::Identity by = {})
      : database_(database), kind_(kind), reason_(std::move(reason)), by_(by) {}

  // On how many posts they will be. The more there are the longer each lasts, so that all can be put anew before they are over.
  void expect(std::size_t posts);

  struct Mark {
    std::string text;
    WallTime until{};
  };
  // For posts that get it together.
  Mark make(WallTime now) const;
  // In the caller's transaction; the text is noted before it is committed: of a commit whose answer was lost nobody knows better.
  // What is withdrawn already keeps its text.
  Result<void> put(storage::Connection& connection, const storage::PostRecord& post, const Mark& mark,
                   WallTime now);
  void committed(Id id, const Mark& mark) { marks_[id].until = mark.until; }

  bool contains(Id id) const { return marks_.contains(id); }
  std::vector<Id> ids() const;
  // Those that have less than half of their time left. A withdrawal has no end.
  std::vector<Id> half_over(WallTime now) const;
  bool is_half_over(Id id, WallTime now) const;
  // Whether somebody may have taken it back: a minute early, as other nodes have their own clocks.
  bool is_over(Id id, WallTime now) const;

  // Also when the work has failed. What cannot be taken back now is abandoned, and so released later.
  void take_back(Id id);
  // Leaves it on the post. Gives whether it is known to be there.
  bool leave(Id id);

 private:
  struct Own {
    std::vector<std::string> texts;  // the last one is on the post, unless its commit failed
    WallTime until{};                // 0: none is known to be there
  };
  static bool less_left(const Own& own, std::chrono::milliseconds time, WallTime now);

  storage::Database& database_;
  const Kind kind_;
  const std::string reason_;
  const storage::NodeStore::Identity by_;
  std::chrono::milliseconds lasts_ = kDeletionMarkLasts;
  std::map<Id, Own> marks_;
  log::Once trouble_;
};

}  // namespace essaim::smtpd::operate
