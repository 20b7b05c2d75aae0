#include "lists/commands/run.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "lists/held/answer.h"
#include "lists/held/keys.h"
#include "lists/held/prepare.h"
#include "lists/person_name.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMostLists = 500;
constexpr std::size_t kMostKeys = 40;  // in one command
// Octets, about: what a list and its people are told of it, a decision with the batches of a post.
constexpr std::uint64_t kSpentOnList = 16U << 10;
constexpr std::uint64_t kSpentOnKey = 32U << 10;
// To who is not vouched for: what is longer is left out behind so much.
constexpr std::size_t kShort = 1'000;
constexpr std::size_t kEnough = std::size_t{32} * 1024;

std::string shown(const std::string& text) {
  return escaped_for_display(text, 300);
}

// Of these nothing is lost where what they say is left out.
bool only_tells(CommandKind kind) {
  switch (kind) {
    case CommandKind::kReview:
    case CommandKind::kInfo:
    case CommandKind::kStats:
    case CommandKind::kModIndex:
    case CommandKind::kWhich:
    case CommandKind::kLists:
      return true;
    default:
      return false;
  }
}

// Lines of a result stand under their command.
std::string indented(const std::string& text) {
  std::string out;
  for (const std::string_view line : split(text, '\n')) out += "  " + std::string(line) + "\n";
  return out;
}

// "": the next word does not look like one.
std::string take_key(std::string_view* rest) {
  const std::string_view word = rest->substr(0, rest->find_first_of(" \t,"));
  std::string key = ascii_lowered(word);
  if (!is_key(key)) return "";
  rest->remove_prefix(word.size());
  while (!rest->empty() && (rest->front() == ' ' || rest->front() == '\t' || rest->front() == ','))
    rest->remove_prefix(1);
  return key;
}

}  // namespace

std::vector<std::string> keys_in(const Command& command) {
  std::vector<std::string> out = {command.key};
  std::string_view rest = trimmed(command.name);
  while (out.size() < kMostKeys) {
    std::string key = take_key(&rest);
    if (key.empty()) break;
    out.push_back(std::move(key));
  }
  return out;
}

std::string CommandRun::say(std::string_view english, Values values) const {
  return phrase(who_.language, english, values);
}

storage::ListRecord domain_asked(const Target& target) {
  storage::ListRecord out = target.list;
  out.id = 0;
  out.local.clear();
  out.settings.clear();
  out.policy = 0;
  return out;
}

Result<std::optional<storage::ListRecord>> CommandRun::find_list(const std::string& name) {
  const auto at = name.rfind('@');
  const std::string& here = target_.list.domain;
  const std::string domain = at == name.npos ? here : name.substr(at + 1);
  auto list = storage::DirectoryStore(context_.connection).find_list_or_former(name.substr(0, at), domain);
  // A list of the domain may be named as it was in another one.
  if (list.ok() && list->has_value() && domain != here && (*list)->domain != here)
    return std::optional<storage::ListRecord>();
  if (list.ok() && list->has_value()) found_ = (*list)->address();
  return list;
}

std::string CommandRun::quoted(const Command& command) const {
  if (who_.is_vouched_for) return shown(command.line);
  if (command.word.empty()) return who_.repeated(command.line);
  const std::string list = command.list == "*" ? command.list : found_;
  return (command.quiet ? "QUIET " : "") + command.word + (list.empty() ? "" : " " + list);
}

Result<std::string> CommandRun::run(const Request& request) {
  auto response = carry_out(context_, request, who_);
  if (!response.ok()) return response.error();
  state.only_good = state.only_good && (response->status == Response::Status::kDone ||
                                        response->status == Response::Status::kWaits);
  return response->text;
}

