#include "lists/bounces.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/held/remind.h"
#include "lists/list_marks.h"
#include "lists/notices.h"
#include "lists/owner_report.h"
#include "lists/people.h"
#include "lists/relay.h"
#include "lists/reports.h"
#include "storage/bouncer_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

bool same_person(const smtp::Address& a, const smtp::Address& b) {
  return a.domain == b.domain && a.local_key() == b.local_key();
}

// A list that is a member, and from which the post has come: it takes every other one. Owners need no report of it, as the ring ends
// with each post.
bool ends_ring(std::string_view reply) {
  return reply.starts_with("554 5.4.6 " + std::string(kHasBeenHere));
}

// Of what was said about a member it is a bounce that nobody else is to blame for.
bool is_bounce(const DeliveryFailure& failure) {
  return failure.member_id != 0 && !failure.about_message && !failure.unclear && !ends_ring(failure.reply) &&
         failure.post->kind != storage::PostKind::kNotice;
}

// A notice to the postmaster that fails is not told to the postmaster: who is a list would get one about each member that cannot
// be reached, and that one fails again.
Result<bool> tells_itself(const Services& services, storage::Connection& connection,
                          const DeliveryFailure& failure) {
  if (same_person(failure.address, services.site.postmaster)) return true;
  if (failure.post->list_id != 0) return false;
  auto people = postmasters(connection, services.site);
  if (!people.ok()) return people.error();
  return std::any_of(people->begin(), people->end(), [&failure](const storage::BatchRecipient& one) {
    return same_person(failure.address, {one.local, one.domain});
  });
}

// One notice a day about the same owner: spam to a list's owners comes by the hundred.
Result<bool> tell_postmaster(const Services& services, storage::Connection& connection,
                             const DeliveryFailure& failure, WallTime now) {
  const storage::PostRecord& post = *failure.post;
  const std::string who = failure.address.to_string();
  const bool ours = post.kind == storage::PostKind::kNotice;
  std::string key = (ours ? "notice-failure:" : "owner-failure:") + failure.address.local_key() + "@" +
                    failure.address.domain + ":";
  put_u64(&key, static_cast<std::uint64_t>(to_millis(now) / 86'400'000));
  const Id id = services.ids->next();
  auto told = storage::PostStore(connection).remember(post.list_id, key, id, now);
  if (!told.ok()) return told.error();
  if (told->has_value()) return false;
  NoticePost notice;
  notice.id = id;
  auto to = postmasters(connection, services.site);
  if (!to.ok()) return to.error();
  notice.recipients = *std::move(to);
  notice.shown_to = services.site.postmaster.to_string();
  notice.automatic = mail::AutoSubmitted::kGenerated;
  notice.subject = ours ? std::string("Undeliverable: a notice or report of this server")
                        : (failure.unclear ? "Perhaps undeliverable" : "Undeliverable") +
                              std::string(": mail for the owners of ") +
                              (post.list_address.empty() ? "this site" : post.list_address);
  const char* what = "Mail to somebody who looks after a list could not be delivered.";
  if (ours) what = "A message of this server itself could not be delivered.";
  if (failure.unclear)
    what =
        "Mail to somebody who looks after a list came back, in a form that cannot be read. The reply below "
        "is "
        "how it begins.";
  notice.text = std::string(what) +
                "\n\n  list:       " + (post.list_address.empty() ? "none" : post.list_address) +
                "\n  recipient:  " + escaped_for_display(who, 256) + "\n  queue id:   " + format_id(post.id) +
                "\n  from:       " + escaped_for_display(post.sender.empty() ? "<>" : post.sender, 256) +
                "\n  subject:    " + escaped_for_display(post.subject, 256) +
                "\n  host:       " + escaped_for_display(failure.host, 256) +
                "\n  reply:      " + escaped_for_display(failure.reply, 600) +
                "\n\nThere will be no other notice about this recipient and list today.\n";
  ESSAIM_TRY(add_notice(services, connection, notice, now, services.rank()));
  return true;
}

}  // namespace

