#include "lists/owner_report.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/text.h"
#include "core/mail/report.h"
#include "core/smtp/reply.h"
#include "lists/notices.h"
#include "lists/people.h"
#include "lists/settings.h"
#include "lists/templates/phrases.h"
#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

// The enhanced code of a reply in the ledger or of a reason in a report: "552 5.3.4 too big" -> "5.3.4"; "" if it has none.
std::string enhanced_of(const std::string& reply) {
  const auto words = split(reply, ' ');
  for (std::size_t i = 0; i < std::min<std::size_t>(words.size(), 2); ++i) {
    const std::string_view word = words[i];
    if (word.size() >= 5 && word[1] == '.' && word.find_first_not_of("0123456789.") == word.npos)
      return std::string(word);
  }
  return "";
}

std::string text_of(const storage::PostRecord& post, const PostFailures& failures,
                    const std::string& language) {
  const auto say = [&language](std::string_view english, const Values& values = {}) {
    return phrase(language, english, values);
  };
  std::string out = say("A post to {{list}} did not reach everybody, and not because of the members:",
                        {{"list", post.list_address}}) +
                    "\n\n";
  if (failures.later)
    out += "  " +
           say("a server took it and reports now that it refused the message itself (its size, its content, "
               "its form or where it comes from); others may do the same") +
           "\n";
  if (failures.about_message > 0)
    out += "  " +
           say("members whose servers refused the message itself (its size, its content, its form or where "
               "it comes from): {{count}}",
               {{"count", std::to_string(failures.about_message)}}) +
           "\n";
  if (failures.expired > 0)
    out += "  " +
           say("members to whom it was not delivered in time (the replies say what it waited for): {{count}}",
               {{"count", std::to_string(failures.expired)}}) +
           "\n";
  out += "\n  Queue-ID:    " + format_id(post.id) +
         "\n  Message-ID:  " + escaped_for_display(post.message_id, 256) + "\n  " + say("From") + ": " +
         escaped_for_display(post.author, 256) + "\n  " + say("Subject") + ": " +
         escaped_for_display(post.subject, 256) + "\n\n";
  for (const PostFailures::One& one : failures.named) {
    out += "  " + escaped_for_display(one.recipient.local + "@" + one.recipient.domain, 256) + "\n    " +
           escaped_for_display(one.reply, 300) + "\n";
    if (!one.proven)
      out +=
          "    (" + say("not proven: whoever has a copy of this post could have written that report") + ")\n";
  }
  const auto named = static_cast<std::int64_t>(failures.named.size());
  if (const std::int64_t more = failures.about_message + failures.expired - named; more > 0)
    out += "  " + say("further members: {{count}}", {{"count", std::to_string(more)}}) + "\n";
  return out + "\n" +
         (failures.later ? say("There will be no other report of this kind about this post.")
                         : say("There will be no other report about this post.")) +
         " " + say("The list's setting report_failures turns them off.") + "\n";
}

// English of one that is gone.
Result<std::string> language_of_list(storage::Connection& connection, Id list_id) {
  auto list = storage::DirectoryStore(connection).find_list_by_id(list_id);
  if (!list.ok()) return list.error();
  return list->has_value() ? settings_of(**list).language : std::string("en");
}

Result<std::vector<storage::BatchRecipient>> readers_of(const Services& services,
                                                        storage::Connection& connection, Id list_id) {
  std::vector<storage::BatchRecipient> owners;
  ESSAIM_TRY(storage::MemberStore(connection)
                 .for_each(list_id, storage::Role::kOwner, [&owners](const storage::MemberRecord& owner) {
                   if (owner.has_mail()) owners.push_back({0, owner.local, owner.domain});
                   return true;
                 }));
  auto out = people_among(connection, std::move(owners), list_id);
  if (out.ok() && out->empty() && services.reporting.lists_to_postmaster)
    out = postmasters(connection, services.site);
  return out;
}

}  // namespace

bool says_expired(std::string_view reply) {
  return reply.starts_with("554 4.4.7 delivery time expired");
}

