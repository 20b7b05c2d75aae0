// From what the database has to what a text wants: the plan as lines, and doing it.
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/directory_text.h"
#include "lists/domain_alone.h"
#include "lists/names.h"
#include "lists/person_name.h"
#include "lists/setting_changes.h"
#include "lists/templates/catalogue.h"
#include "storage/departure_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::DirectoryStore;
using storage::MemberStore;
using storage::Role;

constexpr Role kRoles[] = {Role::kOwner, Role::kEditor, Role::kMember};
const ListText kNewList;

// "footer = "..."" for each that differs.
void setting_lines(const std::string& what, const Settings& is, const Settings& wanted,
                   std::vector<std::string>* lines) {
  for (const auto& [name, value] : wanted) {
    const auto found = is.find(name);
    if (found == is.end() || found->second != value)
      lines->push_back("~ " + what + ": " + name + " = \"" + escaped_for_display(value, 200) + "\"");
  }
  for (const auto& [name, value] : is) {
    if (!wanted.contains(name)) lines->push_back("~ " + what + ": " + name + " back to its default");
  }
}

bool options_differ(const MemberOptions& is, const MemberOptions& wanted) {
  return wanted.conceal.value_or(is.conceal.value_or(false)) != is.conceal.value_or(false) ||
         wanted.privileged.value_or(is.privileged.value_or(false)) != is.privileged.value_or(false) ||
         wanted.language.value_or(is.language.value_or("")) != is.language.value_or("");
}

bool delivery_differs(const PersonText& is, const PersonText& wanted) {
  return is.name != wanted.name || is.delivery != wanted.delivery;
}

void people_lines(const std::string& address, Role role, const People& is, const People& wanted,
                  std::vector<std::string>* lines) {
  const std::string what = std::string(to_string(role)) + " " + address + " ";
  for (const auto& [key, person] : wanted) {
    const auto found = is.find(key);
    if (found == is.end()) {
      lines->push_back("+ " + what + escaped_for_display(person_line(person), 600));
    } else if (delivery_differs(found->second, person) ||
               options_differ(found->second.options, person.options)) {
      lines->push_back("~ " + what + escaped_for_display(person_line(person), 600));
    }
  }
  for (const auto& [key, person] : is) {
    if (!wanted.contains(key)) lines->push_back("- " + what + escaped_for_display(person_line(person), 600));
  }
}

const People& people_of(const ListText& list, Role role) {
  static const People nobody;
  const auto found = list.people.find(role);
  return found == list.people.end() ? nobody : found->second;
}

Result<void> set_options(MemberStore& members, Id list_id, Role role, const PersonText& person) {
  const auto known = members.find(list_id, role, person.address);
  if (!known.ok()) return known.error();
  if (!known->has_value())
    return Error{ErrorCode::kConflict, person.address.to_string() + " went away meanwhile"};
  const MemberOptions& options = person.options;
  const Id id = (*known)->id;
  if (options.conceal) ESSAIM_TRY(members.set_conceal(id, *options.conceal));
  if (options.privileged) ESSAIM_TRY(members.set_privileged(id, *options.privileged));
  if (options.language) ESSAIM_TRY(members.set_language(id, *options.language));
  return {};
}

// `privileged`: whoever is new is, unless the text says otherwise.
Result<void> apply_people(Connection& connection, IdGenerator& ids, WallTime now,
                          const storage::ListRecord& list, Role role, bool privileged, const People& is,
                          const People& wanted) {
  const Id list_id = list.id;
  MemberStore members(connection);
  std::int64_t revision = 0;
  const auto next_revision = [&]() -> Result<void> {
    if (revision != 0) return {};
    auto next = members.next_revision(list_id);
    if (!next.ok()) return next.error();
    revision = *next;
    return {};
  };
  for (const auto& [key, person] : is) {
    if (wanted.contains(key)) continue;
    ESSAIM_TRY(remove_from_list(connection, list, role, person.address, {"operator", "", now}, &revision));
  }
  std::vector<storage::MemberRecord> fresh;
  for (const auto& [key, person] : wanted) {
    const auto found = is.find(key);
    if (found == is.end()) {
      ESSAIM_TRY(next_revision());
      storage::MemberRecord& member = fresh.emplace_back();
      member.id = ids.next();
      member.list_id = list_id;
      member.role = role;
      member.local = person.address.local;
      member.domain = person.address.domain;
      member.name = person.name;
      member.delivery = person.delivery;
      member.conceal = person.options.conceal.value_or(false);
      member.privileged = person.options.privileged.value_or(privileged);
      member.language = person.options.language.value_or("");
      member.joined = revision;
      member.since = now;
      continue;
    }
    if (delivery_differs(found->second, person))
      ESSAIM_TRY(members.set(list_id, role, person.address, person.delivery, person.name));
    if (options_differ(found->second.options, person.options))
      ESSAIM_TRY(set_options(members, list_id, role, person));
  }
  const auto added = members.add_new(fresh);
  if (!added.ok()) return added.error();
  if (*added < fresh.size())
    return Error{ErrorCode::kConflict,
                 "somebody was added to the list " + std::to_string(list_id) + " meanwhile"};
  return {};
}