Result<std::string> CommandRun::on_list(const Command& command, Verb verb) {
  auto list = find_list(command.list);
  if (!list.ok()) return list.error();
  if (!list->has_value())
    return say("there is no list {{list}}", {{"list", who_.repeated(shown(command.list))}});
  Request request;
  request.verb = verb;
  request.list = std::move(**list);
  request.email = who_.address;
  if (!command.email.empty()) {
    auto email = smtp::parse_mailbox(command.email, smtp::LocalPart::kUtf8);
    if (!email.ok()) return email.error();
    request.email = *std::move(email);
  }
  request.name = clean_name(command.name);
  request.quiet = command.quiet;
  if (verb == Verb::kSet) {
    const std::string& option = command.option;
    if (option == "conceal" || option == "noconceal") {
      request.options.conceal = option == "conceal";
    } else if (option == "normal" || option == "each" || option == "eachmail" || option == "nodigest") {
      request.reception = storage::Reception::kEach;
    } else if (const auto reception = storage::parse_reception(option)) {
      request.reception = reception;
    } else {
      return say("this list does not offer {{option}}", {{"option", option}});
    }
  }
  return run(request);
}

Result<std::string> CommandRun::on_all(const Command& command) {
  smtp::Address person = who_.address;
  if (!command.email.empty()) {
    auto email = smtp::parse_mailbox(command.email, smtp::LocalPart::kUtf8);
    if (!email.ok()) return email.error();
    person = *std::move(email);
  }
  if (state.lists.empty()) ESSAIM_TRY(begin_lists(person));
  const Verb verb = command.kind == CommandKind::kSetAll ? Verb::kSet : Verb::kUnsubscribe;
  for (; state.done < state.lists.size() && !is_full(); ++state.done) {
    auto list = storage::DirectoryStore(context_.connection).find_list_by_id(state.lists[state.done]);
    if (!list.ok()) return list.error();
    if (!list->has_value()) continue;
    Command single = command;
    single.list = (*list)->address();
    auto text = on_list(single, verb);
    if (!text.ok()) return text;
    spent_ += kSpentOnList;
    state.said += (state.said.empty() ? "" : "\n") + *text;
  }
  // Which lists somebody else is on is not told.
  if (!(person == who_.address))
    return say("{{email}} was asked to confirm", {{"email", who_.repeated(person)}});
  return state.said.empty() ? say("you are on no list") : state.said;
}

Result<void> CommandRun::begin_lists(const smtp::Address& person) {
  auto memberships = storage::MemberStore(context_.connection).of_person(person, kMostLists);
  if (!memberships.ok()) return memberships.error();
  for (const storage::MemberRecord& member : *memberships) {
    if (member.role != storage::Role::kMember) continue;
    auto list = storage::DirectoryStore(context_.connection).find_list_by_id(member.list_id);
    if (!list.ok()) return list.error();
    if (list->has_value() && (*list)->domain == target_.list.domain) state.lists.push_back(member.list_id);
  }
  return {};
}

Result<std::string> CommandRun::by_key(const Command& command) {
  auto held = is_key(command.key)
                  ? storage::HeldStore(context_.connection).find_by_key(command.key)
                  : Result<std::optional<storage::HeldRecord>>(std::optional<storage::HeldRecord>());
  if (!held.ok()) return held.error();
  const bool on_post = command.kind == CommandKind::kDistribute || command.kind == CommandKind::kReject;
  const auto list = on_post
                        ? find_list(command.list)
                        : Result<std::optional<storage::ListRecord>>(std::optional<storage::ListRecord>());
  if (!list.ok()) return list.error();
  const auto is_named = [&](const storage::HeldRecord& one) {
    if (list->has_value() && (*list)->id == one.list_id) return true;
    return one.list_address == command.list ||
           one.list_address.substr(0, one.list_address.find('@')) == command.list;
  };
  if (!held->has_value() ||
      (on_post && (!is_named(**held) || (*held)->kind != storage::HeldKind::kModeration)))
    return say("there is no such key");
  Answer answer;
  answer.by = "command";
  if (command.kind == CommandKind::kReject || command.kind == CommandKind::kDecline)
    answer.verdict = Verdict::kReject;
  answer.reason = cut_to(command.name, 500);
  answer.quiet = command.quiet;
  if (is_too_large(**held, answer))
    return say("this is too large to pass together with the others, answer it in a mail of its own");
  auto response = answer_held(context_, **held, answer, who_);
  if (!response.ok()) return response.error();
  if (response->decided && answer.verdict == Verdict::kApprove)
    state.let_go += static_cast<std::uint64_t>((*held)->size);
  const bool staged =
      context_.prepared != nullptr && context_.prepared->find((*held)->id, who_.name()) != nullptr;
  if (response->decided) spent_ += kSpentOnKey;
  if (response->decided && answer.verdict == Verdict::kApprove && !staged)
    spent_ += 2 * static_cast<std::uint64_t>((*held)->size);
  return response->text;
}