Result<PostFailures> post_failures(storage::Connection& connection, Id post_id) {
  PostFailures out;
  // One batch at a time: a big post has thousands, and recipients are decoded where somebody failed only.
  auto batches = storage::BatchStore(connection).of_post(post_id, false);
  if (!batches.ok()) return batches.error();
  for (const storage::BatchRecord& row : *batches) {
    if (row.failed == 0) continue;
    auto loaded = storage::BatchStore(connection).load(post_id, row.number, true);
    if (!loaded.ok() && loaded.error().code == ErrorCode::kDamaged) continue;
    if (!loaded.ok()) return loaded.error();
    if (!loaded->has_value()) continue;
    const storage::BatchRecord& batch = **loaded;
    for (std::size_t i = 0; i < batch.progress.recipients.size(); ++i) {
      const storage::RecipientStatus& status = batch.progress.recipients[i];
      if (status.state != storage::RecipientState::kFailed) continue;
      const std::string& reply = batch.progress.replies[status.reply];
      const storage::MarkedHost host = storage::split_host(batch.progress.hosts[status.host]);
      if (says_expired(reply)) {
        ++out.expired;
      } else if (host.about_message) {
        ++out.about_message;
      } else {
        continue;
      }
      if (out.named.size() < PostFailures::kNamed)
        out.named.push_back({batch.recipients[i], reply, std::string(host.host)});
    }
  }
  return out;
}

Result<void> add_owner_report(const Services& services, storage::Connection& connection,
                              const storage::PostRecord& post, const PostFailures& failures,
                              std::string_view beginning, WallTime now, std::int64_t rank) {
  auto readers = readers_of(services, connection, post.list_id);
  if (!readers.ok()) return readers.error();
  if (readers->empty()) return {};
  const auto language = language_of_list(connection, post.list_id);
  if (!language.ok()) return language.error();
  const Id id = services.ids->next();
  const std::size_t at = post.list_address.rfind('@');
  mail::Report out;
  out.from_address = "postmaster@" + services.site.hostname;
  out.to_address = post.list_address.substr(0, at) + "-owner" + post.list_address.substr(at);
  out.subject = phrase(*language, "Undelivered: a post to {{list}}", {{"list", post.list_address}});
  out.text = text_of(post, failures, *language);
  out.date = now;
  out.message_id = "<" + format_id(id) + "@" + services.site.hostname + ">";
  out.in_reply_to = post.message_id;
  out.reporting_mta = services.site.hostname;
  out.arrival = post.accepted;
  for (const PostFailures::One& one : failures.named) {
    mail::ReportRecipient recipient;
    recipient.address = smtp::Address{one.recipient.local, one.recipient.domain}.to_string();
    recipient.status = enhanced_of(one.reply);
    recipient.diagnostic = one.reply;
    recipient.remote_mta = one.host.substr(0, one.host.find('['));
    out.recipients.push_back(std::move(recipient));
  }
  out.original = beginning;
  auto composed = mail::compose_report(out);
  if (!composed.ok()) return composed.error();

  storage::PostRecord notice;
  notice.id = id;
  notice.list_id = post.list_id;
  notice.list_address = post.list_address;
  notice.list_revision = post.list_revision;
  notice.author = out.from_address;
  notice.message_id = out.message_id;
  notice.subject = out.subject;
  if (post.tls == storage::TlsRequest::kRequired) notice.tls = post.tls;
  return store_notice(connection, std::move(notice), composed->message, std::move(*readers), now, rank);
}

Result<bool> report_late_refusal(const Services& services, storage::Connection& connection,
                                 const storage::PostRecord& post, const PostFailures::One& refused,
                                 WallTime now) {
  auto list = storage::DirectoryStore(connection).find_list_by_id(post.list_id);
  if (!list.ok()) return list.error();
  if (!list->has_value() || !settings_of(**list).report_failures) return false;
  storage::PostStore posts(connection);
  std::string key = "refused-later:";
  put_u64(&key, static_cast<std::uint64_t>(post.id));
  auto told = posts.remember(0, key, post.id, now);
  if (!told.ok()) return told.error();
  if (told->has_value()) return false;
  auto beginning = posts.beginning(post.id);
  if (!beginning.ok() && beginning.error().code != ErrorCode::kNotFound) return beginning.error();
  PostFailures failures;
  failures.named = {refused};
  failures.later = true;
  ESSAIM_TRY(add_owner_report(services, connection, post, failures, beginning.ok() ? *beginning : "", now,
                              services.rank()));
  return true;
}

}  // namespace essaim::lists
