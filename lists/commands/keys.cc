// Answers by mail to what waits: confirm+KEY, approve+KEY, reject+KEY, ban+KEY, answer+KEY. The key is the authority: who has
// it may answer, from whatever address. A machine's answer counts for nothing.
#include "core/base/text.h"
#include "core/mail/readable.h"
#include "lists/commands/answer_limit.h"
#include "lists/commands/robot.h"
#include "lists/held/answer.h"
#include "lists/refusal.h"
#include "storage/held_store.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kLongestReason = 500;

// The first line that the answerer wrote: not quoted, not the line that announces a quotation, not the signature.
std::string first_line(const std::string& text) {
  for (const std::string_view raw : split(text, '\n')) {
    if (raw == "-- " || raw == "-- \r") break;
    const std::string_view line = trimmed(raw);
    if (line.empty()) continue;
    if (line.front() == '>' || line.front() == '|' || line.ends_with(':') || line.starts_with("-----")) break;
    return std::string(line.substr(0, kLongestReason));
  }
  return "";
}

std::optional<Answer> answer_in(const std::string& line) {
  const auto end = line.find_first_of(" \t.,:;!");
  const std::string word = ascii_lowered(std::string_view(line).substr(0, end));
  Answer answer;
  for (const std::string_view yes : {"approve", "approved", "distribute", "accept", "ok", "yes", "oui",
                                     "approuver", "accepter", "approuvé"}) {
    if (word == yes) return answer;
  }
  answer.verdict = Verdict::kReject;
  if (end != line.npos) answer.reason = std::string(trimmed(std::string_view(line).substr(end + 1)));
  for (const std::string_view no :
       {"reject", "rejected", "decline", "refuse", "no", "non", "refuser", "rejeter"}) {
    if (word == no) return answer;
  }
  answer.ban = word == "ban" || word == "block" || word == "bloquer";
  if (answer.ban) return answer;
  return std::nullopt;
}

class KeyPlan : public Plan {
 public:
  KeyPlan(std::shared_ptr<const Target> target, Answer answer, Requester who)
      : Plan(std::move(target)), answer_(std::move(answer)), who_(std::move(who)) {}

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "answer";
    auto held = storage::HeldStore(context.connection).find(target().held_id);
    if (!held.ok()) return held.error();
    if (!held->has_value()) {
      out.words = "nothing waits under this key any more";
      return out;
    }
    WriteContext write{context.services, context.connection, context.now, context.rank};
    write.require_tls = context.submission.require_tls;
    auto response = answer_held(write, **held, answer_, who_);
    if (!response.ok()) return response.error();
    // What was done shows by itself; what was not, and lists of members, are told.
    const bool tell =
        response->status != Response::Status::kDone || response->text.find('\n') != std::string::npos;
    if (tell && !who_.address.empty()) ESSAIM_TRY(answer(write, **held, *response));
    out.posted = write.posted;
    out.words = "noted as " + format_id(id());
    out.fields = {
        {"held", format_id((*held)->id)}, {"by", who_.address.to_string()}, {"rule", response->rule}};
    return out;
  }

 private:
  Result<void> answer(WriteContext& write, const storage::HeldRecord& held, const Response& response) const {
    auto count =
        storage::AnswerStore(write.connection).count(ascii_lowered(who_.address.to_string()), write.now);
    if (!count.ok()) return count.error();
    if (*count > kMostAnswers) return {};
    ServiceMail mail;
    mail.message = "answer";
    mail.list = &target().list;
    mail.language = who_.language;
    mail.to = {recipient_of_mail(who_.address)};
    mail.in_reply_to = who_.in_reply_to;
    auto about = words_about(write, held);
    if (!about.ok()) return about.error();
    mail.values = {{"results", "> " + *about + "\n  " + response.text + "\n"}};
    return send_service_mail(write, mail);
  }

  // What was asked, in the language of who answers.
  Result<std::string> words_about(WriteContext& write, const storage::HeldRecord& held) const {
    if (held.is_post()) return "\"" + escaped_for_display(held.subject, 200) + "\"";
    auto list = list_of(write.connection, held);
    if (!list.ok()) return list.error();
    const auto request = request_of(held.details, *list);
    return request.ok() ? described(*request, who_.language.empty() ? "en" : who_.language) : held.subject;
  }

  Answer answer_;
  Requester who_;
};

}  // namespace

Result<Planned> plan_key(const PlanContext& context, std::shared_ptr<const Target> target) {
  // Questions have a null sender and are marked as automatic; a machine that answers them all the same speaks for nobody.
  if (is_automatic(context.submission, context.incoming))
    return Planned{nullptr, refusal(550, "5.7.1", "an automatic answer confirms nothing", "automatic"),
                   "automatic"};
  auto who = requester_of(context, *target);
  if (!who.ok()) return who.error();
  Answer answer;
  const std::string line = first_line(mail::main_text(context.incoming.header, context.incoming.body));
  switch (target->key_verb) {
    case KeyVerb::kApprove:
      break;
    case KeyVerb::kReject:
      answer.verdict = Verdict::kReject;
      answer.reason = line;
      break;
    case KeyVerb::kBan:
      answer.verdict = Verdict::kReject;
      answer.ban = true;
      break;
    case KeyVerb::kAnswer: {
      auto said = answer_in(line);
      if (!said)
        return Planned{nullptr,
                       refusal(550, "5.6.0", "the first line must say approve, reject or ban", "no-answer"),
                       "no-answer"};
      answer = *std::move(said);
      break;
    }
  }
  Planned planned;
  planned.plan = std::make_unique<KeyPlan>(std::move(target), std::move(answer), *std::move(who));
  return planned;
}

}  // namespace essaim::lists
