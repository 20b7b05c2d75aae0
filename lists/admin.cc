#include "lists/admin.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/text.h"
#include "lists/directory_steps.h"
#include "lists/directory_text.h"
#include "lists/domain_alone.h"
#include "lists/names.h"
#include "lists/requests/renaming.h"
#include "lists/requests/request.h"
#include "lists/setting_changes.h"
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
  const auto former = directory.find_list_or_former(address.local, address.domain);
  if (!former.ok()) return former.error();
  if (former->has_value())
    return Error{ErrorCode::kNotFound, message + " any more; it is called " + (*former)->address() + " now"};
  auto others = directory.list_names(address.domain);
  if (!others.ok()) return others.error();
  std::vector<std::string> names;
  for (storage::ListName& other : *others) names.push_back(std::move(other.local));
  if (const std::string near = nearest(address.local, names); !near.empty())
    message += "; did you mean " + near + "@" + address.domain + "?";
  return Error{ErrorCode::kNotFound, message};
}

Error no_domain(const std::string& name) {
  return {ErrorCode::kNotFound,
          "there is no domain " + name + "; make it with: essaim domain create " + name};
}

Change change_of(const Response& response) {
  return response.status == Response::Status::kDone ? Change::kDone : Change::kAlready;
}

}  // namespace

Admin::Admin(storage::Database& database, const Clock& clock, IdGenerator& ids, Site site)
    : database_(database), clock_(clock), ids_(ids) {
  services_.database = &database_;
  services_.clock = &clock_;
  services_.ids = &ids_;
  services_.policies = &policies_;
  services_.site = std::move(site);
  services_.rank = [] { return std::int64_t{0}; };
}

Result<Response> Admin::carry_out(Connection& connection, Request request) {
  WriteContext context{services_, connection, clock_.wall_now(), 0};
  return carry_out_for_operator(context, std::move(request));
}

// Finds the list and carries the request out in one durable transaction.
Result<Response> Admin::ask_list(const std::string& name, Request request) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  return database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<Response> {
    auto list = list_at(connection, *address);
    if (!list.ok()) return list.error();
    request.list = *std::move(list);
    return carry_out(connection, request);
  });
}

Result<Change> Admin::ask_domain(const std::string& name, Request request, Missing missing) {
  if (!name.empty()) {
    const auto checked = checked_domain(name);
    if (!checked.ok()) return checked.error();
    request.list.domain = *checked;
  }
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    done = Change::kAlready;
    if (!name.empty()) {
      auto domain = DirectoryStore(connection).find_domain(request.list.domain);
      if (!domain.ok()) return domain.error();
      if (!domain->has_value() && missing == Missing::kIsGone)
        return Error{ErrorCode::kNotFound, "there is no domain " + request.list.domain};
      if (!domain->has_value() && missing == Missing::kIsAnError) return no_domain(request.list.domain);
      if (domain->has_value()) request.list = domain_alone(**domain);
    }
    const auto response = carry_out(connection, request);
    if (!response.ok()) return response.error();
    done = change_of(*response);
    return {};
  }));
  return done;
}

Result<Change> Admin::create_domain(const std::string& name) {
  Request request;
  request.verb = Verb::kCreateDomain;
  return ask_domain(name, std::move(request), Missing::kIsMade);
}

Result<std::vector<storage::DomainRecord>> Admin::domains() {
  return database_.read_now([&](Connection& connection) { return DirectoryStore(connection).domains(); });
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
    const auto lists = directory.count_lists(*checked);
    if (!lists.ok()) return lists.error();
    info.lists = static_cast<std::size_t>(*lists);
    return {};
  }));
  return info;
}

Result<Change> Admin::set_domain(const std::string& name, const SettingChanges& changes) {
  Request request;
  request.verb = Verb::kConfigureDomain;
  request.changes = changes;
  return ask_domain(name, std::move(request), Missing::kIsAnError);
}

Result<Change> Admin::delete_domain(const std::string& name) {
  Request request;
  request.verb = Verb::kDeleteDomain;
  return ask_domain(name, std::move(request), Missing::kIsGone);
}

Result<Change> Admin::add_listmaster(const std::string& domain, const smtp::Address& address) {
  Request request;
  request.verb = Verb::kAddListmaster;
  request.email = address;
  return ask_domain(domain, std::move(request), Missing::kIsAnError);
}

Result<Change> Admin::remove_listmaster(const std::string& domain, const smtp::Address& address) {
  Request request;
  request.verb = Verb::kRemoveListmaster;
  request.email = address;
  return ask_domain(domain, std::move(request), Missing::kIsAnError);
}

