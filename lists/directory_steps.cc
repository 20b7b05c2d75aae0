#include "lists/directory_steps.h"

#include <thread>

#include "lists/list_end.h"
#include "lists/names.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::DirectoryStore;
using storage::ListRecord;
using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

constexpr std::chrono::milliseconds kBetweenWrites{20};

Result<std::optional<ListRecord>> list_called(const StepContext& context, const std::string& address) {
  const auto parsed = checked_list(address);
  if (!parsed.ok()) return parsed.error();
  return DirectoryStore(context.connection).find_list(parsed->local, parsed->domain);
}

Error went_away(const std::string& address) {
  return {ErrorCode::kConflict, "the list " + address + " went away meanwhile"};
}

MemberRecord new_record(const StepContext& context, Role role, const PersonText& person) {
  MemberRecord member;
  member.id = context.services.ids->next();
  member.role = role;
  member.local = person.address.local;
  member.domain = person.address.domain;
  member.name = person.name;
  member.reception = person.reception;
  member.conceal = person.options.conceal.value_or(false);
  member.privileged = person.options.privileged.value_or(false);
  member.language = person.options.language.value_or("");
  member.since = context.now;
  return member;
}

// What the text says of somebody who is there.
Result<void> set_person(MemberStore& members, const MemberRecord& is, const PersonText& person) {
  // Who is stopped for bounces stays so, unless the text says something else than it had before.
  if (is.wanted() != person.reception)
    ESSAIM_TRY(members.set(is.list_id, is.role, person.address, person.reception, person.name));
  else if (is.name != person.name)
    ESSAIM_TRY(members.set_name(is.id, person.name));
  const MemberOptions& options = person.options;
  if (options.conceal.value_or(is.conceal) != is.conceal)
    ESSAIM_TRY(members.set_conceal(is.id, *options.conceal));
  if (options.privileged.value_or(is.privileged) != is.privileged)
    ESSAIM_TRY(members.set_privileged(is.id, *options.privileged));
  if (options.language.value_or(is.language) != is.language)
    ESSAIM_TRY(members.set_language(is.id, *options.language));
  return {};
}

// Adds those who are not there, and makes those who are what the text says.
Result<void> add_people(const StepContext& context, Id list_id, Role role, bool privileged,
                        const std::vector<const PersonText*>& people, std::int64_t* revision) {
  if (people.empty()) return {};
  MemberStore members(context.connection);
  if (*revision == 0) {
    auto next = members.next_revision(list_id);
    if (!next.ok()) return next.error();
    *revision = *next;
  }
  std::vector<MemberRecord> records;
  records.reserve(people.size());
  for (const PersonText* person : people) {
    MemberRecord& record = records.emplace_back(new_record(context, role, *person));
    record.list_id = list_id;
    record.joined = *revision;
    record.privileged = person->options.privileged.value_or(privileged);
  }
  const auto added = members.add_new(records);
  if (!added.ok()) return added.error();
  if (*added == people.size()) return {};
  for (const PersonText* person : people) {
    auto known = members.find(list_id, role, person->address);
    if (!known.ok()) return known.error();
    if (known->has_value()) ESSAIM_TRY(set_person(members, **known, *person));
  }
  return {};
}

Result<void> add_list(const StepContext& context, const std::string& address, const ListText& wanted) {
  const auto parsed = checked_list(address);
  if (!parsed.ok()) return parsed.error();
  DirectoryStore directory(context.connection);
  auto domain = directory.find_domain(parsed->domain);
  if (!domain.ok()) return domain.error();
  if (!domain->has_value())
    return Error{ErrorCode::kNotFound, "list " + address + ": there is no domain " + parsed->domain};
  ListRecord list;
  list.id = context.services.ids->next();
  list.domain_id = (*domain)->id;
  list.local = parsed->local;
  list.domain = parsed->domain;
  list.state = wanted.closed ? storage::ListState::kClosed : storage::ListState::kOpen;
  list.settings = wanted.settings;
  list.created = context.now;
  ESSAIM_TRY(directory.add_list(list));
  const auto owners = wanted.people.find(Role::kOwner);
  if (owners == wanted.people.end()) return {};
  std::vector<const PersonText*> people;
  for (const auto& [key, owner] : owners->second) people.push_back(&owner);
  std::int64_t revision = 0;
  return add_people(context, list.id, Role::kOwner, true, people, &revision);
}

}  // namespace

