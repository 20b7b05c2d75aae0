#include "lists/notices.h"

#include "core/base/text.h"
#include "core/mail/downgrade.h"
#include "core/mail/header_block.h"
#include "lists/priority.h"
#include "storage/expansion.h"
#include "storage/post_store.h"

namespace essaim::lists {

constexpr std::chrono::hours kNoticeExpire{24 * 5};

namespace {

ReadyNotice make_ready(storage::PostRecord post, const std::string& composed, std::size_t recipients,
                       WallTime now) {
  const auto shorter = mail::with_short_lines(composed);  // of what is attached
  ReadyNotice out{std::move(post), shorter ? *shorter : composed, "", {}};
  out.post.kind = storage::PostKind::kNotice;
  out.post.size = static_cast<std::int64_t>(out.message.size());
  out.post.accepted = now;
  out.post.expires = now + kNoticeExpire;
  out.post.priority = priority_of(recipients);
  // A transaction for each: hosts refuse the null reverse-path with several recipients, as no true bounce has them.
  out.post.mode = storage::CopyMode::kPersonal;
  if (!is_ascii(out.message)) {
    out.post.eight_bit = true;
    out.seven_bit = mail::downgraded_to_7bit(out.message).message;
    const auto header = mail::HeaderBlock::parse(out.message);
    out.post.smtputf8 = header.ok() && !is_ascii(header->serialise());
  }
  return out;
}

}  // namespace

Result<void> store_notice(storage::Connection& connection, storage::PostRecord post,
                          const std::string& composed, std::vector<storage::BatchRecipient> to, WallTime now,
                          std::int64_t rank) {
  ReadyNotice ready = make_ready(std::move(post), composed, to.size(), now);
  return storage::add_expanded(connection, &ready.post, ready.message, ready.seven_bit, rank, std::move(to));
}

Result<ReadyNotice> make_notice(const Services& services, const NoticePost& notice, WallTime now) {
  mail::Notice text;
  text.from_address = notice.list != nullptr ? notice.list->local + "-owner@" + notice.list->domain
                                             : "postmaster@" + services.site.hostname;
  if (!notice.from.empty()) text.from_address = notice.from;
  text.to_address = notice.to.empty() ? notice.shown_to : notice.to.to_string();
  text.attachment = notice.attachment;
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
  if (notice.list != nullptr) {
    post.list_id = notice.list->id;
    post.list_address = notice.list->address();
    post.list_revision = notice.list->revision;
  }
  post.author = text.from_address;
  post.message_id = text.message_id;
  post.subject = notice.subject;
  if (notice.expendable) post.explanation = kExpendable;
  if (notice.require_tls) post.tls = storage::TlsRequest::kRequired;
  if (notice.members > 0) return make_ready(std::move(post), *rendering, notice.members, now);
  // Not under the member's id: one who has just left would be passed over as one who has left.
  std::vector<storage::BatchRecipient> to = notice.recipients;
  if (to.empty()) to.push_back({0, notice.to.local, notice.to.domain});
  ReadyNotice ready = make_ready(std::move(post), *rendering, to.size(), now);
  ready.to = std::move(to);
  return ready;
}

Result<void> store_notice(storage::Connection& connection, const ReadyNotice& ready, std::int64_t rank,
                          bool staged) {
  storage::PostRecord post = ready.post;
  post.staged = staged;
  return storage::add_expanded(connection, &post, ready.message, ready.seven_bit, rank, ready.to);
}

Result<void> add_notice(const Services& services, storage::Connection& connection, const NoticePost& notice,
                        WallTime now, std::int64_t rank) {
  const auto ready = make_notice(services, notice, now);
  if (!ready.ok()) return ready.error();
  if (notice.members > 0)
    return storage::PostStore(connection).add(ready->post, ready->message, ready->seven_bit);
  return store_notice(connection, *ready, rank, false);
}

}  // namespace essaim::lists
