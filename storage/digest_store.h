// Posts that wait to be sent together, and the digests of lists. Functions run inside the caller's transaction on the caller's
// connection. The text of what waits is kept, though the post is finished (post_retention.cc).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

struct WaitingForDigest {
  Id list_id = 0;
  std::int64_t posts = 0;  // with those that an operator holds
  std::optional<WallTime>
      oldest;  // when the first of those was added that nobody holds; nothing: all are held
};

struct DigestsMade {
  std::int64_t number = 0;  // of the last one; 0: there was none
  WallTime made{};
};

class DigestStore {
 public:
  explicit DigestStore(Connection& connection) : connection_(connection) {}

  // In the transaction that accepts the post. Again is the same.
  Result<void> add_post(Id list_id, Id post_id, WallTime now);
  // For each list for which posts wait, by id; also of lists that are no more.
  Result<std::vector<WaitingForDigest>> waiting();
  // Those of a list in the order of their ids, but for those that an operator holds.
  Result<std::vector<Id>> posts(Id list_id, std::size_t limit);
  // False: somebody else has taken one of them, or takes it just now; the transaction is to be rolled back.
  Result<bool> take_posts(Id list_id, std::span<const Id> posts);
  Result<void> remove_post(Id post_id);  // whatever list it waits for
  // Up to a thousand of a list that is no more. How many.
  Result<std::int64_t> remove_some(Id list_id);
  Result<bool> waits(Id post_id);
  Result<bool> any_waits();

  Result<DigestsMade> made(Id list_id);
  Result<void> set_made(Id list_id, const DigestsMade& made);
  Result<void> forget_list(Id list_id);

 private:
  Connection& connection_;
};

// In a condition on rows of a post `p`: a digest waits for it.
inline constexpr std::string_view kWaitsForDigest =
    "EXISTS (SELECT 1 FROM digest_post d WHERE d.post_id = p.id)";

}  // namespace essaim::storage
