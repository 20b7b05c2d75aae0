#include "storage/cluster/job_fence.h"

#include "storage/sql.h"

namespace essaim::storage {

Work JobFence::until_the_end(Work work) const {
  return [&stopping = stopping_, name = turn_.name,
          work = std::move(work)](Connection& connection) -> Result<void> {
    if (stopping) return Error{ErrorCode::kCancelled, "job " + name + ": the server ends"};
    return work(connection);
  };
}

void JobFence::write(Durability durability, Work work, Done done) {
  const auto fenced = [lease = lease_, turn = turn_,
                       work = until_the_end(std::move(work))](Connection& connection) -> Result<void> {
    if (lease == nullptr) return work(connection);
    if (!lease->holds())
      return Error{ErrorCode::kConflict, "job " + turn.name + ": the lease of this node is over"};
    auto started = sql::number(connection, 0, "SELECT started FROM job WHERE name = ? AND node = ?",
                               turn.name, turn.node);
    if (!started.ok()) return started.error();
    if (*started != turn.started)
      return Error{ErrorCode::kConflict, "job " + turn.name + ": another node has taken the turn"};
    return work(connection);
  };
  database_.write(durability, fenced, std::move(done));
}

}  // namespace essaim::storage
