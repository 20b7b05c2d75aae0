// The hold under which a post is while `queue delete`, `queue retry` or `post retry` is at work on it, so that no server claims
// it again in between. Its reason says until when: a command that is interrupted, or cannot take it back, leaves it, and what is
// older than that is released by the next `queue delete` or `post retry`, by the job, and by a server that starts on a file of its
// own. Of a server it says which it is, and is over as well when that server's epoch is (storage/node_store.h): the job comes at
// once when a node is taken over.
// A command about many posts has one that lasts longer, and one that takes longer than half of that puts it anew, also on the posts
// that it comes to later. Where several are at work on a post its reason has the mark of each, and the last one to
// end releases it. On a post that an operator holds the marks stand behind what he wrote, so that whoever knows nothing of them
// takes the hold for his; he ends his own alone.
//
// A post that is deleted for everybody is withdrawn: that hold has no end, as nobody is to get the post, and it takes the place of
// any other. What a server had in transmission comes back to it and is deleted by the job, whatever became of the command, and
// then it is released. No error takes it back; only an operator who names the post.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/job_runner.h"
#include "storage/node_store.h"

namespace essaim::smtpd::operate {

inline constexpr std::chrono::minutes kDeletionMarkLasts{10};  // of up to 60,000 posts

// `by`: the server that is at work; without a number it is a command line, of which nobody knows whether it has ended.
std::string deletion_mark(WallTime now, std::chrono::milliseconds lasts = kDeletionMarkLasts,
                          storage::NodeStore::Identity by = {});
std::string retry_mark(WallTime now, std::chrono::milliseconds lasts = kDeletionMarkLasts,
                       storage::NodeStore::Identity by = {});
bool is_deletion_mark(
    const std::string& held_reason);  // either of them, or several, and no operator's hold in front
std::string withdrawal(const std::string& reason);  // the operator's, which may be empty
bool is_withdrawal(const std::string& held_reason);
using NodeEpochs = std::map<int, std::int64_t>;  // by number
// Whether nobody can be at work under it any more; of nodes that are not known only the time tells.
bool is_abandoned(const std::string& held_reason, WallTime now, const NodeEpochs& epochs = {});

// These run in the caller's transaction.
// Holds the post under the mark, beside an operator's hold and the marks of others that are not over; what is withdrawn stays
// so, without it.
Result<void> put_mark(storage::Connection& connection, Id id, const std::string& mark, WallTime now);
// Takes these back, as far as they are there, and releases the post if nothing else holds it.
Result<void> take_marks(storage::Connection& connection, Id id, const std::vector<std::string>& marks);
// Holds the post for an operator, beside the marks that are not over; what is held by one already, or withdrawn, stays as it is.
Result<void> put_hold(storage::Connection& connection, Id id, const std::string& reason, WallTime now);
// Ends the hold of an operator, with `withdrawn` also a withdrawal, and gives what the post is held for still: that, or the marks
// that are not over; "" if there is nothing, and then it is released. kNotFound: there is no such post.
Result<std::string> take_hold(storage::Connection& connection, Id id, WallTime now, bool withdrawn);

// Gives how many posts were released. `all`: also of marks that are not over, when nobody else is at work.
Result<std::int64_t> release_abandoned_deletions(storage::Database& database, WallTime now, bool all = false);

// Deletes what has come back of posts that are withdrawn, and waits for nothing. Gives how many recipients; an error if one of the
// posts was in trouble, behind all that could be done.
Result<std::int64_t> finish_withdrawals(storage::Database& database, const Clock& clock);

inline constexpr char kDeletionsJob[] = "deletions";
storage::Job make_deletions_job(const Clock& clock);

// A post that is to reach nobody any more, nor those who have digests, waits for none.
Result<void> take_out_of_digest(storage::Database& database, Id post_id);

}  // namespace essaim::smtpd::operate
