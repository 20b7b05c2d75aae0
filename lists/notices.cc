#include "lists/notices.h"

#include "storage/expansion.h"
#include "storage/post_store.h"

namespace essaim::lists {

constexpr std::chrono::hours kNoticeExpire{24 * 5};

Result<void> add_notice(const Services& services, storage::Connection& connection, const NoticePost& notice,
                        WallTime now, std::int64_t rank) {
  mail::Notice text;
  text.from_address = notice.list != nullptr ? notice.list->local + "-owner@" + notice.list->domain
                                             : "postmaster@" + services.site.hostname;
  text.to_address = notice.to.to_string();
  text.reply_to = notice.reply_to;
  text.subject = notice.subject;
  text.text = notice.text;
  text.date = now;
  text.message_id = "<" + format_id(notice.id) + "@" + services.site.hostname + ">";
  text.in_reply_to = notice.in_reply_to;
  text.auto_submitted = notice.automatic;
  auto rendering = mail::compose_notice(text);
  if (!rendering.ok()) return rendering.error();

  storage::PostRecord post;
  post.id = notice.id;
  post.kind = storage::PostKind::kNotice;
  if (notice.list != nullptr) {
    post.list_id = notice.list->id;
    post.list_address = notice.list->address();
    post.list_revision = notice.list->revision;
  }
  post.author = text.from_address;
  post.message_id = text.message_id;
  post.subject = notice.subject;
  post.size = static_cast<std::int64_t>(rendering->size());
  post.accepted = now;
  post.expires = now + kNoticeExpire;
  post.priority = 0;
  post.mode = storage::CopyMode::kCommon;
  ESSAIM_TRY(storage::PostStore(connection).add(post, *rendering));
  // Not under the member's id: one who has just left would be passed over as one who has left.
  return storage::expand_recipients(connection, &post, rank, {{0, notice.to.local, notice.to.domain}});
}

}  // namespace essaim::lists
