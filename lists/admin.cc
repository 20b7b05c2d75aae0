#include "lists/admin.h"

#include "core/base/text.h"
#include "lists/directory_text.h"
#include "lists/names.h"
#include "lists/policies.h"
#include "lists/scenario/shipped.h"
#include "storage/departure_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::DirectoryStore;
using storage::Durability;
using storage::ListRecord;
using storage::MemberStore;

// The list, or kNotFound with the nearest name in its domain.
Result<ListRecord> list_at(Connection& connection, const smtp::Address& address) {
  DirectoryStore directory(connection);
  auto list = directory.find_list(address.local, address.domain);
  if (!list.ok()) return list.error();
  if (list->has_value()) return std::move(**list);
  auto domain = directory.find_domain(address.domain);
  if (!domain.ok()) return domain.error();
  if (!domain->has_value())
    return Error{ErrorCode::kNotFound, "there is no domain " + address.domain +
                                           "; make it with: essaim domain create " + address.domain};
  std::string message = "there is no list " + address.to_string();
  auto others = directory.lists(address.domain);
  if (!others.ok()) return others.error();
  std::vector<std::string> names;
  for (const ListRecord& other : *others) names.push_back(other.local);
  if (const std::string near = nearest(address.local, names); !near.empty())
    message += "; did you mean " + near + "@" + address.domain + "?";
  return Error{ErrorCode::kNotFound, message};
}

Error no_domain(const std::string& name) {
  return {ErrorCode::kNotFound,
          "there is no domain " + name + "; make it with: essaim domain create " + name};
}

// Applies changes to stored settings and tells whether they made a difference.
bool merge(const SettingChanges& changes, Settings* settings) {
  const Settings before = *settings;
  for (const auto& [name, value] : changes) {
    // One of the two says who posts: the one that was said last.
    if (name == "send" || name == "post") settings->erase(name == "send" ? "post" : "send");
    if (value) {
      (*settings)[name] = *value;
    } else {
      settings->erase(name);
    }
  }
  return *settings != before;
}

Result<void> check_changes(const SettingChanges& changes) {
  for (const auto& [name, value] : changes) {
    if (value) {
      if (auto checked = check_setting(name, *value); !checked.ok()) return checked;
      continue;
    }
    // Taking back to the default: only the name matters, except that one nobody knows may be left from
    // another version.
  }
  return {};
}

// Settings that name scenarios name ones that there are and that can be used.
Result<void> check_scenarios(Connection& connection, const ListRecord& list, const Settings& settings) {
  for (const scenario::Function& function : scenario::functions()) {
    const auto found = settings.find(std::string(function.name));
    if (found == settings.end()) continue;
    const std::string name = scenario::canonical_name(function.name, found->second);
    auto compiled = compile_for(connection, list, found->first, name, false);
    if (compiled.ok()) continue;
    if (compiled.error().code != ErrorCode::kNotFound) return compiled.error();
    std::vector<std::string> names;
    for (const scenario::Shipped& one : scenario::shipped()) {
      if (one.function == function.name) names.emplace_back(one.name);
    }
    const std::string near = nearest(name, names);
    return Error{ErrorCode::kInvalid,
                 found->first + ": there is no scenario " + found->first + "." +
                     escaped_for_display(name, 100) +
                     (near.empty() ? "; see: essaim scenario list --function " + found->first
                                   : "; did you mean " + near + "?")};
  }
  return {};
}

// Finds the list and runs `change` in one durable transaction.
Result<Change> change_list(storage::Database& database, const std::string& name,
                           const std::function<Result<Change>(Connection&, const ListRecord&)>& change) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  Change done = Change::kAlready;
  ESSAIM_TRY(database.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    auto list = list_at(connection, *address);
    if (!list.ok()) return list.error();
    auto changed = change(connection, *list);
    if (!changed.ok()) return changed.error();
    done = *changed;
    return {};
  }));
  return done;
}

}  // namespace

Result<Change> Admin::create_domain(const std::string& name) {
  const auto checked = checked_domain(name);
  if (!checked.ok()) return checked.error();
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    done = Change::kAlready;
    auto known = directory.find_domain(*checked);
    if (!known.ok()) return known.error();
    if (known->has_value()) return {};
    done = Change::kDone;
    return directory.add_domain({ids_.next(), *checked, {}, clock_.wall_now()});
  }));
  return done;
}

Result<std::vector<storage::DomainRecord>> Admin::domains() {
  std::vector<storage::DomainRecord> out;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    auto domains = DirectoryStore(connection).domains();
    if (!domains.ok()) return domains.error();
    out = std::move(*domains);
    return {};
  }));
  return out;
}

