#include "lists/staging.h"

#include <algorithm>
#include <memory>

#include "core/base/crash_point.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::PostStore;

class Staging : public std::enable_shared_from_this<Staging> {
 public:
  Staging(storage::Database& database, const std::vector<Body>& bodies,
          std::function<void(Result<void>)> done)
      : database_(database), done_(std::move(done)) {
    for (const Body& body : bodies) {
      if (!PostStore::is_large(body.bytes)) continue;
      const std::int64_t pieces = PostStore::pieces(body.bytes);
      for (std::int64_t first = 0; first < pieces; first += PostStore::kStagedTogether)
        steps_.push_back({body, first});
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
  struct Step {
    Body body;
    std::int64_t first_piece;
  };
  Result<void> store(storage::Connection& connection) const {
    const Step& step = steps_[at_];
    PostStore posts(connection);
    // What an earlier decision of the same submission has left there may be another text.
    if (step.first_piece == 0) ESSAIM_TRY(posts.unstage(step.body.post_id, step.body.form));
    return posts.stage(step.body.post_id, step.body.form, step.body.bytes, step.first_piece);
  }

  storage::Database& database_;
  std::vector<Step> steps_;
  std::size_t at_ = 0;
  const std::function<void(Result<void>)> done_;
};

}  // namespace

bool wants_staging(const storage::Database& database, const std::vector<Body>& bodies) {
  return database.wants_small_transactions() &&
         std::any_of(bodies.begin(), bodies.end(),
                     [](const Body& body) { return PostStore::is_large(body.bytes); });
}

void stage(storage::Database& database, const std::vector<Body>& bodies,
           std::function<void(Result<void>)> done) {
  std::make_shared<Staging>(database, bodies, std::move(done))->next();
}

}  // namespace essaim::lists
