#include "core/base/text.h"
#include "core/mail/subject.h"
#include "lists/automatic_reply.h"
#include "lists/commands/parse.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"

namespace essaim::lists::rules {

Verdict null_sender(const RuleContext& context, std::string_view name) {
  if (!context.submission.reverse_path.empty()) return std::nullopt;
  return refusal(550, "5.7.1", "a null sender cannot be served here", name);
}

Verdict automatic_reply(const RuleContext& context, std::string_view name) {
  if (context.target.settings.automatic_replies_pass ||
      !is_automatic_reply(context.incoming.header, context.incoming.subject))
    return std::nullopt;
  return refusal(550, "5.7.1", "automatic answers are not distributed", name);
}

// Who writes "unsubscribe" to the list wants to leave it, and all members would read that. As LIST-request@ takes it:
// the whole subject; but an answer to such a post may be about it.
Verdict command(const RuleContext& context, std::string_view name) {
  if (context.target.settings.commands_pass) return std::nullopt;
  const storage::ListRecord& list = context.target.list;
  const std::string subject(trimmed(context.incoming.subject));
  if (mail::base_subject(subject) != subject) return std::nullopt;
  const Commands found = parse_commands(subject, "", list.address());
  if (found.commands.size() != 1) return std::nullopt;
  const Command& one = found.commands.front();
  const bool leaving = one.kind == CommandKind::kUnsubscribe;
  if ((!leaving && one.kind != CommandKind::kSubscribe) || !one.name.empty() || !one.email.empty() ||
      (one.list != list.local && one.list != list.address()))
    return std::nullopt;
  return refusal(550, "5.7.1",
                 std::string("this goes to all members: to ") + (leaving ? "leave" : "join") +
                     " the list write to " + list.local + (leaving ? "-unsubscribe@" : "-subscribe@") +
                     list.domain + ", to post it give it another subject",
                 name);
}

Verdict automatic(const RuleContext& context, std::string_view name) {
  if (!is_automatic(context.submission, context.incoming)) return std::nullopt;
  return refusal(550, "5.7.1", "automatic mail is not answered", name);
}

Verdict no_author(const RuleContext& context, std::string_view name) {
  if (context.incoming.from_names_others)
    return refusal(554, "5.6.0", "From has an entry that is no address and looks like one", name);
  if (context.incoming.from_fields == 1 && !context.incoming.authors.empty()) return std::nullopt;
  return refusal(554, "5.6.0",
                 context.incoming.from_fields > 1 ? "there is more than one From field"
                                                  : "there is no From field with an address",
                 name);
}

Verdict several_authors(const RuleContext& context, std::string_view name) {
  if (context.incoming.author) return std::nullopt;
  return refusal(554, "5.6.0", "From names several people, and no Sender field says who sent it", name);
}

}  // namespace essaim::lists::rules
