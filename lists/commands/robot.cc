// The command robot: mail with commands becomes requests, and one answer with what became of each. Also what comes to
// LIST-subscribe and LIST-unsubscribe, and commands to LIST-request.
#include "lists/commands/robot.h"

#include <algorithm>
#include <optional>

#include "core/base/encoding.h"
#include "core/base/random.h"
#include "core/base/text.h"
#include "core/mail/readable.h"
#include "lists/advice.h"
#include "lists/commands/answer_limit.h"
#include "lists/commands/parse.h"
#include "lists/commands/run.h"
#include "lists/facts.h"
#include "lists/held/prepare.h"
#include "lists/refusal.h"
#include "lists/rules/rule.h"
#include "lists/templates/catalogue.h"
#include "storage/held_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

class CommandsPlan : public Plan {
 public:
  CommandsPlan(std::shared_ptr<const Target> target, Commands commands, Requester who,
               std::optional<std::string> named_lists, PreparedAnswers prepared)
      : Plan(std::move(target)),
        commands_(std::move(commands)),
        who_(std::move(who)),
        named_lists_(std::move(named_lists)),
        prepared_(std::move(prepared)) {}

  std::vector<Body> bodies() const override { return prepared_.bodies(); }

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "commands";
    const auto* const before = static_cast<const CommandState*>(context.progress.get());
    if (before == nullptr) {
      auto first = remember(context);
      if (!first.ok()) return first.error();
      if (first->has_value()) {
        out.repeated = true;
        out.words = "commands taken before as " + format_id(**first);
        out.fields = {{"first", format_id(**first)}};
        return out;
      }
      ESSAIM_TRY(storage::AnswerStore(context.connection)
                     .count(ascii_lowered(who_.address.to_string()), context.now));
    }
    WriteContext write{context.services, context.connection, context.now, context.rank};
    write.require_tls = context.submission.require_tls;
    const PreparedAnswers prepared{prepared_.all, context.staged};
    write.prepared = &prepared;
    CommandRun run(write, target(), who_, named_lists_, before != nullptr ? *before : CommandState());
    const auto done = run.go_on(commands_);
    if (!done.ok()) return done.error();
    out.posted = write.posted;
    if (!*done) {
      // Of what fails behind this it is not to be said that it was taken before.
      if (before == nullptr) ESSAIM_TRY(forget(context));
      out.more = std::make_shared<const CommandState>(std::move(run.state));
      return out;
    }
    if (before != nullptr) {
      const auto first = remember(context);
      if (!first.ok()) return first.error();
    }
    ESSAIM_TRY(run.answer());
    out.posted = write.posted;
    out.words = "commands taken as " + format_id(id());
    out.fields = {{"by", who_.address.to_string()},
                  {"commands", static_cast<std::int64_t>(commands_.commands.size())}};
    return out;
  }

 private:
  // The robot belongs to its domain.
  Id remembered_with() const { return target().list.id != 0 ? target().list.id : target().list.domain_id; }

  // One mail may come to several of our addresses, and asks each for something else.
  std::string seen_key(const CommitContext& context) const {
    return std::string(to_string(target().kind)) + ":" + context.incoming.seen_key;
  }

  // As what they were taken before, if they were.
  Result<std::optional<Id>> remember(const CommitContext& context) const {
    if (context.incoming.seen_key.empty()) return std::optional<Id>();
    return storage::PostStore(context.connection)
        .remember(remembered_with(), seen_key(context), id(), context.now);
  }
  Result<void> forget(const CommitContext& context) const {
    if (context.incoming.seen_key.empty()) return {};
    return storage::PostStore(context.connection).forget(remembered_with(), seen_key(context), id());
  }

  Commands commands_;
  Requester who_;
  std::optional<std::string> named_lists_;
  PreparedAnswers prepared_;
};

// Large posts that these commands let go, as far as one mail may.
Result<PreparedAnswers> prepared_for(const PlanContext& context, const Commands& commands,
                                     const Requester& who) {
  PreparedAnswers out;
  WriteContext reading{context.services, context.connection, context.services.clock->wall_now()};
  reading.require_tls = context.submission.require_tls;
  for (const Command& command : commands.commands) {
    if (command.kind != CommandKind::kConfirm && command.kind != CommandKind::kDistribute) continue;
    for (const std::string& key : keys_in(command)) {
      auto held = storage::HeldStore(context.connection).find_by_key(key);
      if (!held.ok()) return held.error();
      if (held->has_value()) ESSAIM_TRY(prepare_answer(reading, **held, Answer{}, who, &out));
    }
  }
  return out;
}

