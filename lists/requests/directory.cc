#include "lists/admin.h"
#include "lists/directory_text.h"
#include "lists/requests/verbs.h"
#include "lists/setting_changes.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {

using storage::DirectoryStore;
using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

Done create(const Doing& doing) {
  const storage::ListRecord& wanted = doing.request.list;
  if (!wrong_with_list_name(wanted.local).empty())
    return Response{Response::Status::kRefused,
                    doing.say("a list cannot be called {{name}}", {{"name", wanted.local}}), ""};
  DirectoryStore directory(doing.connection());
  auto known = directory.find_list(wanted.local, wanted.domain);
  if (!known.ok()) return known.error();
  if (known->has_value())
    return Response{Response::Status::kAlready,
                    doing.say("the list {{list}} exists already", {{"list", wanted.address()}}), ""};
  if (wanted.local == doing.settings.robot)
    return Response{Response::Status::kRefused,
                    doing.say("a list cannot be called {{name}}", {{"name", wanted.local}}), ""};
  storage::ListRecord list = wanted;
  list.id = doing.context.services.ids->next();
  list.revision = 1;
  list.created = doing.context.now;
  list.settings.clear();
  SettingChanges changes = doing.request.changes;
  if (!doing.request.name.empty()) changes["description"] = doing.request.name;
  const auto settings = changed_settings(doing.connection(), list, list.settings, changes);
  if (!settings.ok()) return settings.error();
  list.settings = *settings;
  ESSAIM_TRY(directory.add_list(list));
  std::vector<NewMember> owners = doing.request.people;
  if (owners.empty() && !doing.request.email.empty()) owners.push_back({doing.request.email, ""});
  ESSAIM_TRY(add_to_list(doing.connection(), *doing.context.services.ids, doing.context.now, list.id,
                         Role::kOwner, owners));
  // Who a list is made for may do all that owners may.
  MemberStore members(doing.connection());
  std::vector<Id> made;
  ESSAIM_TRY(members.for_each(list.id, Role::kOwner, [&made](const MemberRecord& owner) {
    made.push_back(owner.id);
    return true;
  }));
  for (const Id owner : made) ESSAIM_TRY(members.set_privileged(owner, true));
  return Response{Response::Status::kDone,
                  doing.say("the list {{list}} was created", {{"list", list.address()}}), ""};
}

Done set_state(const Doing& doing) {
  const bool close = doing.request.verb == Verb::kClose;
  const auto wanted = close ? storage::ListState::kClosed : storage::ListState::kOpen;
  const std::string text =
      close ? doing.say("the list {{list}} is closed now") : doing.say("the list {{list}} is open now");
  if (doing.request.list.state == wanted) return Response{Response::Status::kAlready, text, ""};
  ESSAIM_TRY(DirectoryStore(doing.connection()).set_list_state(doing.request.list.id, wanted));
  return Response{Response::Status::kDone, text, ""};
}

Done configure(const Doing& doing) {
  ESSAIM_TRY(storage::SiteStore(doing.connection()).lock_changes());
  DirectoryStore directory(doing.connection());
  const auto found = directory.find_list_by_id(doing.request.list.id);
  if (!found.ok()) return found.error();
  if (!found->has_value()) return Error{ErrorCode::kNotFound, "no such list"};
  const storage::ListRecord& list = **found;
  const auto settings = changed_settings(doing.connection(), list, list.settings, doing.request.changes);
  if (!settings.ok()) return settings.error();
  if (*settings == list.settings)
    return Response{Response::Status::kAlready, doing.say("the settings of {{list}} are like that already"),
                    ""};
  ESSAIM_TRY(directory.set_list(list.id, *settings));
  return Response{Response::Status::kDone, doing.say("the settings of {{list}} were changed"), ""};
}

Done delete_list(const Doing& doing) {
  const auto dropped = end_list(doing.context, doing.request.list, doing.who.name(), doing.request.quiet);
  if (!dropped.ok()) return dropped.error();
  Response out{Response::Status::kDone, doing.say("the list {{list}} was deleted"), ""};
  out.dropped = *dropped;
  const auto counted = [more = dropped->more ? "+" : ""](std::int64_t count) {
    return std::to_string(count) + more;
  };
  if (dropped->any())
    out.text += "\n" + doing.say(
                           "what waited is dropped: {{posts}} posts, {{requests}} requests; people "
                           "told: {{told}}",
                           {{"posts", counted(dropped->posts)},
                            {"requests", counted(dropped->requests)},
                            {"told", counted(dropped->told)}});
  return out;
}

// Each role on each list of the domain; where the new address is known already, the old one just goes.
Done move_user(const Doing& doing) {
  MemberStore members(doing.connection());
  auto memberships = members.of_person(doing.request.previous, 10'000);
  if (!memberships.ok()) return memberships.error();
  DirectoryStore directory(doing.connection());
  std::int64_t moved = 0;
  for (const MemberRecord& old : *memberships) {
    auto list = directory.find_list_by_id(old.list_id);
    if (!list.ok()) return list.error();
    if (!list->has_value() || (*list)->domain != doing.request.list.domain) continue;
    auto revision = members.next_revision(old.list_id);
    if (!revision.ok()) return revision.error();
    auto known = members.find(old.list_id, old.role, doing.request.email);
    if (!known.ok()) return known.error();
    ++moved;
    ESSAIM_TRY(known->has_value() && (*known)->id != old.id
                   ? members.remove(old.list_id, old.role, doing.request.previous, *revision)
                   : members.move(old, doing.request.email, *revision, doing.context.services.ids->next()));
  }
  // Mostly a slip in the old address. Whether the new one is on lists is not said: it may be somebody else's.
  if (moved == 0)
    return Response{
        Response::Status::kRefused,
        doing.say("{{previous}} is on no list of {{domain}}", {{"domain", doing.request.list.domain}}), ""};
  return Response{
      Response::Status::kDone,
      doing.say("{{previous}} is {{email}} now, on {{count}} lists", {{"count", std::to_string(moved)}}), ""};
}

}  // namespace essaim::lists
