#include "lists/service_mail.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/people.h"
#include "lists/policies.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/messages.h"
#include "lists/templates/mustache.h"
#include "lists/templates/span.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using People = Result<std::vector<storage::BatchRecipient>>;

// A site's own template is one text: "Subject: ..." on its first line, an empty line, and the words.
struct Template {
  std::string subject, text;
};

Template split_template(const std::string& stored) {
  Template out;
  std::string_view rest = stored;
  if (starts_with_ignoring_case(rest, "Subject:")) {
    const auto end = rest.find('\n');
    out.subject = std::string(trimmed(rest.substr(8, end == rest.npos ? end : end - 8)));
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (rest.starts_with("\r\n")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with("\n")) {
      rest.remove_prefix(1);
    }
  }
  out.text = std::string(rest);
  return out;
}

Result<Template> template_of(WriteContext& context, const ServiceMail& mail, const Message& message,
                             const std::string& language) {
  Template out{std::string(translated(language, message.subject)),
               std::string(translated(language, message.text))};
  for (const std::string& name : {std::string(message.name) + "." + language, std::string(message.name)}) {
    auto own = context.services.policies->text(&context.connection, *mail.list, name);
    if (!own.ok()) return own.error();
    if (*own == nullptr) continue;
    Template stored = split_template(**own);
    if (!stored.subject.empty()) out.subject = std::move(stored.subject);
    out.text = std::move(stored.text);
    break;
  }
  return out;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\r' || c == '\n' || c == '\0') c = ' ';
  }
  return text;
}

// None where `named` stand for nobody.
People people_or_named(WriteContext& context, std::vector<storage::BatchRecipient> named, Id of, Named as) {
  auto people = people_among(context.connection, named, of);
  if (as == Named::kAsPeople || !people.ok() || people->empty()) return people;
  return named;
}

People postmasters_or_named(WriteContext& context, Named as) {
  if (as == Named::kAsPeople) return postmasters(context.connection, context.services.site);
  const smtp::Address& postmaster = context.services.site.postmaster;
  return std::vector<storage::BatchRecipient>{{0, postmaster.local, postmaster.domain}};
}

// "sympa@lists.example.org"
std::string robot_address(const storage::ListRecord& list, const ListSettings& settings) {
  return settings.robot + "@" + list.domain;
}

bool is_for_somebody(const ServiceMail& mail) {
  ESSAIM_CHECK(mail.list != nullptr && (mail.members == 0 || !mail.shown_to.empty()));
  return !mail.to.empty() || mail.members > 0;
}

Result<NoticePost> notice_of(WriteContext& context, const ServiceMail& mail) {
  const Message* message = find_message(mail.message);
  ESSAIM_CHECK(message != nullptr);
  const ListSettings settings = settings_of(*mail.list);
  const std::string language = is_language(mail.language) ? mail.language : settings.language;
  auto words = template_of(context, mail, *message, language);
  if (!words.ok()) return words.error();
  Values values = common_values(*mail.list, settings);
  for (const auto& [name, value] : mail.values) values[name] = value;
  if (const auto days = values.find("days"); days != values.end())
    values["span"] = days_in_words(language, days->second);
  auto subject = fill(words->subject, values);
  auto text = fill(words->text, values);
  if (!subject.ok() || !text.ok()) {
    // Checked when it was saved; by another version, it seems. Ours can be filled.
    log::error("template-unusable",
               {{"template", std::string(message->name)},
                {"domain", mail.list->domain},
                {"error", subject.ok() ? text.error().message : subject.error().message}});
    subject = fill(translated(language, message->subject), values);
    text = fill(translated(language, message->text), values);
    if (!subject.ok()) return subject.error();
    if (!text.ok()) return text.error();
  }
  NoticePost notice;
  notice.id = context.services.ids->next();
  notice.recipients = mail.to;
  notice.members = mail.members;
  notice.shown_to = mail.shown_to;
  if (notice.shown_to.empty())
    notice.shown_to = smtp::Address{mail.to.front().local, mail.to.front().domain}.to_string();
  notice.expendable = mail.expendable;
  notice.list = mail.list->id == 0 ? nullptr : mail.list;
  if (mail.list->id == 0) notice.from = robot_address(*mail.list, settings);
  notice.subject = one_line(*std::move(subject));
  notice.text = *std::move(text);
  if (!mail.reply_to.empty()) notice.reply_to = mail.reply_to + "@" + mail.list->domain;
  notice.in_reply_to = mail.in_reply_to;
  notice.attachment = mail.attachment;
  notice.require_tls = mail.require_tls || context.require_tls;
  notice.automatic = mail.replied ? mail::AutoSubmitted::kReplied : mail::AutoSubmitted::kGenerated;
  return notice;
}

}  // namespace