// "" where nothing tells.
Result<std::string> language_of_asker(const PlanContext& context) {
  auto memberships = storage::MemberStore(context.connection).of_person(*context.incoming.author, 20);
  if (!memberships.ok()) return memberships.error();
  for (const storage::MemberRecord& member : *memberships) {
    if (is_language(member.language)) return member.language;
  }
  for (const char* field : {"Accept-Language", "Content-Language"}) {
    if (const auto value = context.incoming.header.value(field)) {
      if (std::string language = language_of(*value); !language.empty()) return language;
    }
  }
  return std::string();
}

Planned refused(smtp::Reply reply, std::string_view rule) {
  return Planned{nullptr, std::move(reply), std::string(rule)};
}

// Anybody may write any From, and shall not learn in the dialogue who is on a list.
bool is_surely_author(const Submission& submission, const Incoming& incoming) {
  return submission.login || !submission.judged || !submission.authentication ||
         (submission.authentication->author_authenticated() && of_verified_domain(submission, incoming));
}

// What can be answered in the dialogue is: one request that a rule refuses, or a member that is none.
Result<std::optional<Planned>> refused_at_once(const PlanContext& context, const Target& target,
                                               const Requester& who) {
  using Answer = std::optional<Planned>;
  const bool leaving = target.kind == TargetKind::kLeave;
  if (leaving && !who.is_vouched_for) return Answer();
  const std::string address = escaped_for_display(who.address.to_string(), 256);
  auto member =
      storage::MemberStore(context.connection).find(target.list.id, storage::Role::kMember, who.address);
  if (!member.ok()) return member.error();
  if (const std::string unseen = unseen_in(who.address); !leaving && !unseen.empty())
    return Answer(refused(refusal(550, "5.1.7",
                                  "your address has a character that nobody sees before the @, " + unseen +
                                      ": write from one without it",
                                  "invisible"),
                          "invisible"));
  if (leaving && !member->has_value())
    return Answer(
        refused(advised_refusal(550, "5.7.2", "<" + address + "> is no member of " + target.list.address(),
                                "write from the address that is one", target.list, "not-a-member"),
                "not-a-member"));
  // A rule may let those pass who are on the list already: that is not to be seen by who writes their From. So another of the same
  // domain is asked for.
  const std::string local = who.is_vouched_for ? who.address.local : hex_encoded(random_key(8));
  const std::string sender = ascii_lowered(smtp::Address{local, who.address.domain}.to_string());
  scenario::Question question;
  question.sender = question.email = sender;
  question.listname = target.list.local;
  question.domain = target.list.domain;
  question.auth = who.auth;
  question.remote_address = who.remote_address;
  question.now = context.services.clock->wall_now();
  auto decided = authorise(context.services, &context.connection, target.list,
                           leaving ? "unsubscribe" : "subscribe", question);
  if (!decided.ok()) return decided.error();
  if (decided->action.kind != scenario::ActionKind::kReject) return Answer();
  std::string words = reason_text("en", reason_of(decided->action));
  if (!is_ascii(words)) words = "not allowed";
  return Answer(
      refused(advised_refusal(550, "5.7.2", target.list.address() + ": " + escaped_for_display(words, 200),
                              "", target.list, decided->rule),
              decided->rule));
}

// The display name of a mailbox, in one line.
std::string mail_name(const mail::Mailbox& mailbox) {
  std::string out = mail::decode_encoded_words(mailbox.name);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return out.substr(0, 200);
}

}  // namespace

Result<Requester> requester_of(const PlanContext& context, const Target& target) {
  Requester who;
  if (context.incoming.author) {
    who.address = *context.incoming.author;
    auto language = language_of_asker(context);
    if (!language.ok()) return language.error();
    who.language_is_assumed = language->empty();
    who.language = language->empty() ? target.settings.language : *std::move(language);
  }
  who.auth = known_by(context.submission, context.incoming);
  who.is_vouched_for = is_surely_author(context.submission, context.incoming);
  who.client = context.submission.client;
  who.remote_address = context.submission.client_ip;
  who.in_reply_to = context.incoming.message_id;
  return who;
}

