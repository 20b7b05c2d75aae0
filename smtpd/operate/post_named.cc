#include "smtpd/operate/post_named.h"

#include "storage/held_trail.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {

Result<std::optional<storage::PostRecord>> post_named(storage::Connection& connection, Id id) {
  storage::PostStore posts(connection);
  auto post = posts.find(id);
  if (!post.ok() || post->has_value()) return post;
  const auto last = storage::follow_trail(connection, id);
  if (!last.ok()) return last.error();
  return *last == id ? std::move(post) : posts.find(*last);
}

}  // namespace essaim::smtpd::operate