Result<DomainInfo> Admin::show_domain(const std::string& name) {
  const auto checked = checked_domain(name);
  if (!checked.ok()) return checked.error();
  DomainInfo info;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    auto domain = directory.find_domain(*checked);
    if (!domain.ok()) return domain.error();
    if (!domain->has_value()) return no_domain(*checked);
    info.domain = std::move(**domain);
    auto lists = directory.lists(*checked);
    if (!lists.ok()) return lists.error();
    info.lists = lists->size();
    return {};
  }));
  return info;
}

Result<Change> Admin::set_domain(const std::string& name, const SettingChanges& changes) {
  const auto checked = checked_domain(name);
  if (!checked.ok()) return checked.error();
  ESSAIM_TRY(check_changes(changes));
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    auto domain = directory.find_domain(*checked);
    if (!domain.ok()) return domain.error();
    if (!domain->has_value()) return no_domain(*checked);
    done = merge(changes, &(*domain)->settings) ? Change::kDone : Change::kAlready;
    if (done == Change::kAlready) return {};
    ListRecord none;
    none.domain_id = (*domain)->id;
    none.domain = *checked;
    if (auto known_ones = check_scenarios(connection, none, (*domain)->settings); !known_ones.ok())
      return known_ones;
    return directory.set_domain(*checked, (*domain)->settings);
  }));
  return done;
}

Result<Change> Admin::delete_domain(const std::string& name) {
  const auto checked = checked_domain(name);
  if (!checked.ok()) return checked.error();
  Change done = Change::kDone;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    auto known = directory.find_domain(*checked);
    if (!known.ok()) return known.error();
    done = known->has_value() ? Change::kDone : Change::kAlready;
    if (!known->has_value()) return {};
    return directory.delete_domain(*checked);
  }));
  return done;
}

Result<Change> Admin::create_list(const std::string& name, const std::vector<smtp::Address>& owners,
                                  const Settings& settings) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  if (const std::string wrong = wrong_with_list_name(address->local); !wrong.empty())
    return Error{ErrorCode::kInvalid, "a list cannot be called '" + address->local + "': " + wrong};
  ESSAIM_TRY(checked_settings(settings));
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    done = Change::kAlready;
    auto known = directory.find_list(address->local, address->domain);
    if (!known.ok()) return known.error();
    if (known->has_value()) return {};
    auto domain = directory.find_domain(address->domain);
    if (!domain.ok()) return domain.error();
    if (!domain->has_value()) return no_domain(address->domain);
    done = Change::kDone;
    ListRecord list;
    list.id = ids_.next();
    list.domain_id = (*domain)->id;
    list.local = address->local;
    list.domain = address->domain;
    list.settings = settings;
    list.created = clock_.wall_now();
    list.domain_settings = (*domain)->settings;
    if (auto checked = check_scenarios(connection, list, settings); !checked.ok()) return checked;
    if (auto stored = directory.add_list(list); !stored.ok()) return stored;
    std::vector<NewMember> people;
    for (const smtp::Address& owner : owners) people.push_back({owner, ""});
    auto added = add_to_list(connection, ids_, clock_.wall_now(), list.id, storage::Role::kOwner, people);
    if (!added.ok()) return added.error();
    // Who a list is made for may do all that owners may.
    MemberStore members(connection);
    std::vector<Id> made;
    if (auto read = members.for_each(list.id, storage::Role::kOwner,
                                     [&made](const storage::MemberRecord& owner) {
                                       made.push_back(owner.id);
                                       return true;
                                     });
        !read.ok())
      return read;
    for (const Id owner : made) {
      if (auto set = members.set_privileged(owner, true); !set.ok()) return set;
    }
    return {};
  }));
  return done;
}

Result<std::vector<ListRecord>> Admin::lists(const std::string& domain) {
  std::string checked;
  if (!domain.empty()) {
    auto name = checked_domain(domain);
    if (!name.ok()) return name.error();
    checked = std::move(*name);
  }
  std::vector<ListRecord> out;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    if (!checked.empty()) {
      auto known = directory.find_domain(checked);
      if (!known.ok()) return known.error();
      if (!known->has_value()) return no_domain(checked);
    }
    auto lists = directory.lists(checked);
    if (!lists.ok()) return lists.error();
    out = std::move(*lists);
    return {};
  }));
  return out;
}

Result<ListInfo> Admin::show_list(const std::string& name) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  ListInfo info;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    auto list = list_at(connection, *address);
    if (!list.ok()) return list.error();
    info.list = std::move(*list);
    MemberStore members(connection);
    for (const auto& [role, count] :
         {std::pair{storage::Role::kMember, &info.members}, std::pair{storage::Role::kOwner, &info.owners},
          std::pair{storage::Role::kEditor, &info.editors}}) {
      auto counted = members.count(info.list.id, role);
      if (!counted.ok()) return counted.error();
      *count = *counted;
    }
    return {};
  }));
  return info;
}

