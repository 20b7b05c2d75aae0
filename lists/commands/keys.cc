// Answers by mail to what waits: confirm+KEY, approve+KEY, reject+KEY, ban+KEY, answer+KEY. The key is the authority: who has
// it may answer, from whatever address. A machine's answer counts for nothing.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/base/counters.h"
#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "core/mail/readable.h"
#include "lists/commands/answer_limit.h"
#include "lists/commands/answer_words.h"
#include "lists/commands/confirmation.h"
#include "lists/commands/parse.h"
#include "lists/commands/robot.h"
#include "lists/held/answer.h"
#include "lists/held/prepare.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"
#include "lists/templates/spoken.h"
#include "storage/held_store.h"

namespace essaim::lists {
namespace {

constexpr std::string_view kConfirm = "confirm+";  // the address of questions to one person

constexpr std::string_view kPunctuation = " \t.,:;!-()\"'*";

std::string_view bare(std::string_view text) {
  const auto begin = text.find_first_not_of(kPunctuation);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kPunctuation) + 1 - begin);
}

enum class Behind { kNothing, kThanks, kReason };  // what may stand behind a word, besides punctuation
struct Word {
  Spoken meaning;
  Verdict verdict;
  Behind behind;
  bool ban = false;
};

constexpr std::array kWords = {
    Word{Spoken::kApprove, Verdict::kApprove, Behind::kThanks},
    Word{Spoken::kApproveOnly, Verdict::kApprove, Behind::kNothing},
    Word{Spoken::kReject, Verdict::kReject, Behind::kReason},
    Word{Spoken::kRejected, Verdict::kReject, Behind::kThanks},
    Word{Spoken::kRejectOnly, Verdict::kReject, Behind::kNothing},
    Word{Spoken::kBan, Verdict::kReject, Behind::kThanks, true},
};

// The line for the command robot, which stands in the question as well: "DISTRIBUTE dev KEY".
std::optional<Answer> command_in(std::string_view line, std::string_view key) {
  const Command command = parse_command(line);
  if (command.key != key) return std::nullopt;
  Answer answer;
  answer.quiet = command.quiet;
  switch (command.kind) {
    case CommandKind::kDistribute:
    case CommandKind::kConfirm:
      return command.name.empty() ? std::optional(answer) : std::nullopt;
    case CommandKind::kReject:
    case CommandKind::kDecline:
      answer.verdict = Verdict::kReject;
      answer.reason = command.name;
      return answer;
    default:
      return std::nullopt;
  }
}

// Of the first line of an answer to answer+`key`.
std::optional<Answer> answer_in(std::string line, std::string_view key) {
  line = with_plain_blanks(std::move(line));
  if (auto answer = command_in(line, key)) return answer;
  // Programs that make plain text of bold letters write "*approve*".
  std::string_view all = line;
  all.remove_prefix(std::min(all.find_first_not_of("*\"'"), all.size()));
  const auto end = std::min(all.find_first_of(" \t.,:;!*\"'"), all.size());
  const std::string_view rest = bare(all.substr(end));
  for (const Word& known : kWords) {
    if (!says(all.substr(0, end), known.meaning)) continue;
    Answer answer;
    answer.verdict = known.verdict;
    answer.ban = known.ban;
    if (rest.empty() || (known.behind != Behind::kNothing && says(rest, Spoken::kThanks))) return answer;
    if (known.behind != Behind::kReason || rest.front() == '?') return std::nullopt;
    const std::string_view reason = trimmed(all.substr(end));
    answer.reason = std::string(reason.substr(reason.find_first_not_of(" \t.,:;!-*\"'")));
    return answer;
  }
  return std::nullopt;
}

class KeyPlan : public Plan {
 public:
  KeyPlan(std::shared_ptr<const Target> target, Answer answer, Requester who, PreparedAnswers prepared)
      : Plan(std::move(target)),
        answer_(std::move(answer)),
        who_(std::move(who)),
        prepared_(std::move(prepared)) {}

  std::vector<Body> bodies() const override { return prepared_.bodies(); }

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
    const PreparedAnswers prepared{prepared_.all, context.staged};
    write.prepared = &prepared;
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
    auto counted =
        storage::AnswerStore(write.connection).count(ascii_lowered(who_.address.to_string()), write.now);
    if (!counted.ok()) return counted.error();
    if (*counted > kMostAnswers) {
      write.connection.behind_commit([] { count(Counter::kLimitedNotices); });
      return {};
    }
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
  PreparedAnswers prepared_;
};