Result<Change> Admin::create_list(const std::string& name, const std::vector<NewMember>& owners,
                                  const Settings& settings) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  if (const std::string wrong = wrong_with_list_name(address->local); !wrong.empty())
    return Error{ErrorCode::kInvalid, "a list cannot be called '" + address->local + "': " + wrong};
  Request request;
  request.verb = Verb::kCreate;
  request.people = owners;
  for (const auto& [setting, value] : settings) request.changes[setting] = value;
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    auto domain = DirectoryStore(connection).find_domain(address->domain);
    if (!domain.ok()) return domain.error();
    if (!domain->has_value()) return no_domain(address->domain);
    request.list = domain_alone(**domain);
    request.list.local = address->local;
    const auto response = carry_out(connection, request);
    if (!response.ok()) return response.error();
    // What is refused to the operator, whose names are looked at above, is the name of the command robot.
    if (response->status == Response::Status::kRefused)
      return Error{ErrorCode::kInvalid,
                   response->text + ": it takes the commands of " + address->domain + " (its setting robot)"};
    done = change_of(*response);
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
    auto former = DirectoryStore(connection).former_names(info.list.id);
    if (!former.ok()) return former.error();
    info.former = *std::move(former);
    return {};
  }));
  return info;
}

Result<ListRecord> Admin::list_by_any_name(const std::string& name) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  return database_.read_now([&](Connection& connection) -> Result<ListRecord> {
    auto known = DirectoryStore(connection).find_list_or_former(address->local, address->domain);
    if (!known.ok()) return known.error();
    return known->has_value() ? Result<ListRecord>(std::move(**known)) : list_at(connection, *address);
  });
}

Result<Change> Admin::ask_for_change(const std::string& list, Request request) {
  auto response = ask_list(list, std::move(request));
  if (!response.ok()) return response.error();
  return change_of(*response);
}

Result<Change> Admin::set_list(const std::string& name, const SettingChanges& changes) {
  Request request;
  request.verb = Verb::kConfigure;
  request.changes = changes;
  return ask_for_change(name, std::move(request));
}

Result<Change> Admin::rename_list(const std::string& name, const std::string& to, bool dry_run,
                                  Renaming* what) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  Request request;
  request.verb = Verb::kRename;
  request.name = to;
  request.dry_run = dry_run;
  Response response;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    auto list = list_at(connection, *address);
    if (!list.ok()) return list.error();
    request.list = *std::move(list);
    auto seen = look_at_renaming(connection, request.list, to);
    if (!seen.ok()) return seen.error();
    *what = *std::move(seen);
    auto carried = carry_out(connection, request);
    if (!carried.ok()) return carried.error();
    response = *std::move(carried);
    return {};
  }));
  if (response.status == Response::Status::kRefused) {
    const std::string wrong = wrong_with_list_name(what->after.substr(0, what->after.rfind('@')));
    return Error{ErrorCode::kConflict, response.text + (wrong.empty() ? "" : ": " + wrong)};
  }
  return change_of(response);
}

Result<Change> Admin::forget_name(const std::string& name) {
  const auto address = checked_list(name);
  if (!address.ok()) return address.error();
  Request request;
  request.verb = Verb::kForgetName;
  request.name = address->to_string();
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& connection) -> Result<void> {
    done = Change::kAlready;
    DirectoryStore directory(connection);
    auto list = directory.find_list_or_former(address->local, address->domain);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return Error{ErrorCode::kNotFound, "no list had the name " + request.name};
    request.list = *std::move(*list);
    if (request.list.address() == request.name)
      return Error{ErrorCode::kConflict, request.name + " is what the list is called now"};
    const auto response = carry_out(connection, request);
    if (!response.ok()) return response.error();
    done = change_of(*response);
    return {};
  }));
  return done;
}

Result<Change> Admin::open_list(const std::string& address) {
  Request request;
  request.verb = Verb::kOpen;
  return ask_for_change(address, std::move(request));
}

Result<Change> Admin::close_list(const std::string& address) {
  Request request;
  request.verb = Verb::kClose;
  return ask_for_change(address, std::move(request));
}

Result<Dropped> Admin::delete_list(const std::string& address, bool quiet) {
  Request request;
  request.verb = Verb::kDeleteList;
  request.quiet = quiet;
  const auto response = ask_list(address, std::move(request));
  if (!response.ok()) return response.error();
  return response->dropped;
}

