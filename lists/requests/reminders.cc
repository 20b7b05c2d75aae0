// REMIND: of a list, and of all lists of a domain, some in each transaction.
#include "lists/reminders.h"

#include "lists/priority.h"
#include "lists/requests/verbs.h"
#include "storage/directory_store.h"
#include "storage/list_rest.h"
#include "storage/member_store.h"

namespace essaim::lists {

namespace {

using storage::DirectoryStore;
using storage::MemberRecord;
using storage::MemberStore;
using storage::RemindingRest;
using storage::Role;

// Lists whose members are reminded in one transaction: a letter for each, of some 3 KB with its rows, and the members of those who
// get it at once.
constexpr std::size_t kListsTogether = 100;

Result<std::size_t> members_of(storage::Connection& connection, Id list_id) {
  const auto counted = MemberStore(connection).count(list_id, Role::kMember);
  if (!counted.ok()) return counted.error();
  return static_cast<std::size_t>(*counted);
}

// One post to all members, so a reminder costs what a post costs. Up to `*at_once` are put into batches here, and taken from
// it; more are left to delivery, as this is one transaction whatever is asked for. Gives how many they are.
Result<std::size_t> remind_members(WriteContext& context, storage::ListRecord list, std::size_t* at_once) {
  const auto count = members_of(context.connection, list.id);
  if (!count.ok()) return count.error();
  ServiceMail mail;
  mail.message = "remind";
  mail.list = &list;
  mail.shown_to = list.address();
  mail.replied = false;
  if (*count > *at_once) {
    // Of now: an earlier command of the same mail may have added some.
    const auto revision = DirectoryStore(context.connection).revision(list.id);
    if (!revision.ok()) return revision.error();
    list.revision = *revision;
    mail.members = *count;
  } else {
    *at_once -= *count;
    ESSAIM_TRY(
        MemberStore(context.connection).for_each(list.id, Role::kMember, [&mail](const MemberRecord& member) {
          mail.to.push_back({0, member.local, member.domain});
          return true;
        }));
  }
  ESSAIM_TRY(send_service_mail(context, mail));
  return *count;
}

Response reminded(const Doing& doing, std::size_t count) {
  return {Response::Status::kDone,
          doing.say("members reminded: {{count}}", {{"count", std::to_string(count)}}), ""};
}

// The next lists behind `rest->after`, which is the last of them then. False: that was all.
Result<bool> remind_next(WriteContext& context, RemindingRest* rest) {
  auto some = DirectoryStore(context.connection).some_lists(rest->domain, rest->after, kListsTogether);
  if (!some.ok()) return some.error();
  std::size_t at_once = kExpandedAtOnce;
  for (const storage::ListRecord& list : *some) {
    rest->after = list.local;
    if (list.state != storage::ListState::kOpen) continue;
    const auto count = remind_members(context, list, &at_once);
    if (!count.ok()) return count.error();
  }
  return some->size() == kListsTogether;
}

}  // namespace

Done remind(const Doing& doing) {
  std::size_t at_once = kExpandedAtOnce;
  const auto count = remind_members(doing.context, doing.request.list, &at_once);
  if (!count.ok()) return count.error();
  return reminded(doing, *count);
}

Done remind_all(const Doing& doing) {
  std::size_t total = 0;
  RemindingRest rest{doing.request.list.domain_id, doing.request.list.domain, ""};
  // Who asks is told of all, before any list is reminded: the last of them is by the job.
  ESSAIM_TRY(DirectoryStore(doing.connection())
                 .for_each_list(rest.domain, [&](storage::ListRecord& list) -> Result<void> {
                   if (list.state != storage::ListState::kOpen) return {};
                   const auto count = members_of(doing.connection(), list.id);
                   if (!count.ok()) return count.error();
                   total += *count;
                   return {};
                 }));
  const auto more = remind_next(doing.context, &rest);
  if (!more.ok()) return more.error();
  if (*more) ESSAIM_TRY(storage::leave_reminding(doing.connection(), rest));
  return reminded(doing, total);
}

Result<void> finish_reminders(const Services& services, WallTime now, bool* posted) {
  const auto any = services.database->read_now(storage::reminding_rests);
  if (!any.ok()) return any.error();
  for (bool more = !any->empty(); more;) {
    bool rings = false;
    const auto step = [&](storage::Connection& connection) -> Result<bool> {
      WriteContext context{services, connection, now, services.rank()};
      // As it is now: it may have been asked for once more.
      auto rests = storage::reminding_rests(connection);
      if (!rests.ok()) return rests.error();
      if (rests->empty()) return false;
      RemindingRest& rest = rests->front();
      const auto left = remind_next(context, &rest);
      if (!left.ok()) return left.error();
      rings = context.posted;
      ESSAIM_TRY(*left ? storage::keep_reminding(connection, rest)
                       : storage::end_reminding(connection, rest));
      return true;
    };
    const auto done = services.database->write_now(storage::Durability::kAccept, step);
    if (!done.ok()) return done.error();
    more = *done;
    *posted = *posted || rings;
  }
  return {};
}

}  // namespace essaim::lists