std::int64_t bounce_revision(const storage::PostRecord& post) {
  return post.kind == storage::PostKind::kList ? post.list_revision : storage::MemberStore::kOfAnyPost;
}

Result<bool> forgive_failure(storage::Connection& connection, const DeliveryFailure& failure) {
  if (!is_bounce(failure)) return false;
  auto taken =
      storage::MemberStore(connection).take_back_bounce(failure.member_id, bounce_revision(*failure.post));
  if (!taken.ok() || !*taken) return taken;
  ESSAIM_TRY(storage::BouncerStore(connection).take_back(failure.member_id));
  return true;
}

Result<RecordedFailures> record_failures(const Services& services, storage::Connection& connection,
                                         const std::vector<DeliveryFailure>& failures) {
  RecordedFailures out;
  const WallTime now = services.clock->wall_now();
  storage::MemberStore members(connection);
  Id looked_at = 0;
  for (const DeliveryFailure& failure : failures) {
    const storage::PostRecord& post = *failure.post;
    const bool for_owners =
        post.kind == storage::PostKind::kList && (failure.about_message || says_expired(failure.reply));
    const bool for_sender = post.kind == storage::PostKind::kForward && !post.sender.empty();
    if ((for_owners || for_sender) && post.id != looked_at) {
      ESSAIM_TRY(report_soon(connection, post.id, now));
      looked_at = post.id;
      out.reports = true;
    }
    if (post.kind == storage::PostKind::kNotice && post.explanation == kExpendable) {
      log::info("notice-failed",
                {{"id", format_id(post.id)}, {"to", failure.address.to_string()}, {"reply", failure.reply}});
      continue;
    }
    if (post.kind == storage::PostKind::kNotice) {
      log::warning(
          "notice-failed",
          {{"id", format_id(post.id)}, {"to", failure.address.to_string()}, {"reply", failure.reply}});
      if (failure.about_message) {
        WriteContext context{services, connection, now, services.rank()};
        auto asked = ask_without_message(context, post, failure.address, failure.reply);
        if (!asked.ok()) return asked.error();
        if (*asked) {
          ++out.notices;
          continue;
        }
      }
      if (!services.reporting.notices_to_postmaster) continue;
      auto round = tells_itself(services, connection, failure);
      if (!round.ok()) return round.error();
      if (*round) continue;
      auto told = tell_postmaster(services, connection, failure, now);
      if (!told.ok()) return told.error();
      if (*told) ++out.notices;
      continue;
    }
    if (failure.member_id != 0 && failure.about_message) {
      if (!says_expired(failure.reply))
        log::warning("message-refused", {{"id", format_id(post.id)},
                                         {"list", post.list_address},
                                         {"to", failure.address.to_string()},
                                         {"reply", failure.reply}});
    } else if (is_bounce(failure)) {
      ESSAIM_TRY(members.record_bounce(failure.member_id, escaped_for_display(failure.reply, 300), now,
                                       bounce_revision(post)));
      ESSAIM_TRY(storage::BouncerStore(connection).note(failure.member_id, now, bounce_revision(post)));
      ++out.members;
    }
    if (post.kind != storage::PostKind::kForward) continue;
    if (is_relayed(post)) continue;  // whose sender hears of it
    log::warning("owner-mail-failed", {{"id", format_id(post.id)},
                                       {"list", post.list_address},
                                       {"to", failure.address.to_string()},
                                       {"reply", failure.reply}});
    // The postmaster's own mail is not reported to the postmaster: it would fail the same way.
    if (!services.reporting.owners_to_postmaster || failure.member_id == 0 ||
        same_person(failure.address, services.site.postmaster))
      continue;
    auto told = tell_postmaster(services, connection, failure, now);
    if (!told.ok()) return told.error();
    if (*told) ++out.notices;
  }
  return out;
}

}  // namespace essaim::lists
