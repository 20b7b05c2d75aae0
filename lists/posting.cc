#include "lists/posting.h"

#include "core/base/text.h"
#include "lists/advice.h"
#include "lists/refusal.h"
#include "lists/templates/phrases.h"

namespace essaim::lists {

Result<Authorised> may_post(const Services& services, storage::Connection* connection,
                            const Submission& submission, const Incoming& incoming, const Target& target,
                            const Facts& facts) {
  const std::string sender = incoming.author ? ascii_lowered(incoming.author->to_string()) : "nobody";
  scenario::Question question;
  question.sender = sender;
  question.listname = target.list.local;
  question.domain = target.list.domain;
  const std::string written_to = target.address.local_key();
  question.written_to = written_to;
  question.auth = known_by(submission, incoming);
  question.sender_confirmed = submission.confirmed;
  question.header = &incoming.header;
  question.body = incoming.body;
  question.remote_address = submission.client_ip;
  question.now = services.clock->wall_now();
  if (!incoming.author) return authorise(services, connection, target.list, "send", question);
  const KnownPerson author{*incoming.author, facts};
  return authorise(services, connection, target.list, "send", question, &author);
}

smtp::Reply refusal_of(const Authorised& decision, const Target& target, const Incoming& incoming) {
  const scenario::Action& action = decision.action;
  if (action.quiet) return refusal(550, "5.7.1", "not accepted", decision.rule);
  // Replies are in English and ASCII (RFC 5321 §4.2).
  const std::string_view reason = reason_of(action);
  std::string words = reason_text("en", reason);
  if (!is_ascii(words)) words = "not allowed";
  const std::string author = incoming.author ? incoming.author->to_string() : "";
  return advised_refusal(550, "5.7.2", target.list.address() + ": " + escaped_for_display(words, 200),
                         advice_for(reason, target.list, target.settings.nobody_subscribes, author),
                         target.list, decision.rule);
}

}  // namespace essaim::lists
