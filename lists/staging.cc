#include "lists/staging.h"

#include <algorithm>
#include <memory>

#include "core/base/crash_point.h"
#include "storage/held_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::HeldStore;
using storage::PostStore;

constexpr std::size_t kTogether = PostStore::kStagedTogether * PostStore::kPiece;  // octets of a transaction
// Where it is a file: storing so much takes its one writer some 20 ms.
constexpr std::size_t kTogetherInFile = 8U << 20;
static_assert(HeldStore::kPiece == PostStore::kPiece &&
              HeldStore::kPiecesTogether == PostStore::kStagedTogether);

class Staging : public std::enable_shared_from_this<Staging> {
 public:
  Staging(storage::Database& database, const std::vector<Body>& bodies,
          std::function<void(Result<void>)> done)
      : database_(database), done_(std::move(done)) {
    std::size_t together = 0;
    for (const Body& body : bodies) {
      for (std::size_t at = 0; at < body.bytes.size(); at += kTogether) {
        const std::size_t octets = std::min(kTogether, body.bytes.size() - at);
        if (steps_.empty() || together + octets > kTogether) {
          steps_.emplace_back();
          together = 0;
        }
        steps_.back().push_back({body, static_cast<std::int64_t>(at / PostStore::kPiece)});
        together += octets;
      }
    }
  }

  void next() {
    if (at_ == steps_.size()) return done_({});
    database_.write(
        storage::Durability::kProgress,
        [self = shared_from_this()](storage::Connection& connection) { return self->store(connection); },
        [self = shared_from_this()](const Result<void>& result) {
          if (!result.ok()) return self->done_(result);
          ESSAIM_CRASH_POINT("stage.after-commit");
          ++self->at_;
          self->next();
        });
  }

 private:
  struct Part {
    Body body;
    std::int64_t first_piece;
  };
  using Step = std::vector<Part>;  // of one transaction
  Result<void> store(storage::Connection& connection) const {
    PostStore posts(connection);
    HeldStore held(connection);
    for (const auto& [body, first_piece] : steps_[at_]) {
      // What an earlier decision of the same submission has left there may be another text.
      if (body.waits) {
        if (first_piece == 0) ESSAIM_TRY(held.unstage(body.id));
        ESSAIM_TRY(held.stage(body.id, body.bytes, first_piece));
      } else {
        if (first_piece == 0) ESSAIM_TRY(posts.unstage(body.id, body.form));
        ESSAIM_TRY(posts.stage(body.id, body.form, body.bytes, first_piece));
      }
    }
    return {};
  }

  storage::Database& database_;
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  const std::function<void(Result<void>)> done_;
};

}  // namespace

bool wants_staging(const storage::Database& database, const std::vector<Body>& bodies) {
  std::size_t octets = 0;
  for (const Body& body : bodies) octets += body.bytes.size();
  return octets > (database.wants_small_transactions() ? kTogether : kTogetherInFile);
}

void stage(storage::Database& database, const std::vector<Body>& bodies,
           std::function<void(Result<void>)> done) {
  std::make_shared<Staging>(database, bodies, std::move(done))->next();
}

}  // namespace essaim::lists