// The name and the address in From, as words.
std::string author_of(const Incoming& incoming) {
  std::string out;
  const mail::HeaderField* const from = incoming.header.find("From");
  if (from == nullptr) return out;
  for (const mail::Mailbox& one : mail::parse_address_list(from->raw_value()).mailboxes) {
    std::string local = one.local;
    for (char& c : local)
      if (c == '_' || c == '-' || c == '+') c = ' ';
    out += mail::decode_encoded_words(one.name) + " " + local + " ";
  }
  return out;
}

Result<PreparedAnswers> prepared_for(const PlanContext& context, const Target& target, const Answer& answer,
                                     const Requester& who) {
  PreparedAnswers out;
  // Those of several would be in memory together.
  if (context.submission.recipients.size() != 1) return out;
  auto held = storage::HeldStore(context.connection).find(target.held_id);
  if (!held.ok()) return held.error();
  if (!held->has_value()) return out;
  WriteContext reading{context.services, context.connection, context.services.clock->wall_now()};
  reading.require_tls = context.submission.require_tls;
  ESSAIM_TRY(prepare_answer(reading, **held, answer, who, &out));
  return out;
}

Planned unreadable() {
  constexpr const char* kRule = "unreadable-answer";
  return {nullptr,
          refusal(550, "5.6.1",
                  "your answer cannot be read, it is encrypted or in a format of its own: write it as plain "
                  "text",
                  kRule),
          kRule};
}

}  // namespace

Result<Planned> plan_key(const PlanContext& context, std::shared_ptr<const Target> target) {
  // Questions have a null sender and are marked as automatic; a machine that answers them all the same speaks for nobody. It
  // is told by the marks by which commands are refused, those of old answering machines among them.
  if (rules::automatic({context.submission, context.incoming, *target, Facts{}}, "automatic"))
    return Planned{nullptr, refusal(550, "5.7.1", "an automatic answer confirms nothing", "automatic"),
                   "automatic"};
  auto who = requester_of(context, *target);
  if (!who.ok()) return who.error();
  Answer answer;
  const auto text = mail::answer_text(context.incoming.header, context.incoming.body);
  const std::string line = first_line(text.value_or(""));
  switch (target->key_verb) {
    case KeyVerb::kApprove: {
      if (!starts_with_ignoring_case(target->address.local, kConfirm)) break;
      if (!text) return unreadable();
      auto held = storage::HeldStore(context.connection).find(target->held_id);
      if (!held.ok()) return held.error();
      const bool to_leave = held->has_value() && verb_named((*held)->detail("verb")) == Verb::kUnsubscribe;
      const std::string author = author_of(context.incoming);
      if (to_leave ? confirms_leaving(*text, author) : confirms(*text, author)) break;
      return Planned{nullptr,
                     refusal(550, "5.6.0",
                             "nothing was confirmed, the answer does not say yes: to confirm write yes and "
                             "nothing else, or else do nothing",
                             "said-no"),
                     "said-no"};
    }
    case KeyVerb::kReject:
      answer.verdict = Verdict::kReject;
      answer.reason = line;
      break;
    case KeyVerb::kBan:
      answer.verdict = Verdict::kReject;
      answer.ban = true;
      break;
    case KeyVerb::kAnswer: {
      if (!text) return unreadable();
      const std::string local = ascii_lowered(target->address.local);
      auto said = answer_in(line, std::string_view(local).substr(local.find('+') + 1));
      if (!said)
        return Planned{
            nullptr,
            refusal(550, "5.6.0", "the first line must be approve, ban, or reject and why", "no-answer"),
            "no-answer"};
      answer = *std::move(said);
      break;
    }
  }
  auto prepared = prepared_for(context, *target, answer, *who);
  if (!prepared.ok()) return prepared.error();
  Planned planned;
  planned.plan =
      std::make_unique<KeyPlan>(std::move(target), std::move(answer), *std::move(who), *std::move(prepared));
  return planned;
}

}  // namespace essaim::lists
