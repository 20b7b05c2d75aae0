// Members of lists as they come and go, and what the database has made what a text says.
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/directory_plan.h"
#include "lists/directory_steps.h"
#include "lists/directory_text.h"
#include "lists/domain_alone.h"
#include "lists/names.h"
#include "lists/person_name.h"
#include "lists/setting_changes.h"
#include "lists/settings.h"
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

PersonText person_text(const storage::MemberRecord& member) {
  // One that was stored uncleaned would spoil the whole text.
  PersonText person{{member.local, member.domain}, clean_name(member.name), member.wanted()};
  if (member.conceal) person.options.conceal = true;
  if (member.role == Role::kOwner) person.options.privileged = member.privileged;
  if (is_language(member.language)) person.options.language = member.language;
  return person;
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

Result<DirectoryText> load_directory(Connection& connection, const DirectoryText& only) {
  DirectoryText out;
  DirectoryStore directory(connection);
  auto domains = directory.domains();
  if (!domains.ok()) return domains.error();
  for (storage::DomainRecord& domain : *domains) out.domains[domain.name] = std::move(domain.settings);
  const auto former = directory.all_former_names();
  if (!former.ok()) return former.error();
  MemberStore members(connection);
  const auto take = [&](storage::ListRecord& list) -> Result<void> {
    ListText& text = out.lists[list.address()];
    text.settings = std::move(list.settings);
    text.closed = list.state == storage::ListState::kClosed;
    text.former.emplace();
    if (const auto names = former->find(list.id); names != former->end())
      text.former->insert(names->second.begin(), names->second.end());
    if (!only.lists.contains(list.address())) return {};
    for (const Role role : kRoles) {
      People& people = text.people[role];
      ESSAIM_TRY(members.for_each(list.id, role, [&people](const storage::MemberRecord& member) {
        PersonText person = person_text(member);
        std::pair key{member.domain, person.address.local_key()};
        people.emplace_hint(people.end(), std::move(key), std::move(person));
        return true;
      }));
    }
    return {};
  };
  ESSAIM_TRY(directory.for_each_list("", take));
  return out;
}

Result<void> Admin::export_text(const std::function<Result<void>(std::string_view)>& write) {
  DirectoryText text;
  std::map<std::string, Id> ids;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    auto loaded = load_directory(connection, {});
    if (!loaded.ok()) return loaded.error();
    text = std::move(*loaded);
    const auto names = DirectoryStore(connection).list_names("");
    if (!names.ok()) return names.error();
    ids.clear();
    for (const storage::ListName& name : *names) ids[name.address()] = name.id;
    return {};
  }));
  for (auto& [address, list] : text.lists) {
    for (const Role role : kRoles) list.people[role];
  }
  const ReadPeople read = [&](const std::string& list, Role role, const TakePerson& take) -> Result<void> {
    Result<void> taken;
    ESSAIM_TRY(for_each_member_of(ids.at(list), role, [&](const storage::MemberRecord& member) {
      taken = take(person_text(member));
      return taken.ok();
    }));
    return taken;
  };
  return write_directory(text, read, write);
}

Result<std::string> Admin::export_text() {
  std::string out;
  ESSAIM_TRY(export_text([&out](std::string_view text) -> Result<void> {
    out += text;
    return {};
  }));
  return out;
}