Result<Planned> plan_commands(const PlanContext& context, std::shared_ptr<const Target> target) {
  const Facts nothing;
  const Disposition disposition =
      decide(command_rules(), {context.submission, context.incoming, *target, nothing});
  if (disposition.kind == Disposition::Kind::kReject) return refused(disposition.reply, disposition.rule);
  auto who = requester_of(context, *target);
  if (!who.ok()) return who.error();
  // It takes no command to write there, and the address is in all archives.
  who->is_not_told = target->kind == TargetKind::kLeave && !who->is_vouched_for;
  auto answered = storage::AnswerStore(context.connection)
                      .counted(ascii_lowered(who->address.to_string()), context.services.clock->wall_now());
  if (!answered.ok()) return answered.error();
  if (*answered >= kMostAnswers) {
    // A robot that answers ours is ended for good, a member's too. Nothing of ours is answered to these two addresses, and
    // who leaves many lists at once writes to them.
    const bool for_one_thing = target->kind == TargetKind::kSubscribe || target->kind == TargetKind::kLeave;
    const char* words = "too many commands from you within the hour";
    return refused(
        for_one_thing ? refusal(450, "4.7.1", words, "rate") : refusal(550, "5.7.1", words, "rate"), "rate");
  }
  Commands commands;
  if (target->kind == TargetKind::kSubscribe || target->kind == TargetKind::kLeave) {
    auto at_once = refused_at_once(context, *target, *who);
    if (!at_once.ok()) return at_once.error();
    if (at_once->has_value()) return std::move(**at_once);
    Command command;
    command.kind =
        target->kind == TargetKind::kSubscribe ? CommandKind::kSubscribe : CommandKind::kUnsubscribe;
    command.list = target->list.address();
    command.line = target->address.to_string();
    command.word = target->kind == TargetKind::kSubscribe ? "SUBSCRIBE" : "SIGNOFF";
    if (target->kind == TargetKind::kSubscribe && context.incoming.from_fields == 1) {
      const auto from = mail::parse_address_list(context.incoming.header.find("From")->raw_value());
      if (from.mailboxes.size() == 1) command.name = mail_name(from.mailboxes.front());
    }
    commands.commands.push_back(std::move(command));
  } else {
    const std::string own = target->list.id != 0 ? target->list.address() : "";
    commands = parse_commands(context.incoming.subject,
                              mail::main_text(context.incoming.header, context.incoming.body), own);
  }
  if (commands.commands.empty())
    return refused(refusal(550, "5.6.0", "no command in it; send HELP", "no-command"), "no-command");
  std::optional<std::string> lists;
  const auto asks_for_lists = [](const Command& command) { return command.kind == CommandKind::kLists; };
  if (std::any_of(commands.commands.begin(), commands.commands.end(), asks_for_lists)) {
    auto named = named_lists(context.services, context.connection, domain_asked(*target), *who);
    if (!named.ok()) return named.error();
    lists = *std::move(named);
  }
  auto prepared = prepared_for(context, commands, *who);
  if (!prepared.ok()) return prepared.error();
  Planned planned;
  planned.plan = std::make_unique<CommandsPlan>(std::move(target), std::move(commands), *std::move(who),
                                                std::move(lists), *std::move(prepared));
  return planned;
}

// SmartList's habit: a subject that is exactly a command. Everything else is for the owners.
Result<Planned> plan_request_address(const PlanContext& context, std::shared_ptr<const Target> target) {
  const Commands found = parse_commands(context.incoming.subject, "", target->list.address());
  const bool command = found.commands.size() == 1 && (found.commands[0].kind == CommandKind::kSubscribe ||
                                                      found.commands[0].kind == CommandKind::kUnsubscribe);
  const bool ours =
      command &&
      (found.commands[0].list == target->list.local || found.commands[0].list == target->list.address()) &&
      found.commands[0].name.empty();
  if (ours) return plan_commands(context, std::move(target));
  auto owners = std::make_shared<Target>(*target);
  owners->kind = TargetKind::kOwners;
  return plan_forward(context, std::move(owners));
}

}  // namespace essaim::lists
