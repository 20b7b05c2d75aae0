#include "lists/held/remind.h"

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/header_block.h"
#include "lists/held/answer.h"
#include "lists/held/keys.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::HeldKind;
using storage::HeldRecord;

constexpr std::size_t kMostNamed = 100;
constexpr std::string_view kQuestion = "answer+";

// The key of what a notice of ours asks about with a message attached; "": it is none such.
std::string key_in(const std::string& notice) {
  const auto header = mail::HeaderBlock::parse(notice);
  if (!header.ok() || !mail::content_type_of(*header).is("multipart", "mixed")) return "";
  const std::string to = header->value("Reply-To").value_or("");
  if (!to.starts_with(kQuestion)) return "";
  std::string key = to.substr(kQuestion.size(), to.find('@') - kQuestion.size());
  return is_key(key) ? key : "";
}

}  // namespace

std::string line_about(const HeldRecord& post) {
  return "  " + post.key + "  " + post.author + "  " + bytes_for_display(static_cast<double>(post.size)) +
         "  " + escaped_for_display(post.subject, 120);
}

Result<bool> ask_without_message(WriteContext& context, const storage::PostRecord& notice,
                                 const smtp::Address& to, const std::string& reply) {
  auto beginning = storage::PostStore(context.connection).beginning(notice.id);
  if (!beginning.ok() && beginning.error().code == ErrorCode::kNotFound) return false;
  if (!beginning.ok()) return beginning.error();
  const std::string key = key_in(*beginning);
  if (key.empty()) return false;
  auto held = storage::HeldStore(context.connection).find_by_key(key);
  if (!held.ok()) return held.error();
  if (!held->has_value() || (*held)->kind != HeldKind::kModeration ||
      !what_became_of(**held, context.now, "en").empty())
    return false;
  auto list = list_of(context.connection, **held);
  if (!list.ok()) return list.error();
  if (list->domain.empty()) return false;
  Asking asking;
  asking.only = recipient_of_mail(to);
  asking.refused = escaped_for_display(reply, 300);
  ESSAIM_TRY(ask_deciders(context, *list, **held, asking));
  return true;
}

Result<void> remind_moderators(WriteContext& context, const storage::ListRecord& list,
                               const HeldRecord& due) {
  storage::HeldStore store(context.connection);
  storage::HeldFilter filter;
  filter.list_id = list.id;
  filter.kind = HeldKind::kModeration;
  filter.limit = kMostNamed + 1;
  auto waiting = store.search(filter);
  if (!waiting.ok()) return waiting.error();
  std::size_t named = 0;
  std::string posts;
  for (const HeldRecord& held : *waiting) {
    if (held.expires <= context.now || named == kMostNamed) continue;
    ++named;
    posts += (posts.empty() ? "" : "\n") + line_about(held);
  }
  if (waiting->size() > kMostNamed) posts += "\n  ...";
  const ListSettings settings = settings_of(list);
  auto people = people_behind(context, list.id, storage::Role::kEditor);
  if (!people.ok()) return people.error();
  ServiceMail mail;
  mail.message = "moderate_reminder";
  mail.list = &list;
  mail.to = std::move(*people);
  mail.shown_to = list.local + "-editor@" + list.domain;
  mail.reply_to = settings.robot;
  mail.replied = false;
  mail.values = {{"posts", posts}, {"link", link_to_answer(context.services.site, due.key)}};
  for (const HeldRecord& held : *waiting) mail.require_tls = mail.require_tls || requires_tls(held);
  return send_service_mail(context, mail);
}

}  // namespace essaim::lists