bool CommandRun::is_too_large(const storage::HeldRecord& held, const Answer& answer) {
  return answer.verdict == Verdict::kApprove && held.is_post() &&
         held.state == storage::HeldState::kWaiting && state.let_go > 0 &&
         state.let_go + static_cast<std::uint64_t>(held.size) > kMostPrepared;
}

Result<void> CommandRun::begin_keys(const Command& command) {
  state.keys = {command.key};
  std::string_view rest = trimmed(command.name);
  while (state.keys.size() < kMostKeys) {
    const std::string key = take_key(&rest);
    if (key.empty()) break;
    // A reason may begin with a word that looks like one.
    auto held = storage::HeldStore(context_.connection).find_by_key(key);
    if (!held.ok()) return held.error();
    if (!held->has_value()) break;
    state.keys.push_back(key);
  }
  return {};
}

Result<std::string> CommandRun::by_keys(const Command& command) {
  if (state.keys.empty()) ESSAIM_TRY(begin_keys(command));
  std::string_view reason = trimmed(command.name);
  for (std::size_t i = 1; i < state.keys.size(); ++i) take_key(&reason);
  for (; state.done < state.keys.size() && !is_full(); ++state.done) {
    const std::string& key = state.keys[state.done];
    Command single = command;
    single.key = key;
    single.name = std::string(reason);
    auto text = by_key(single);
    if (!text.ok()) return text;
    if (state.done > 0) state.said += "\n";
    if (state.keys.size() > 1) state.said += (is_key(key) ? key : who_.repeated(key)) + ": ";
    state.said += *text;
  }
  return state.said;
}

Result<std::string> CommandRun::one(const Command& command) {
  Request about;
  about.list = domain_asked(target_);
  about.email = who_.address;
  switch (command.kind) {
    case CommandKind::kSubscribe:
      return on_list(command, Verb::kSubscribe);
    case CommandKind::kUnsubscribe:
      return on_list(command, Verb::kUnsubscribe);
    case CommandKind::kAdd:
      return on_list(command, Verb::kAdd);
    case CommandKind::kDelete:
      return on_list(command, Verb::kDelete);
    case CommandKind::kInvite:
      return on_list(command, Verb::kInvite);
    case CommandKind::kSet:
      return on_list(command, Verb::kSet);
    case CommandKind::kReview:
      return on_list(command, Verb::kReview);
    case CommandKind::kInfo:
      return on_list(command, Verb::kInfo);
    case CommandKind::kStats:
      return on_list(command, Verb::kStats);
    case CommandKind::kRemind:
      return on_list(command, Verb::kRemind);
    case CommandKind::kModIndex:
      return on_list(command, Verb::kModIndex);
    case CommandKind::kUnsubscribeAll:
    case CommandKind::kSetAll:
      return on_all(command);
    case CommandKind::kRemindAll:
      about.verb = Verb::kRemindAll;
      return run(about);
    case CommandKind::kWhich:
      about.verb = Verb::kWhich;
      return run(about);
    case CommandKind::kLists:
      about.verb = Verb::kLists;
      about.answer = named_lists_;
      return run(about);
    case CommandKind::kHelp:
      state.help = true;
      return std::string();
    case CommandKind::kVerify:
      return say("you are known as {{email}}, by {{auth}}",
                 {{"email", who_.address.to_string()}, {"auth", scenario::to_string(who_.auth)}});
    case CommandKind::kConfirm:
    case CommandKind::kDecline:
      return by_key(command);
    case CommandKind::kDistribute:
    case CommandKind::kReject:
      return by_keys(command);
    case CommandKind::kArchive:
      return say("there are no archives by mail");
    case CommandKind::kBadlyWritten:
      return say("{{line}}: {{usage}} is how it is written",
                 {{"line", quoted(command)}, {"usage", say(command.usage)}});
    case CommandKind::kUnknown:
      return say("not a command: {{line}}", {{"line", quoted(command)}});
  }
  return Error{ErrorCode::kInternal, "a command of no known kind"};
}