Result<void> apply_list(Connection& connection, IdGenerator& ids, WallTime now, const std::string& address,
                        const ListText* is, const ListText& wanted) {
  DirectoryStore directory(connection);
  const auto parsed = checked_list(address);
  if (!parsed.ok()) return parsed.error();
  storage::ListRecord list;
  const bool is_new = is == nullptr;
  if (is_new) {
    auto domain = directory.find_domain(parsed->domain);
    if (!domain.ok()) return domain.error();
    if (!domain->has_value())
      return Error{ErrorCode::kNotFound, "list " + address + ": there is no domain " + parsed->domain};
    list.id = ids.next();
    list.domain_id = (*domain)->id;
    list.local = parsed->local;
    list.domain = parsed->domain;
    list.state = wanted.closed ? storage::ListState::kClosed : storage::ListState::kOpen;
    list.settings = wanted.settings;
    list.created = now;
    ESSAIM_TRY(directory.add_list(list));
    is = &kNewList;
  } else {
    auto known = directory.find_list(parsed->local, parsed->domain);
    if (!known.ok()) return known.error();
    if (!known->has_value())
      return Error{ErrorCode::kConflict, "the list " + address + " went away meanwhile"};
    list = std::move(**known);
    if (is->settings != wanted.settings) ESSAIM_TRY(directory.set_list(list.id, wanted.settings));
    if (is->closed != wanted.closed)
      ESSAIM_TRY(directory.set_list_state(
          list.id, wanted.closed ? storage::ListState::kClosed : storage::ListState::kOpen));
  }
  for (const Role role : kRoles) {
    const auto people = wanted.people.find(role);
    if (people == wanted.people.end()) continue;
    // Who a list is made for may do all that owners may (requests/directory.cc).
    const bool privileged = is_new && role == Role::kOwner;
    ESSAIM_TRY(
        apply_people(connection, ids, now, list, role, privileged, people_of(*is, role), people->second));
  }
  return {};
}

// A list or domain as the text wants it: what it is now, if it is there yet, with the settings of the text.
Result<storage::ListRecord> wanted_record(Connection& connection, const std::string& local,
                                          const std::string& domain_name) {
  DirectoryStore directory(connection);
  if (!local.empty()) {
    auto list = directory.find_list(local, domain_name);
    if (!list.ok()) return list.error();
    if (list->has_value()) return std::move(**list);
  }
  storage::ListRecord out;
  auto domain = directory.find_domain(domain_name);
  if (!domain.ok()) return domain.error();
  if (domain->has_value()) out = domain_alone(**domain);
  out.local = local;
  out.domain = domain_name;
  return out;
}

// Of the settings that change; a post to a list whose scenario is not there would have to wait. All mistakes at once.
Result<void> check_scenarios_of(Connection& connection, const DirectoryText& is,
                                const DirectoryText& wanted) {
  std::string wrong;
  const auto check = [&](const std::string& what, const storage::ListRecord& record,
                         const Settings& settings) -> Result<void> {
    const auto checked = check_scenarios(connection, record, settings);
    if (checked.ok()) return {};
    if (checked.error().code != ErrorCode::kInvalid) return checked.error();
    wrong += (wrong.empty() ? "" : "\n") + what + ": " + checked.error().message;
    return {};
  };
  for (const auto& [name, settings] : wanted.domains) {
    const auto found = is.domains.find(name);
    if (found != is.domains.end() && found->second == settings) continue;
    auto record = wanted_record(connection, "", name);
    if (!record.ok()) return record.error();
    record->domain_settings = settings;
    ESSAIM_TRY(check("domain " + name, *record, settings));
  }
  for (const auto& [address, list] : wanted.lists) {
    const auto found = is.lists.find(address);
    if (found != is.lists.end() && found->second.settings == list.settings) continue;
    const auto at = address.rfind('@');
    auto record = wanted_record(connection, address.substr(0, at), address.substr(at + 1));
    if (!record.ok()) return record.error();
    record->settings = list.settings;
    if (const auto domain = wanted.domains.find(record->domain); domain != wanted.domains.end())
      record->domain_settings = domain->second;
    ESSAIM_TRY(check("list " + address, *record, list.settings));
  }
  if (!wrong.empty()) return Error{ErrorCode::kInvalid, wrong};
  return {};
}

}  // namespace

