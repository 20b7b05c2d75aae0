#include <optional>
#include <unordered_map>
#include <utility>

#include "core/base/text.h"
#include "lists/authorisation.h"
#include "lists/held/remind.h"
#include "lists/policies.h"
#include "lists/requests/verbs.h"
#include "lists/templates/catalogue.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::lists {
namespace {

using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

constexpr std::int64_t kMostNamed = 5'000;
constexpr std::size_t kMostLists = 2'000;
constexpr std::size_t kLongestAnswer = std::size_t{256} * 1024;
// To a From that anybody may have written: whoever has it did not ask, perhaps.
constexpr std::size_t kLongestForged = std::size_t{64} * 1024;

Response done(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return {Response::Status::kDone, std::move(text), ""};
}

Result<std::string> people(const Doing& doing, Role role) {
  std::string out;
  ESSAIM_TRY(MemberStore(doing.connection())
                 .for_each(doing.request.list.id, role, [&out](const MemberRecord& member) {
                   out += (out.empty() ? "" : ", ") + member.address();
                   return out.size() < 2'000;
                 }));
  return out;
}

// Who the requester is for each list, read at once.
class KnownRequester {
 public:
  static Result<KnownRequester> read(const Doing& doing) {
    KnownRequester out(doing.who.address);
    auto memberships = MemberStore(doing.connection()).of_person(doing.who.address, kMostLists);
    if (!memberships.ok()) return memberships.error();
    out.all_ = memberships->size() < kMostLists;
    for (const MemberRecord& member : *memberships) {
      Facts& facts = out.facts_[member.list_id];
      facts.member = facts.member || member.role == Role::kMember;
      facts.owner = facts.owner || member.role == Role::kOwner;
      facts.editor = facts.editor || member.role == Role::kEditor;
    }
    auto listmaster = is_listmaster(doing.connection(), doing.request.list.domain_id, doing.who.address);
    if (!listmaster.ok()) return listmaster.error();
    out.listmaster_ = *listmaster;
    return out;
  }

  // Nothing: who they are for this list has to be looked up.
  std::optional<KnownPerson> in(const storage::ListRecord& list) const {
    if (!all_) return std::nullopt;
    static const Facts nobody;
    const auto found = facts_.find(list.id);
    return KnownPerson{address_, found == facts_.end() ? nobody : found->second, listmaster_};
  }

 private:
  explicit KnownRequester(const smtp::Address& address) : address_(address) {}

  const smtp::Address& address_;
  std::unordered_map<Id, Facts> facts_;
  bool listmaster_ = false;
  bool all_ = true;  // there are no more memberships than were read
};

// Whether the requester sees that the list exists.
Result<bool> is_visible(const Doing& doing, const storage::ListRecord& list,
                        const KnownRequester& requester) {
  const std::string sender = ascii_lowered(doing.who.address.to_string());
  scenario::Question question;
  question.sender = sender.empty() ? std::string_view("nobody") : std::string_view(sender);
  question.listname = list.local;
  question.domain = list.domain;
  question.auth = doing.who.auth;
  question.now = doing.context.now;
  const auto person = requester.in(list);
  auto decided = authorise(doing.context.services, &doing.context.connection, list, "visibility", question,
                           person ? &*person : nullptr);
  if (!decided.ok()) return decided.error();
  return decided->action.kind == scenario::ActionKind::kDoIt;
}

std::string line_of(const storage::ListRecord& list) {
  const std::string description = settings_of(list).description;
  return "  " + list.address() + (description.empty() ? "" : "  " + description) + "\n";
}

}  // namespace

// Concealed members are shown to owners, editors and listmasters only.
Done review(const Doing& doing) {
  const storage::ListRecord& list = doing.request.list;
  MemberStore members(doing.connection());
  auto count = members.count(list.id, Role::kMember);
  if (!count.ok()) return count.error();
  std::string out = doing.say("members: {{count}}", {{"count", std::to_string(*count)}}) + "\n";
  if (*count > kMostNamed) return done(out + doing.say("too many members to name by mail"));
  bool sees_all = doing.who.is_operator;
  for (const Role role : {Role::kOwner, Role::kEditor}) {
    auto found = members.find(list.id, role, doing.who.address);
    if (!found.ok()) return found.error();
    sees_all = sees_all || found->has_value();
  }
  if (!sees_all) {
    auto master = is_listmaster(doing.connection(), list.domain_id, doing.who.address);
    if (!master.ok()) return master.error();
    sees_all = *master;
  }
  std::int64_t hidden = 0;
  ESSAIM_TRY(members.for_each(list.id, Role::kMember, [&](const MemberRecord& member) {
    if (member.conceal && !sees_all) {
      ++hidden;
    } else {
      out += "  " + member.address() + (member.name.empty() ? "" : "  " + member.name) + "\n";
    }
    return true;
  }));
  if (hidden > 0)
    out +=
        doing.say("and {{count}} who do not show their address", {{"count", std::to_string(hidden)}}) + "\n";
  return done(out);
}

