#include "smtpd/operate/post_text.h"

#include <cstdint>

#include "core/base/log.h"
#include "smtpd/operate/deletion_marks.h"
#include "storage/digest_store.h"
#include "storage/post_again.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {
namespace {

using storage::Connection;
using storage::Database;
using storage::Durability;
using storage::PostStore;

enum class State { kUnknown, kGone, kForDigest, kWaits, kReported, kReady };

struct Looked {
  State state = State::kUnknown;
  std::string list;
  std::int64_t pending = 0;
};

Result<Looked> look(Connection& connection, Id id) {
  Looked out;
  PostStore posts(connection);
  auto found = posts.find(id);
  if (!found.ok()) return found.error();
  if (!found->has_value()) return out;
  out.list = (*found)->list_address;
  auto there = storage::can_be_sent(connection, id);
  if (!there.ok()) return there.error();
  auto digest = storage::DigestStore(connection).waits(id);
  if (!digest.ok()) return digest.error();
  out.state = *digest ? State::kForDigest : State::kGone;
  if (!*there) return out;
  auto counts = posts.counts(id);
  if (!counts.ok()) return counts.error();
  out.pending = counts->pending;
  out.state = State::kWaits;
  if (!(*found)->expanded || out.pending > 0) return out;
  // Of the posts that are not settled the first from this one on.
  auto settled = posts.settled(id - 1, 1, WallTime::max());
  if (!settled.ok()) return settled.error();
  const bool ready = settled->ids == std::vector<Id>{id};
  out.state = ready ? State::kReady : State::kReported;
  return out;
}

// What settling has left of a long text, or an interruption.
Result<void> drop_rest(Database& database, Id id) {
  for (std::int64_t dropped = 1; dropped > 0;) {
    auto some =
        database.write_now(Durability::kAccept, [id](Connection& c) { return PostStore(c).drop_forms(id); });
    if (!some.ok()) return some.error();
    dropped = *some;
  }
  return {};
}

}  // namespace

Result<TextRemoval> remove_post_text(Database& database, std::span<const Id> posts, bool dry_run) {
  TextRemoval out;
  for (const Id id : posts) {
    auto looked = database.read_now([id](Connection& c) { return look(c, id); });
    if (!looked.ok()) return looked.error();
    if (looked->state == State::kReady && !dry_run) {
      std::int64_t settled = 0;
      const auto settle = [id, &settled](Connection& c) -> Result<void> {
        ESSAIM_TRY(storage::DigestStore(c).remove_post(id));
        auto done = PostStore(c).settle({&id, 1}, WallTime::max());
        if (!done.ok()) return done.error();
        settled = done->posts;
        return {};
      };
      ESSAIM_TRY(database.write_now(Durability::kAccept, settle));
      // Else somebody was taken up again since it was looked at, or it was settled by the job.
      if (settled == 0) {
        looked = database.read_now([id](Connection& c) { return look(c, id); });
        if (!looked.ok()) return looked.error();
      }
    }
    const std::string post = "post " + format_id(id);
    switch (looked->state) {
      case State::kUnknown:
        out.unknown.push_back(id);
        break;
      case State::kGone:
        if (!dry_run) ESSAIM_TRY(drop_rest(database, id));
        out.gone.push_back(id);
        break;
      case State::kWaits:
        out.refused.push_back(post + ": " + std::to_string(looked->pending) +
                              " of its recipients still wait for it; first: essaim queue delete " +
                              format_id(id));
        break;
      case State::kReported:
        out.refused.push_back(
            post +
            ": a report about it is to be made, which quotes its header; a running server does "
            "that within a minute, or: essaim job run reports");
        break;
      case State::kForDigest:
      case State::kReady:
        if (!dry_run) {
          ESSAIM_TRY(take_out_of_digest(database, id));
          ESSAIM_TRY(drop_rest(database, id));
          log::info("post-text", {{"id", format_id(id)}, {"list", looked->list}, {"result", "removed"}});
        }
        out.removed.push_back(id);
        break;
    }
  }
  return out;
}

}  // namespace essaim::smtpd::operate