Result<Change> Admin::set_list(const std::string& name, const SettingChanges& changes) {
  ESSAIM_TRY(check_changes(changes));
  return change_list(database_, name, [&](Connection& connection, const ListRecord& list) -> Result<Change> {
    Settings settings = list.settings;
    if (!merge(changes, &settings)) return Change::kAlready;
    ESSAIM_TRY(check_scenarios(connection, list, settings));
    ESSAIM_TRY(DirectoryStore(connection).set_list(list.id, settings));
    return Change::kDone;
  });
}

namespace {
Result<Change> set_state(storage::Database& database, const std::string& name, storage::ListState state) {
  return change_list(database, name,
                     [state](Connection& connection, const ListRecord& list) -> Result<Change> {
                       if (list.state == state) return Change::kAlready;
                       ESSAIM_TRY(DirectoryStore(connection).set_list_state(list.id, state));
                       return Change::kDone;
                     });
}
}  // namespace

Result<Change> Admin::open_list(const std::string& name) {
  return set_state(database_, name, storage::ListState::kOpen);
}

Result<Change> Admin::close_list(const std::string& name) {
  return set_state(database_, name, storage::ListState::kClosed);
}

Result<Change> Admin::delete_list(const std::string& name) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    DirectoryStore directory(connection);
    auto list = directory.find_list(address->local, address->domain);
    if (!list.ok()) return list.error();
    done = list->has_value() ? Change::kDone : Change::kAlready;
    return list->has_value() ? directory.delete_list((*list)->id) : Result<void>();
  }));
  return done;
}

Result<AddedMembers> Admin::add_members(const std::string& list, storage::Role role,
                                        const std::vector<NewMember>& members) {
  AddedMembers out;
  const auto added =
      change_list(database_, list, [&](Connection& connection, const ListRecord& record) -> Result<Change> {
        auto counts = add_to_list(connection, ids_, clock_.wall_now(), record.id, role, members);
        if (!counts.ok()) return counts.error();
        out = *counts;
        return Change::kDone;
      });
  if (!added.ok()) return added.error();
  return out;
}

Result<Change> Admin::remove_member(const std::string& list, storage::Role role,
                                    const smtp::Address& member) {
  return change_list(database_, list,
                     [&](Connection& connection, const ListRecord& record) -> Result<Change> {
                       MemberStore members(connection);
                       auto known = members.find(record.id, role, member);
                       if (!known.ok()) return known.error();
                       if (!known->has_value()) return Change::kAlready;
                       auto revision = members.next_revision(record.id);
                       if (!revision.ok()) return revision.error();
                       ESSAIM_TRY(members.remove(record.id, role, member, *revision));
                       if (role == storage::Role::kMember)
                         ESSAIM_TRY(storage::DepartureStore(connection)
                                        .add({(*known)->id, record.address(), member.to_string(), "operator",
                                              "", clock_.wall_now()}));
                       return Change::kDone;
                     });
}

Result<Change> Admin::set_member(const std::string& list, storage::Role role, const smtp::Address& member,
                                 std::optional<bool> delivery, std::optional<std::string> name,
                                 const MemberOptions& options) {
  return change_list(
      database_, list, [&](Connection& connection, const ListRecord& record) -> Result<Change> {
        MemberStore members(connection);
        auto known = members.find(record.id, role, member);
        if (!known.ok()) return known.error();
        if (!known->has_value())
          return Error{ErrorCode::kNotFound,
                       member.to_string() + " is no " + to_string(role) + " of " + record.address()};
        const bool wanted_delivery = delivery.value_or((*known)->delivery);
        const std::string wanted_name = name.value_or((*known)->name);
        const bool conceal = options.conceal.value_or((*known)->conceal);
        const bool privileged = options.privileged.value_or((*known)->privileged);
        const std::string language = options.language.value_or((*known)->language);
        if (wanted_delivery == (*known)->delivery && wanted_name == (*known)->name &&
            conceal == (*known)->conceal && privileged == (*known)->privileged &&
            language == (*known)->language)
          return Change::kAlready;
        ESSAIM_TRY(members.set(record.id, role, member, wanted_delivery, wanted_name));
        ESSAIM_TRY(members.set_conceal((*known)->id, conceal));
        ESSAIM_TRY(members.set_privileged((*known)->id, privileged));
        ESSAIM_TRY(members.set_language((*known)->id, language));
        return Change::kDone;
      });
}

Result<void> Admin::for_each_member(const std::string& list, storage::Role role,
                                    const std::function<bool(const storage::MemberRecord&)>& each) {
  const auto address = checked_list(list);
  if (!address.ok()) return address.error();
  return database_.read_now([&](Connection& connection) -> Result<void> {
    auto record = list_at(connection, *address);
    if (!record.ok()) return record.error();
    return MemberStore(connection).for_each(record->id, role, each);
  });
}

}  // namespace essaim::lists