Values common_values(const storage::ListRecord& list, const ListSettings& settings) {
  Values out;
  out["domain"] = list.domain;
  out["robot"] = robot_address(list, settings);
  if (list.id == 0) {
    out["owner"] = "listmaster@" + list.domain;
    return out;
  }
  out["list"] = list.address();
  out["local"] = list.local;
  out["description"] = settings.description;
  out["owner"] = list.local + "-owner@" + list.domain;
  out["leave"] = list.local + "-unsubscribe@" + list.domain;
  return out;
}

Result<void> send_service_mail(WriteContext& context, const ServiceMail& mail) {
  if (!is_for_somebody(mail)) return {};
  const auto notice = notice_of(context, mail);
  if (!notice.ok()) return notice.error();
  ESSAIM_TRY(add_notice(context.services, context.connection, *notice, context.now, context.rank));
  context.posted = true;
  return {};
}

Result<std::optional<ReadyNotice>> make_service_mail(WriteContext& context, const ServiceMail& mail) {
  ESSAIM_CHECK(mail.members == 0);
  if (!is_for_somebody(mail)) return std::optional<ReadyNotice>();
  const auto notice = notice_of(context, mail);
  if (!notice.ok()) return notice.error();
  auto ready = make_notice(context.services, *notice, context.now);
  if (!ready.ok()) return ready.error();
  return std::optional<ReadyNotice>(*std::move(ready));
}

People people_behind(WriteContext& context, Id list_id, storage::Role role, Named as) {
  const auto with = [&](storage::Role one) -> People {
    std::vector<storage::BatchRecipient> named;
    ESSAIM_TRY(storage::MemberStore(context.connection)
                   .for_each(list_id, one, [&named](const storage::MemberRecord& member) {
                     if (member.has_mail()) named.push_back({0, member.local, member.domain});
                     return true;
                   }));
    return people_or_named(context, std::move(named), list_id, as);
  };
  auto out = with(role);
  if (out.ok() && out->empty() && role == storage::Role::kEditor) out = with(storage::Role::kOwner);
  if (out.ok() && out->empty()) out = postmasters_or_named(context, as);
  return out;
}

People listmasters(WriteContext& context, Id domain_id, Named as) {
  const auto of = [&](Id scope) -> People {
    std::vector<storage::BatchRecipient> named;
    ESSAIM_TRY(
        storage::MemberStore(context.connection)
            .for_each(scope, storage::Role::kListmaster, [&named](const storage::MemberRecord& member) {
              named.push_back({0, member.local, member.domain});
              return true;
            }));
    return people_or_named(context, std::move(named), 0, as);
  };
  auto out = of(domain_id);
  if (out.ok() && out->empty() && domain_id != 0) out = of(0);
  if (out.ok() && out->empty()) out = postmasters_or_named(context, as);
  return out;
}

std::string in_days(Duration span) {
  return std::to_string(
      std::max<std::int64_t>(1, std::chrono::duration_cast<std::chrono::hours>(span).count() / 24));
}

}  // namespace essaim::lists