Done info(const Doing& doing) {
  auto owners = people(doing, Role::kOwner);
  if (!owners.ok()) return owners.error();
  auto editors = people(doing, Role::kEditor);
  if (!editors.ok()) return editors.error();
  std::string out = line_of(doing.request.list).substr(2);
  out += doing.say("owners: {{who}}", {{"who", *owners}}) + "\n";
  if (!editors->empty()) out += doing.say("editors: {{who}}", {{"who", *editors}}) + "\n";
  for (const auto& [function, words] :
       {std::pair{"send", "posting: {{who}}"}, std::pair{"subscribe", "joining: {{who}}"},
        std::pair{"unsubscribe", "leaving: {{who}}"}, std::pair{"review", "seeing the members: {{who}}"}}) {
    auto scenario =
        doing.context.services.policies->scenario(&doing.context.connection, doing.request.list, function);
    if (!scenario.ok()) return scenario.error();
    // Titles of the shipped ones are translated; others are in the languages that they name.
    const std::string title = (*scenario)->title(doing.who.language);
    out += "  " + doing.say(words, {{"who", std::string(translated(doing.who.language, title))}}) + "\n";
  }
  return done(out);
}

// Not how many posts there were: no index tells those of one list, and the writer waits for what is read here, where others
// may have asked for as much in the same transaction.
Done stats(const Doing& doing) {
  auto members = MemberStore(doing.connection()).count(doing.request.list.id, Role::kMember);
  if (!members.ok()) return members.error();
  return done(doing.say("members: {{count}}", {{"count", std::to_string(*members)}}));
}

Done modindex(const Doing& doing) {
  storage::HeldFilter filter;
  filter.list_id = doing.request.list.id;
  filter.kind = storage::HeldKind::kModeration;
  filter.limit = 200;
  auto waiting = storage::HeldStore(doing.connection()).search(filter);
  if (!waiting.ok()) return waiting.error();
  std::string out;
  for (const storage::HeldRecord& held : *waiting) out += line_about(held) + "\n";
  return done(out.empty() ? doing.say("nothing waits") : out);
}

Done which(const Doing& doing) {
  auto memberships = MemberStore(doing.connection()).of_person(doing.who.address, kMostLists);
  if (!memberships.ok()) return memberships.error();
  std::string out;
  storage::DirectoryStore directory(doing.connection());
  for (const MemberRecord& member : *memberships) {
    auto list = directory.find_list_by_id(member.list_id);
    if (!list.ok()) return list.error();
    if (!list->has_value() || (*list)->domain != doing.request.list.domain) continue;
    const char* role = member.role == Role::kMember  ? "member"
                       : member.role == Role::kOwner ? "owner"
                                                     : "editor";
    out += "  " + (*list)->address() + "  " + doing.say(role) +
           (member.reception == storage::Reception::kEach ? ""
                                                          : ", " + std::string(to_string(member.reception))) +
           (member.conceal ? ", conceal" : "") + "\n";
  }
  return done(out.empty() ? doing.say("you are on no list") : out);
}

// It is decided for each list whether it is named: of very many these are the first.
Done name_lists(const Doing& doing) {
  if (doing.request.answer) return done(*doing.request.answer);
  auto lists =
      storage::DirectoryStore(doing.connection()).some_lists(doing.request.list.domain, "", kMostLists + 1);
  if (!lists.ok()) return lists.error();
  const auto requester = KnownRequester::read(doing);
  if (!requester.ok()) return requester.error();
  const bool may_be_forged =
      doing.who.auth == scenario::Auth::kSmtp && !doing.who.is_operator && !doing.who.sender_confirmed;
  const std::size_t longest = may_be_forged ? kLongestForged : kLongestAnswer;
  std::string out;
  std::size_t left_out = 0;
  const bool all = lists->size() <= kMostLists;
  if (!all) lists->pop_back();
  for (const storage::ListRecord& list : *lists) {
    if (list.state != storage::ListState::kOpen) continue;
    auto visible = is_visible(doing, list, *requester);
    if (!visible.ok()) return visible.error();
    if (!*visible) continue;
    const std::string line = line_of(list);
    if (out.size() + line.size() > longest)
      ++left_out;
    else
      out += line;
  }
  if (!all)
    return done(out + doing.say("and more lists, too many to name by mail: ask listmaster@{{domain}}"));
  if (left_out > 0)
    return done(out + doing.say("and {{count}} more lists: ask listmaster@{{domain}}",
                                {{"count", std::to_string(left_out)}}));
  return done(out.empty() ? doing.say("no lists") : out);
}

Result<std::string> named_lists(const Services& services, storage::Connection& connection,
                                const storage::ListRecord& domain, const Requester& who) {
  WriteContext context{services, connection, services.clock->wall_now(), 0};
  Request request;
  request.verb = Verb::kLists;
  request.list = domain;
  const scenario::Action action;
  auto named = name_lists({context, request, who, action, settings_of(domain)});
  if (!named.ok()) return named.error();
  return std::move(named->text);
}

}  // namespace essaim::lists