// Steps that change domains and lists lock before they do, as whoever changes one setting: else two might wait for each other.
Result<void> make_domain(const StepContext& context, const std::string& name, const Settings& settings) {
  ESSAIM_TRY(storage::SiteStore(context.connection).lock_changes());
  DirectoryStore directory(context.connection);
  const auto known = directory.find_domain(name);
  if (!known.ok()) return known.error();
  if (!known->has_value())
    return directory.add_domain({context.services.ids->next(), name, settings, context.now});
  if ((*known)->settings == settings) return {};
  return directory.set_domain(name, settings);
}

Result<void> make_list(const StepContext& context, const std::string& address, bool is_new,
                       const ListText& wanted) {
  ESSAIM_TRY(storage::SiteStore(context.connection).lock_changes());
  const auto known = list_called(context, address);
  if (!known.ok()) return known.error();
  if (!known->has_value()) return is_new ? add_list(context, address, wanted) : went_away(address);
  const ListRecord& list = **known;
  DirectoryStore directory(context.connection);
  const auto state = wanted.closed ? storage::ListState::kClosed : storage::ListState::kOpen;
  if (list.settings != wanted.settings) ESSAIM_TRY(directory.set_list(list.id, wanted.settings));
  if (list.state != state) ESSAIM_TRY(directory.set_list_state(list.id, state));
  const auto owners = wanted.people.find(Role::kOwner);
  if (!is_new || owners == wanted.people.end()) return {};
  // Somebody else made it meanwhile.
  PeopleStep step{address, Role::kOwner, {}, {}, {}};
  for (const auto& [key, owner] : owners->second) step.fresh.push_back(&owner);
  return make_people(context, step);
}

Result<void> make_former_names(const StepContext& context, const std::string& address,
                               const ListText& wanted) {
  if (!wanted.former) return {};
  const auto list = list_called(context, address);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return went_away(address);
  DirectoryStore directory(context.connection);
  const auto had = directory.former_names((*list)->id);
  if (!had.ok()) return had.error();
  for (const std::string& name : *had) {
    if (wanted.former->contains(name)) continue;
    const auto at = name.rfind('@');
    ESSAIM_TRY(directory.forget_name(name.substr(0, at), name.substr(at + 1)));
  }
  for (const std::string& name : *wanted.former) {
    const auto at = name.rfind('@');
    ESSAIM_TRY(directory.add_former_name((*list)->id, name.substr(0, at), name.substr(at + 1)));
  }
  return {};
}

Result<void> make_people(const StepContext& context, const PeopleStep& step) {
  const auto list = list_called(context, step.address);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return went_away(step.address);
  const Id list_id = (*list)->id;
  MemberStore members(context.connection);
  std::int64_t revision = 0;
  for (const PersonText* person : step.gone) {
    ESSAIM_TRY(remove_from_list(context.connection, **list, step.role, person->address,
                                {"operator", "", context.now}, &revision));
  }
  std::vector<const PersonText*> missing = step.fresh;
  for (const PersonText* person : step.changed) {
    auto known = members.find(list_id, step.role, person->address);
    if (!known.ok()) return known.error();
    if (known->has_value()) {
      ESSAIM_TRY(set_person(members, **known, *person));
    } else {
      missing.push_back(person);
    }
  }
  return add_people(context, list_id, step.role, false, missing, &revision);
}

Result<void> drop_list(const StepContext& context, const std::string& address) {
  ESSAIM_TRY(storage::SiteStore(context.connection).lock_changes());
  const auto list = list_called(context, address);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return {};
  WriteContext write{context.services, context.connection, context.now, 0};
  const auto dropped = end_list(write, **list, "the operator", context.quiet);
  if (!dropped.ok()) return dropped.error();
  if (context.dropped != nullptr) *context.dropped += *dropped;
  return {};
}

Result<void> drop_domain(const StepContext& context, const std::string& name) {
  DirectoryStore directory(context.connection);
  const auto known = directory.find_domain(name);
  if (!known.ok()) return known.error();
  if (!known->has_value()) return {};
  return directory.delete_domain(name);
}

Error with_progress(const Error& error, std::int64_t made, std::int64_t all, const std::string& what) {
  if (made == 0) return error;
  return {error.code, error.message + "; " + std::to_string(made) + " of " + std::to_string(all) + " " +
                          what + " so far, run it again for the rest"};
}

Error interrupted() {
  return {ErrorCode::kCancelled, "interrupted"};
}

void let_others_write() {
  std::this_thread::sleep_for(kBetweenWrites);
}

}  // namespace essaim::lists