Result<AddedMembers> add_to_list(Connection& connection, IdGenerator& ids, WallTime now, Id list_id,
                                 Role role, const std::vector<NewMember>& people) {
  AddedMembers out;
  if (people.empty()) return out;
  MemberStore members(connection);
  auto revision = members.next_revision(list_id);
  if (!revision.ok()) return revision.error();
  std::vector<storage::MemberRecord> records;
  records.reserve(people.size());
  for (const NewMember& person : people) {
    storage::MemberRecord& member = records.emplace_back();
    member.id = ids.next();
    member.list_id = list_id;
    member.role = role;
    member.local = person.address.local;
    member.domain = person.address.domain;
    member.name = clean_name(person.name);
    member.joined = *revision;
    member.since = now;
  }
  const auto added = members.add_new(records);
  if (!added.ok()) return added.error();
  out.added = static_cast<std::int64_t>(*added);
  out.already = static_cast<std::int64_t>(people.size() - *added);
  return out;
}

Result<bool> remove_from_list(Connection& connection, const storage::ListRecord& list, Role role,
                              const smtp::Address& who, const Removal& removal, std::int64_t* revision) {
  MemberStore members(connection);
  auto known = members.find(list.id, role, who);
  if (!known.ok()) return known.error();
  if (!known->has_value()) return false;
  if (*revision == 0) {
    auto next = members.next_revision(list.id);
    if (!next.ok()) return next.error();
    *revision = *next;
  }
  ESSAIM_TRY(members.remove(list.id, role, who, *revision));
  if (role == Role::kMember)
    ESSAIM_TRY(
        storage::DepartureStore(connection)
            .add({(*known)->id, list.address(), who.to_string(), removal.how, removal.client, removal.now}));
  return true;
}

Result<DirectoryText> load_directory(Connection& connection, const DirectoryText* only) {
  DirectoryText out;
  DirectoryStore directory(connection);
  auto domains = directory.domains();
  if (!domains.ok()) return domains.error();
  for (storage::DomainRecord& domain : *domains) out.domains[domain.name] = std::move(domain.settings);
  auto lists = directory.lists("");
  if (!lists.ok()) return lists.error();
  MemberStore members(connection);
  for (storage::ListRecord& list : *lists) {
    ListText& text = out.lists[list.address()];
    text.settings = std::move(list.settings);
    text.closed = list.state == storage::ListState::kClosed;
    if (only != nullptr && !only->lists.contains(list.address())) continue;
    for (const Role role : kRoles) {
      People& people = text.people[role];
      ESSAIM_TRY(members.for_each(list.id, role, [&people](const storage::MemberRecord& member) {
        // One that was stored uncleaned would spoil the whole text.
        PersonText person{{member.local, member.domain}, clean_name(member.name), member.delivery};
        if (member.conceal) person.options.conceal = true;
        if (member.role == Role::kOwner) person.options.privileged = member.privileged;
        if (is_language(member.language)) person.options.language = member.language;
        std::pair key{member.domain, person.address.local_key()};
        people.emplace_hint(people.end(), std::move(key), std::move(person));
        return true;
      }));
    }
  }
  return out;
}

std::vector<std::string> differences(const DirectoryText& is, const DirectoryText& wanted,
                                     bool remove_others) {
  std::vector<std::string> lines;
  for (const auto& [name, settings] : wanted.domains) {
    const auto found = is.domains.find(name);
    if (found == is.domains.end()) lines.push_back("+ domain " + name);
    setting_lines("domain " + name, found == is.domains.end() ? Settings() : found->second, settings, &lines);
  }
  for (const auto& [address, list] : wanted.lists) {
    const auto found = is.lists.find(address);
    const ListText& now = found == is.lists.end() ? kNewList : found->second;
    if (found == is.lists.end()) lines.push_back("+ list " + address);
    if (now.closed != list.closed)
      lines.push_back("~ list " + address + (list.closed ? ": closed" : ": open"));
    setting_lines("list " + address, now.settings, list.settings, &lines);
    for (const Role role : kRoles) {
      const auto people = list.people.find(role);
      if (people != list.people.end())
        people_lines(address, role, people_of(now, role), people->second, &lines);
    }
  }
  if (!remove_others) return lines;
  for (const auto& [address, list] : is.lists) {
    if (!wanted.lists.contains(address)) lines.push_back("- list " + address + " with its members");
  }
  for (const auto& [name, settings] : is.domains) {
    if (!wanted.domains.contains(name)) lines.push_back("- domain " + name);
  }
  return lines;
}