Result<AddedMembers> Admin::add_members(const std::string& list, storage::Role role,
                                        const std::vector<NewMember>& members) {
  Request request;
  request.verb = Verb::kAdd;
  request.role = role;
  if (members.empty()) {
    const auto known = show_list(list);
    return known.ok() ? Result<AddedMembers>(AddedMembers{}) : known.error();
  }
  AddedMembers out;
  for (std::size_t first = 0; first < members.size(); first += kWrittenTogether) {
    if (first > 0) let_others_write();
    const auto count = std::min(kWrittenTogether, members.size() - first);
    request.people.assign(members.begin() + static_cast<std::ptrdiff_t>(first),
                          members.begin() + static_cast<std::ptrdiff_t>(first + count));
    const auto response = asked_to_end_() ? Result<Response>(interrupted()) : ask_list(list, request);
    if (!response.ok())
      return with_progress(response.error(), static_cast<std::int64_t>(first),
                           static_cast<std::int64_t>(members.size()), "people are added");
    out.added += response->changed;
    out.already += response->unchanged;
  }
  return out;
}

Result<Change> Admin::remove_member(const std::string& list, storage::Role role,
                                    const smtp::Address& member) {
  Request request;
  request.verb = Verb::kDelete;
  request.role = role;
  request.email = member;
  return ask_for_change(list, std::move(request));
}

Result<RemovedMembers> Admin::remove_members(const std::string& list, storage::Role role,
                                             const std::vector<NewMember>& members) {
  const auto address = checked_list(list);
  if (!address.ok()) return address.error();
  Request request;
  request.verb = Verb::kDelete;
  request.role = role;
  RemovedMembers out;
  if (members.empty()) {
    const auto known = show_list(list);
    return known.ok() ? Result<RemovedMembers>(std::move(out)) : known.error();
  }
  for (std::size_t first = 0; first < members.size(); first += kRemovedTogether) {
    if (first > 0) let_others_write();
    const auto some = std::span(members).subspan(first, std::min(kRemovedTogether, members.size() - first));
    RemovedMembers now;
    const auto work = [&](Connection& connection) -> Result<void> {
      now = {};
      auto record = list_at(connection, *address);
      if (!record.ok()) return record.error();
      request.list = *std::move(record);
      for (const NewMember& member : some) {
        request.email = member.address;
        const auto carried = carry_out(connection, request);
        if (!carried.ok()) return carried.error();
        if (change_of(*carried) == Change::kDone) {
          ++now.removed;
        } else {
          now.none.push_back(member.address);
        }
      }
      return {};
    };
    const auto done =
        asked_to_end_() ? Result<void>(interrupted()) : database_.write_now(Durability::kAccept, work);
    if (!done.ok())
      return with_progress(done.error(), static_cast<std::int64_t>(first),
                           static_cast<std::int64_t>(members.size()), "people are removed");
    out.removed += now.removed;
    out.none.insert(out.none.end(), now.none.begin(), now.none.end());
  }
  return out;
}

Result<Change> Admin::set_member(const std::string& list, storage::Role role, const smtp::Address& member,
                                 std::optional<storage::Reception> reception, std::optional<std::string> name,
                                 const MemberOptions& options) {
  Request request;
  request.verb = Verb::kSet;
  request.role = role;
  request.email = member;
  request.reception = reception;
  request.new_name = std::move(name);
  request.options = options;
  auto response = ask_list(list, std::move(request));
  if (!response.ok()) return response.error();
  if (response->status == Response::Status::kRefused) {
    const auto is_there = database_.read_now([&](Connection& connection) -> Result<bool> {
      const auto record = list_at(connection, *checked_list(list));
      if (!record.ok()) return record.error();
      const auto found = storage::MemberStore(connection).find(record->id, role, member);
      if (!found.ok()) return found.error();
      return found->has_value();
    });
    if (!is_there.ok()) return is_there.error();
    // Somebody who is, and cannot have it so.
    if (*is_there) return Error{ErrorCode::kConflict, response->text};
    return Error{ErrorCode::kNotFound, member.to_string() + " is no " + to_string(role) + " of " + list};
  }
  return change_of(*response);
}

Result<void> Admin::for_each_member(const std::string& list, storage::Role role,
                                    const std::function<bool(const storage::MemberRecord&)>& each) {
  const auto address = checked_list(list);
  if (!address.ok()) return address.error();
  Id list_id = 0;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    const auto record = list_at(connection, *address);
    if (!record.ok()) return record.error();
    list_id = record->id;
    return {};
  }));
  return for_each_member_of(list_id, role, each);
}

Result<void> Admin::for_each_member_of(Id list, storage::Role role,
                                       const std::function<bool(const storage::MemberRecord&)>& each) {
  std::vector<storage::MemberRecord> some;
  do {
    auto next = database_.read_now([&](Connection& connection) {
      return MemberStore(connection)
          .behind(list, role, some.empty() ? nullptr : &some.back(), kMembersAtOnce);
    });
    if (!next.ok()) return next.error();
    some = *std::move(next);
    for (const storage::MemberRecord& member : some) {
      if (!each(member)) return {};
    }
  } while (some.size() == kMembersAtOnce);
  return {};
}

}  // namespace essaim::lists
