// Sends posts again to recipients whom delivery has failed for good: a provider refused us, and does so no more. What they had
// been told is told: a bounce that was counted stays, unless the request forgives it, and who fails again is counted again.
// Whoever has left the list since gets nothing (the claim sees to that).
//
// It can be done as long as the text of the post is there, which goes when the post is settled: when it is over for all its
// recipients, and has been for those in whose batch somebody failed for `retention.failed`, with the next run of the job
// retention. The ledger keeps the reply that they had failed with, behind the reason.
//
// Blocking. On the database, as what is done to the queue (queue_ops.h), so that the same runs in the server and in the command
// line when no server runs. A post that is named is held meanwhile (deletion_marks.h), and the nodes give back what they have of
// it; a post that is held already stays so, and these recipients wait in it with the others. Each batch has a transaction of its own.
// Of posts that a filter finds some are done in one transaction, and only those are held that a node has in its hands. Whoever was
// taken up again has failed no more, so the same request goes on where another one ended.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/database.h"
#include "storage/node_store.h"

namespace essaim::smtpd::operate {

struct PostRetry {
  // Posts by id, or those that the filter finds; it is about who has failed (storage/failure_search.h): whose address or domain,
  // with what words in the reply, and when.
  QueueSelection selection;
  std::string reason;
  storage::NodeStore::Identity node{};  // that runs it; none: a command line
  bool forgive = false;                 // the bounces that these failures were counted as are taken back
};
// How many it would be. A post that is not there is among the unknown; whose text is not, or which another command is at work on,
// among the refused. An error where that is all.
Result<QueueChange> preview_post_retry(storage::Database& database, const PostRetry& request);
// Posts and recipients that are sent to again; `busy`: left alone, as a node has them in its hands. Of posts that are
// unknown or refused, as for the preview, the others are sent. `recall` and `ending` as for change_queue().
Result<QueueChange> retry_posts(storage::Database& database, const Clock& clock, const PostRetry& request,
                                const std::function<void(const std::vector<Id>&)>& recall,
                                const std::function<bool()>& ending = nullptr);

}  // namespace essaim::smtpd::operate