Result<void> apply_differences(Connection& connection, IdGenerator& ids, WallTime now,
                               const DirectoryText& is, const DirectoryText& wanted, bool remove_others) {
  DirectoryStore directory(connection);
  for (const auto& [name, settings] : wanted.domains) {
    const auto found = is.domains.find(name);
    if (found == is.domains.end()) {
      ESSAIM_TRY(directory.add_domain({ids.next(), name, settings, now}));
    } else if (found->second != settings) {
      ESSAIM_TRY(directory.set_domain(name, settings));
    }
  }
  for (const auto& [address, list] : wanted.lists) {
    const auto found = is.lists.find(address);
    ESSAIM_TRY(
        apply_list(connection, ids, now, address, found == is.lists.end() ? nullptr : &found->second, list));
  }
  if (!remove_others) return {};
  for (const auto& [address, list] : is.lists) {
    if (wanted.lists.contains(address)) continue;
    const auto parsed = checked_list(address);
    if (!parsed.ok()) return parsed.error();
    auto record = directory.find_list(parsed->local, parsed->domain);
    if (!record.ok()) return record.error();
    if (record->has_value()) ESSAIM_TRY(directory.delete_list((*record)->id, now, "the operator"));
  }
  for (const auto& [name, settings] : is.domains) {
    if (!wanted.domains.contains(name)) ESSAIM_TRY(directory.delete_domain(name));
  }
  return {};
}

Result<std::string> Admin::export_text() {
  DirectoryText text;
  ESSAIM_TRY(database_.read_now([&text](Connection& connection) -> Result<void> {
    auto loaded = load_directory(connection);
    if (!loaded.ok()) return loaded.error();
    text = std::move(*loaded);
    return {};
  }));
  return write_directory(text);
}

// What is there is read in the transaction that changes it, so nothing can come in between.
Result<ApplyPlan> Admin::apply_text(const std::string& text, bool dry_run, bool remove_others) {
  const auto wanted = read_directory(text);
  if (!wanted.ok()) return wanted.error();
  if (remove_others && wanted->domains.empty() && wanted->lists.empty())
    return Error{ErrorCode::kInvalid,
                 "the text names no domain and no list, and all others would be removed: all that there are"};
  ApplyPlan plan;
  const auto work = [&](Connection& connection) -> Result<void> {
    const auto is = load_directory(connection, &*wanted);
    if (!is.ok()) return is.error();
    for (const auto& [address, list] : wanted->lists) {
      const std::string domain = address.substr(address.rfind('@') + 1);
      if (!wanted->domains.contains(domain) && (remove_others || !is->domains.contains(domain)))
        return Error{ErrorCode::kNotFound, "list " + address + ": there is no domain " + domain +
                                               ", neither in the text nor in the database"};
    }
    ESSAIM_TRY(check_scenarios_of(connection, *is, *wanted));
    plan.lines = differences(*is, *wanted, remove_others);
    if (dry_run || plan.lines.empty()) return {};
    return apply_differences(connection, ids_, clock_.wall_now(), *is, *wanted, remove_others);
  };
  if (dry_run) {
    ESSAIM_TRY(database_.read_now(work));
  } else {
    ESSAIM_TRY(database_.write_now(storage::Durability::kAccept, work));
    plan.applied = true;
    // Many requests in one, so in the log one line of the same kind (requests/carry_out.cc).
    log::info("request", {{"verb", "apply"},
                          {"list", "site"},
                          {"what", std::to_string(plan.lines.size()) + " changes"},
                          {"by", "operator"},
                          {"auth", "operator"},
                          {"client", "the shell"},
                          {"rule", "operator"},
                          {"result", plan.lines.empty() ? "already" : "done"}});
  }
  return plan;
}

}  // namespace essaim::lists