bool CommandRun::is_repeated(const Command& command) {
  switch (command.kind) {
    case CommandKind::kReview:
    case CommandKind::kInfo:
    case CommandKind::kStats:
    case CommandKind::kRemind:
    case CommandKind::kRemindAll:
    case CommandKind::kModIndex:
    case CommandKind::kWhich:
    case CommandKind::kLists:
    case CommandKind::kUnsubscribeAll:
      return !state.done_once.emplace(command.kind, command.list, command.email).second;
    default:
      return false;
  }
}

bool CommandRun::is_too_much(const Command& command) {
  const bool of_all = command.kind == CommandKind::kSetAll || command.kind == CommandKind::kUnsubscribeAll;
  return of_all && std::exchange(state.long_ones, true);
}

Result<bool> CommandRun::go_on(const Commands& commands) {
  const std::string not_told =
      say("not allowed: {{reason}}", {{"reason", reason_text(who_.language, "not_by_from")}});
  for (; state.next < commands.commands.size(); ++state.next) {
    if (is_full()) return false;
    const Command& command = commands.commands[state.next];
    found_.clear();
    // INFO of as many lists as a mail may name is a hundred times what was asked, and whoever gets it did not ask, perhaps. Of
    // what was done the result stands there, however long.
    const bool enough = !who_.is_vouched_for && state.results.size() > kEnough;
    const bool begun = state.done > 0;
    const auto done = [&]() -> Result<std::string> {
      if (!begun && is_repeated(command)) return say("this stands above already, and is done once in a mail");
      if (!begun && enough && is_too_much(command)) return not_told;
      auto text = one(command);
      if (enough && only_tells(command.kind) && text.ok() && text->size() > kShort) return not_told;
      return text;
    };
    const auto text = done();
    if (!text.ok()) return text.error();
    if (state.done < std::max(state.lists.size(), state.keys.size())) return false;
    state.lists.clear();
    state.keys.clear();
    state.said.clear();
    state.done = 0;
    spent_ += kSpentOnList + text->size();
    if (text->empty()) continue;
    state.results += "> " + quoted(command) + "\n" + indented(*text) + "\n";
  }
  if (commands.more)
    state.results += say("further commands were left out: there are more than {{count}}",
                         {{"count", std::to_string(kMostCommands)}}) +
                     "\n";
  return true;
}

Result<void> CommandRun::answer() {
  // Who writes to LIST-subscribe or LIST-unsubscribe gets the question, the welcome or the goodbye, and that will do.
  const bool by_address = target_.kind == TargetKind::kSubscribe || target_.kind == TargetKind::kLeave;
  if (by_address && state.only_good) return {};
  if (who_.is_not_told) return {};
  const storage::ListRecord list = domain_asked(target_);
  ServiceMail mail;
  mail.list = &list;
  mail.language = who_.language;
  mail.to = {recipient_of_mail(who_.address)};
  mail.in_reply_to = who_.in_reply_to;
  if (!state.results.empty()) {
    mail.message = "answer";
    mail.values = {{"results", state.results}};
    ESSAIM_TRY(send_service_mail(context_, mail));
  }
  if (state.help) {
    mail.message = "help";
    ESSAIM_TRY(send_service_mail(context_, mail));
  }
  return {};
}

}  // namespace essaim::lists
