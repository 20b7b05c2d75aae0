#include "smtpd/cli/post_elsewhere.h"

#include <limits>
#include <optional>

#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "lists/admin.h"
#include "smtpd/cli/people.h"
#include "storage/departure_store.h"
#include "storage/directory_store.h"
#include "storage/held_trail.h"
#include "storage/member_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

using storage::HeldKind;
using storage::HeldRecord;
using storage::HeldState;

bool is_sender(const std::string& wanted, const HeldRecord& held) {
  if (wanted == "<>") return held.sender.empty();
  const std::string kept = smtp::kept_address(wanted);
  for (const std::string& from : {held.sender, held.author}) {
    const std::string address = ascii_lowered(from);
    if (wanted.starts_with('@') ? address.ends_with(kept) : address == kept) return true;
  }
  return false;
}

// What somebody would look for in vain in the queue and in the ledger.
std::string what_it_is(const HeldRecord& held) {
  const std::string list = for_display(held.list_address);
  const std::string see = ": essaim held show " + format_id(held.id);
  if (!held.is_post()) return "it is no post but a request that is or was held" + see;
  switch (held.state) {
    case HeldState::kWaiting:
      return (held.kind == HeldKind::kModeration ? "it waits for the moderators of "
                                                 : "it waits for its author's confirmation, to ") +
             list + see;
    case HeldState::kApproved:
      return "it was let go by " + for_display(held.decided_by) + ", " + show_time(held.decided);
    case HeldState::kRejected:
      return "it waited at " + list + " and was rejected by " + for_display(held.decided_by) + ", " +
             show_time(held.decided) + see;
    case HeldState::kExpired:
      return "it waited at " + list + ", nobody decided, and it expired, " + show_time(held.decided) + see;
  }
  return "";
}

struct Elsewhere {
  std::string words;    // "": nothing is known of it
  bool passed = false;  // so it became a post
};

Elsewhere held_as(Site& site, Id id) {
  Elsewhere out;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    out = {};
    const auto last = storage::follow_trail(c, id);
    if (!last.ok()) return last.error();
    const auto held = storage::HeldStore(c).find(*last);
    if (!held.ok()) return held.error();
    out.passed = *last != id;
    if (*last != id) out.words = "it became " + format_id(*last);
    if (!held->has_value()) return {};
    out.passed = (*held)->is_post() && (*held)->state == HeldState::kApproved;
    out.words += (out.words.empty() ? "" : ": ") + what_it_is(**held);
    return {};
  });
  return read.ok() ? out : Elsewhere();
}

}  // namespace

bool fits(const storage::PostFilter& filter, const HeldRecord& held) {
  const std::string from = ascii_lowered(held.client), client = smtp::kept_domain(filter.client);
  const std::string& id = filter.message_id;
  return (filter.list.empty() || held.list_address == smtp::kept_address(filter.list)) &&
         (filter.sender.empty() || is_sender(filter.sender, held)) &&
         (filter.subject.empty() ||
          ascii_lowered(held.subject).find(ascii_lowered(filter.subject)) != std::string::npos) &&
         (filter.account.empty() || held.detail("account") == filter.account) &&
         (client.empty() || from.find("[" + client + "]") != std::string::npos ||
          from.starts_with(client + " [")) &&
         (id.empty() || held.message_id == (id.front() == '<' ? id : "<" + id + ">")) &&
         (filter.since == WallTime{} || held.held >= filter.since) &&
         (filter.until == WallTime{} || held.held < filter.until);
}

Error no_post(Site& site, Id id) {
  const Elsewhere held = held_as(site, id);
  std::string words = "no post " + format_id(id) + "; " + held.words;
  if (held.words.empty())
    words += "finished ones are kept for \"retention.posts\", and of what was refused the log alone tells";
  else if (held.passed)
    words += "; finished ones are kept for \"retention.posts\"";
  return {ErrorCode::kNotFound, words};
}

std::vector<std::string> held_instead(Site& site, const std::vector<Id>& ids) {
  std::vector<std::string> lines;
  for (const Id id : ids) {
    const Elsewhere held = held_as(site, id);
    // Under the same id it may well be in the queue.
    if (held.words.empty() || (held.passed && !held.words.starts_with("it became"))) continue;
    lines.push_back(format_id(id) + " is not in the queue; " + held.words);
  }
  return lines;
}

std::vector<std::string> held_beside(Site& site, const storage::PostFilter& filter) {
  constexpr std::size_t kTold = 5;
  std::vector<std::string> lines;
  std::int64_t others = 0;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    storage::HeldFilter all;
    all.decided = true;
    all.limit = static_cast<std::size_t>(std::numeric_limits<std::int64_t>::max());
    auto found = storage::HeldStore(c).search(all);
    if (!found.ok()) return found.error();
    lines.clear();
    others = 0;
    // The newest first, as posts are shown.
    for (auto one = found->rbegin(); one != found->rend(); ++one) {
      if (!one->is_post() || one->state == HeldState::kApproved || !fits(filter, *one)) continue;
      if (lines.size() < kTold)
        lines.push_back("no post: \"" + for_display(one->subject) + "\" of " + for_display(one->author) +
                        ", " + show_time(one->held) + "; " + what_it_is(*one));
      else
        ++others;
    }
    return {};
  });
  if (!read.ok()) return {};
  if (others > 0) lines.push_back("and " + std::to_string(others) + " more: essaim held list --all");
  return lines;
}

Result<std::string> why_not_among(Site& site, const storage::PostRecord& post, const std::string& address) {
  if (post.kind != storage::PostKind::kList || !post.expanded) return std::string();
  const auto person = address_of(address);
  if (!person.ok()) return std::string();
  return site.read([&](storage::Connection& c) -> Result<std::string> {
    const auto list = storage::DirectoryStore(c).find_list_by_id(post.list_id);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return std::string("the list is no more, nor is it known who was on it");
    const std::string name = (*list)->address();
    storage::MemberStore members(c);
    const auto member = members.find(post.list_id, storage::Role::kMember, *person);
    if (!member.ok()) return member.error();
    if (member->has_value()) {
      if ((*member)->joined > post.list_revision)
        return "a member of " + name + " since " + show_time((*member)->since) + ", later than the post";
      if (!(*member)->has_mail()) return "a member of " + name + " with delivery off";
      const std::string how(to_string((*member)->reception));
      if (storage::is_gathered(post.readers) && (*member)->reception != post.readers)
        return "a member of " + name + " whose reception is " + how + "; this is a digest for those with " +
               std::string(to_string(post.readers));
      if (storage::is_gathered((*member)->reception) && post.readers == storage::Reception::kEach)
        return "a member of " + name + " whose reception is " + how + ": it comes to them with others";
      const auto author = smtp::parse_mailbox(post.author, smtp::LocalPart::kUtf8);
      if ((*member)->reception == storage::Reception::kNotOwn && author.ok() &&
          author->domain == person->domain && author->local_key() == person->local_key())
        return "a member of " + name + " who wrote it, and whose reception is not_me";
      return "a member of " + name + " with delivery on, which it was not when the post was accepted";
    }
    const auto left = storage::DepartureStore(c).latest(name, *person);
    if (!left.ok()) return left.error();
    if (left->has_value())
      return "left " + name + " " + show_time((*left)->left) + " (" + for_display((*left)->how) + ")";
    const auto roles = members.roles(post.list_id, *person);
    if (!roles.ok()) return roles.error();
    return (*roles != 0 ? "has a role, but is no member of " : "no member of ") + name +
           ", at least by this address";
  });
}

}  // namespace essaim::smtpd::cli
