#include "lists/held/keys.h"

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "lists/held/view.h"
#include "lists/verified.h"

namespace essaim::lists {

std::string new_key() {
  return base32_encoded(random_key(kKeyLength * 5 / 8));
}

bool is_key(std::string_view text) {
  if (text.size() != kKeyLength) return false;
  return text.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz") == text.npos;
}

std::string link_to_answer(const Site& site, const std::string& key) {
  return site.base_url.empty() ? "" : site.base_url + "/held/" + key;
}

std::string waiting_key(const Request& request) {
  std::string out = std::string(row_of(request.verb).name) + " " + ascii_lowered(request.email.to_string()) +
                    " " + ascii_lowered(request.previous.to_string()) + " " +
                    (request.list.id == 0 ? request.list.local : "");
  // Of these nobody's membership is all of it.
  const bool is_all = request.changes.empty() && request.verb != Verb::kRename &&
                      request.verb != Verb::kForgetName && request.verb != Verb::kDeleteText &&
                      request.verb != Verb::kBlock && request.verb != Verb::kUnblock;
  if (is_all) return out;
  std::string details;
  for (const auto& [name, value] : details_of(request)) details += name + "=" + value + "\n";
  return out + " " + base32_encoded(octets(sha256(details)).substr(0, 20));
}

bool requires_tls(const storage::HeldRecord& held) {
  return held.details.contains("requiretls");
}

namespace {

Result<ServiceMail> question_about(WriteContext& context, const storage::ListRecord& list,
                                   const storage::HeldRecord& held, const Asking& asking) {
  using storage::HeldKind;
  ESSAIM_CHECK(held.kind == HeldKind::kModeration || held.kind == HeldKind::kApproval ||
               held.kind == HeldKind::kListmaster);
  const ListSettings settings = settings_of(list);
  const bool post = held.kind == HeldKind::kModeration;
  auto people = held.kind == HeldKind::kListmaster
                    ? listmasters(context, list.domain_id)
                    : people_behind(context, list.id, post ? storage::Role::kEditor : storage::Role::kOwner);
  if (!people.ok()) return people.error();
  const auto address = [&](const char* what) {
    return std::string(what) + "+" + held.key + "@" + list.domain;
  };
  ServiceMail mail;
  mail.message = post ? "moderate" : "approval";
  mail.list = &list;
  mail.to = asking.only ? std::vector{*asking.only} : std::move(*people);
  mail.shown_to = held.kind == HeldKind::kListmaster
                      ? "listmaster@" + list.domain
                      : list.local + (post ? "-editor@" : "-owner@") + list.domain;
  mail.reply_to = "answer+" + held.key;
  if (asking.message.size() <= kMostAttached) mail.attachment = asking.message;
  mail.require_tls = requires_tls(held);
  mail.replied = false;
  const auto span = std::chrono::duration_cast<Duration>(held.expires - context.now);
  mail.values = {{"key", held.key},
                 {"approve", address("approve")},
                 {"reject", address("reject")},
                 {"ban", address("ban")},
                 {"reply_to", address("answer")},
                 {"link", link_to_answer(context.services.site, held.key)},
                 {"days", in_days(span)},
                 {"rule", held.rule},
                 {"author", held.author},
                 {"who", held.author},
                 {"subject", post ? escaped_for_display(held.subject, 200) : held.subject},
                 {"size", bytes_for_display(static_cast<double>(held.size))},
                 {"reminder", asking.reminder ? "1" : ""}};
  if (post) {
    mail.values["attached"] = mail.attachment.empty() ? "" : "1";
    mail.values["refused"] = asking.refused;
    // Where no page shows it.
    if (mail.attachment.empty() && mail.values["link"].empty()) {
      auto words = asking.message.empty() ? beginning_of(context, held) : beginning_of(asking.message);
      if (!words.ok()) return words.error();
      for (const std::string_view line : split(trimmed(*words), '\n'))
        mail.values["words"] += (mail.values["words"].empty() ? "  " : "\n  ") + std::string(line);
    }
    mail.values["doubt"] = doubt_about_author(held, settings.language);
    for (const std::string& check : checks_of(held)) mail.values["checks"] += "\n  " + check;
  }
  if (!post) {
    auto request = request_of(held.details, list);
    if (!request.ok()) return request.error();
    mail.values["what"] = described(*request, settings.language);
    mail.values["name"] = request->name;
    if (list.id == 0) mail.values["list"] = request->list.address();
  }
  return mail;
}

}  // namespace

Result<void> ask_deciders(WriteContext& context, const storage::ListRecord& list,
                          const storage::HeldRecord& held, const Asking& asking) {
  const auto mail = question_about(context, list, held, asking);
  if (!mail.ok()) return mail.error();
  return send_service_mail(context, *mail);
}

Result<std::optional<ReadyNotice>> make_question(WriteContext& context, const storage::ListRecord& list,
                                                 const storage::HeldRecord& held, const Asking& asking) {
  const auto mail = question_about(context, list, held, asking);
  if (!mail.ok()) return mail.error();
  return make_service_mail(context, *mail);
}

}  // namespace essaim::lists