namespace {

// A list that has the name of its domain's command robot, as the text wants both, is wrong with it. What is so already is no
// matter of the text.
Result<void> check_robots(const DirectoryText& is, const DirectoryText& wanted, bool remove_others) {
  const auto robot_of = [](const std::string& domain, const Settings& settings) {
    storage::ListRecord record;
    record.domain = domain;
    record.domain_settings = settings;
    return settings_of(record).robot + "@" + domain;
  };
  std::map<std::string, Settings> domains = wanted.domains;
  if (!remove_others) domains.insert(is.domains.begin(), is.domains.end());
  for (const auto& [name, settings] : domains) {
    const std::string robot = robot_of(name, settings);
    const bool is_list = wanted.lists.contains(robot) || (!remove_others && is.lists.contains(robot));
    const auto known = is.domains.find(name);
    const bool was =
        known != is.domains.end() && is.lists.contains(robot) && robot_of(name, known->second) == robot;
    if (is_list && !was)
      return Error{ErrorCode::kInvalid, "domain " + name + ": " + robot +
                                            " cannot be a list and the address for commands (setting robot)"};
  }
  return {};
}

// Whom the text would add. Who is there already stays: what was exported can be applied. All mistakes at once.
Result<void> check_new_people(const DirectoryText& is, const DirectoryText& wanted) {
  std::string all_wrong;
  for (const auto& [address, list] : wanted.lists) {
    const auto known = is.lists.find(address);
    const auto is_there = [&](Role role, const People::key_type& key) {
      if (known == is.lists.end()) return false;
      const auto people = known->second.people.find(role);
      return people != known->second.people.end() && people->second.contains(key);
    };
    for (const auto& [role, people] : list.people) {
      for (const auto& [key, person] : people) {
        const std::string wrong = wrong_with_new_member(person.address);
        if (wrong.empty() || is_there(role, key)) continue;
        all_wrong.append(all_wrong.empty() ? "" : "\n").append("list " + address + ": " + wrong);
      }
    }
  }
  if (!all_wrong.empty()) return Error{ErrorCode::kInvalid, all_wrong};
  return {};
}

// A list that the text would make under a name that another one had before. A text that is older than the renaming would make
// that list twice, and the new one would take its mail. Whoever means it ends the old name first.
Result<void> check_new_lists(Connection& connection, const DirectoryText& is, const DirectoryText& wanted) {
  DirectoryStore directory(connection);
  std::string all_wrong;
  for (const auto& [address, list] : wanted.lists) {
    if (is.lists.contains(address)) continue;
    const auto at = address.rfind('@');
    const auto former = directory.find_list_or_former(address.substr(0, at), address.substr(at + 1));
    if (!former.ok()) return former.error();
    if (!former->has_value()) continue;
    all_wrong.append(all_wrong.empty() ? "" : "\n")
        .append("list " + address + " is called " + (*former)->address() +
                " now: name it so in the text; or, for a list of its own, end the old name first: "
                "essaim list forget " +
                address);
  }
  if (!all_wrong.empty()) return Error{ErrorCode::kConflict, all_wrong};
  return {};
}

// A list that had such a setting before keeps it, of no effect: what was exported can be applied.
Result<void> check_list_settings(const DirectoryText& is, const DirectoryText& wanted) {
  for (const auto& [address, list] : wanted.lists) {
    const auto known = is.lists.find(address);
    for (const auto& [name, value] : list.settings) {
      const bool was = known != is.lists.end() && known->second.settings.contains(name);
      if (was || !is_of_domains_alone(name)) continue;
      return Error{
          ErrorCode::kInvalid,
          "list " + address + ": " + not_of_lists(name, address.substr(address.rfind('@') + 1)).message};
    }
  }
  return {};
}

// The names that lists of the text had before: each leads to one list, and to a list that is called so first. All mistakes at
// once.
Result<void> check_former_names(const DirectoryText& is, const DirectoryText& wanted, bool remove_others) {
  std::map<std::string, std::string> had;  // by name, those that keep it unless the text says otherwise
  for (const auto& [address, list] : is.lists) {
    const auto said = wanted.lists.find(address);
    const bool stays = said == wanted.lists.end() ? !remove_others : !said->second.former.has_value();
    if (!stays || !list.former) continue;
    for (const std::string& name : *list.former) had.emplace(name, address);
  }
  std::string all_wrong;
  const auto wrong = [&all_wrong](const std::string& address, const std::string& what) {
    all_wrong.append(all_wrong.empty() ? "" : "\n").append("list " + address + ": " + what);
  };
  for (const auto& [address, list] : wanted.lists) {
    if (!list.former) continue;
    for (const std::string& name : *list.former) {
      if (is.lists.contains(name) && !remove_others)
        wrong(address,
              name + " is no former name, it is a list here; if it is the same one: essaim list rename " +
                  name + " " + address);
      if (const auto other = had.find(name); other != had.end())
        wrong(address, name + " is a former name of " + other->second +
                           "; end that first: essaim list forget " + name);
    }
  }
  if (!all_wrong.empty()) return Error{ErrorCode::kConflict, all_wrong};
  return {};
}

// What is there, and whether it can become what is wanted.
Result<DirectoryText> load_for(Connection& connection, const DirectoryText& wanted, bool remove_others) {
  auto is = load_directory(connection, wanted);
  if (!is.ok()) return is.error();
  for (const auto& [address, list] : wanted.lists) {
    std::vector<std::string> names(1, address);
    if (list.former) names.insert(names.end(), list.former->begin(), list.former->end());
    for (const std::string& name : names) {
      const std::string domain = name.substr(name.rfind('@') + 1);
      if (!wanted.domains.contains(domain) && (remove_others || !is->domains.contains(domain)))
        return Error{ErrorCode::kNotFound, "list " + address + (name == address ? "" : ", formerly " + name) +
                                               ": there is no domain " + domain +
                                               ", neither in the text nor in the database"};
    }
  }
  ESSAIM_TRY(check_former_names(*is, wanted, remove_others));
  ESSAIM_TRY(check_new_lists(connection, *is, wanted));
  ESSAIM_TRY(check_new_people(*is, wanted));
  ESSAIM_TRY(check_robots(*is, wanted, remove_others));
  ESSAIM_TRY(check_list_settings(*is, wanted));
  ESSAIM_TRY(check_scenarios_of(connection, *is, wanted));
  return is;
}

// Many requests in one, so in the log one line of the same kind (requests/carry_out.cc).
void log_apply(const std::string& what, const char* result) {
  log::info("request", {{"verb", "apply"},
                        {"list", "site"},
                        {"what", what},
                        {"by", "operator"},
                        {"auth", "operator"},
                        {"client", "the shell"},
                        {"rule", "operator"},
                        {"result", result}});
}

// As many steps in a transaction as are small together: a short text is applied as a whole or not at all.
// Gives what waited on lists that went.
Result<Dropped> make_steps(const Services& services, WallTime now, const DirectoryPlan& plan, bool quiet,
                           const std::function<bool()>& asked_to_end) {
  Dropped dropped;
  const auto all = static_cast<std::int64_t>(plan.lines.size());
  std::int64_t made = 0;
  for (std::size_t first = 0; first < plan.steps.size();) {
    std::size_t last = first;
    std::size_t rows = 0;
    std::int64_t changes = 0;
    do {
      rows += plan.steps[last].rows;
      changes += plan.steps[last].changes;
      ++last;
    } while (last < plan.steps.size() && rows + plan.steps[last].rows <= kWrittenTogether);
    if (first > 0) let_others_write();
    Dropped here;
    const auto make = [&](Connection& connection) -> Result<void> {
      here = {};
      for (std::size_t i = first; i < last; ++i)
        ESSAIM_TRY(plan.steps[i].make({services, connection, now, quiet, &here}));
      return {};
    };
    const Result<void> written = asked_to_end()
                                     ? Result<void>(interrupted())
                                     : services.database->write_now(storage::Durability::kAccept, make);
    if (!written.ok()) {
      if (made > 0)
        log_apply(std::to_string(made) + " of " + std::to_string(all) + " changes", "interrupted");
      return with_progress(written.error(), made, all, "changes are made");
    }
    dropped += here;
    made += changes;
    first = last;
  }
  log_apply(std::to_string(all) + " changes", all == 0 ? "already" : "done");
  return dropped;
}

}  // namespace

Result<ApplyPlan> Admin::apply_text(const std::string& text, bool dry_run, bool remove_others, bool quiet) {
  const auto wanted = read_directory(text);
  if (!wanted.ok()) return wanted.error();
  if (remove_others && wanted->domains.empty() && wanted->lists.empty())
    return Error{ErrorCode::kInvalid,
                 "the text names no domain and no list, and all others would be removed: all that there are"};
  const auto is = database_.read_latest_now(
      [&](Connection& connection) { return load_for(connection, *wanted, remove_others); });
  if (!is.ok()) return is.error();
  DirectoryPlan plan = plan_directory(*is, *wanted, remove_others);
  if (dry_run) return ApplyPlan{std::move(plan.lines), false, {}};
  const auto dropped = make_steps(services_, clock_.wall_now(), plan, quiet, asked_to_end_);
  if (!dropped.ok()) return dropped.error();
  return ApplyPlan{std::move(plan.lines), true, *dropped};
}

}  // namespace essaim::lists
