// What an operator does to the queue, on the database: the same functions run in the server (which recalls
// what it has in memory first) and in the command line when no server runs. Blocking; a transaction for each
// step, so that big queues block nobody. Asking twice is no mistake.
//
// Hold and release are for whole posts. Delete and retry look at recipients when the selection names one or a
// domain, and at those batches only that have the state and the reason that it names. A released post has its
// whole lifetime before it again: what an operator keeps back does not expire for that. A post that is in trouble is told of,
// and keeps no other one from what is done.
//
// Posts are held while they are deleted (deletion_marks.h), and a retry holds those that a server has in its hands. What is in
// transmission is waited for, as it may come back: in a delete of whole posts for half a minute, and then they stay held, and the
// job `deletions` deletes what comes back; in one of some recipients, where others are to have the post, for ten minutes. Whole
// posts stay held likewise, whoever had held them before, when an error keeps them from being deleted; and a release goes to
// such only where it names them by their ids. It ends no mark of a command that is at work.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "smtpd/operate/queue_change.h"
#include "smtpd/operate/queue_selection.h"
#include "storage/database.h"
#include "storage/node_store.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {

// What a request would do.
struct QueuePreview {
  struct Post {
    storage::PostRecord post;
    std::int64_t recipients = 0;
  };
  QueueChange change;
  std::vector<Post> posts;  // oldest first, the first kMostShown
  static constexpr std::size_t kMostShown = 50;
};

struct QueueRequest {
  QueueAction action = QueueAction::kHold;
  QueueSelection selection;
  std::string reason;
  bool waits = true;                    // for what is in transmission
  storage::NodeStore::Identity node{};  // that runs it; none: a command line
};
// Both: kNotFound when none of the ids that are named exists.
Result<QueuePreview> preview_queue_change(storage::Database& database, const Clock& clock,
                                          const QueueRequest& request);
// `recall` (may be empty) gets what the running server has in memory of these posts back into the database;
// it blocks. `ending` (may be empty): the server is about to end, and nothing is waited for any more.
Result<QueueChange> change_queue(storage::Database& database, const Clock& clock, const QueueRequest& request,
                                 const std::function<void(const std::vector<Id>&)>& recall,
                                 const std::function<bool()>& ending = nullptr);

}  // namespace essaim::smtpd::operate
