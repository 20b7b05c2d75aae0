#include "lists/requests/renaming.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "core/base/text.h"
#include "lists/admin.h"
#include "lists/names.h"
#include "lists/policies.h"
#include "lists/requests/verbs.h"
#include "lists/scenario/shipped.h"
#include "lists/setting_changes.h"
#include "lists/settings.h"
#include "lists/site_texts.h"
#include "storage/directory_store.h"
#include "storage/dkim_store.h"
#include "storage/member_store.h"
#include "storage/node_store.h"
#include "storage/text_store.h"

namespace essaim::lists {

using storage::Connection;
using storage::DirectoryStore;
using storage::ListRecord;
using storage::MemberRecord;
using storage::MemberStore;

namespace {

using Names = std::vector<std::string>;

// Addresses of a list that stand in other lists.
constexpr std::array<std::string_view, 3> kSuffixes = {"", "-owner", "-editor"};
constexpr std::size_t kMostMemberships = 10'000;  // of one address

smtp::Address with_suffix(const smtp::Address& address, std::string_view suffix) {
  return {address.local + std::string(suffix), address.domain};
}

ListRecord in_domain(ListRecord list, const std::string& local, const storage::DomainRecord& domain) {
  list.local = local;
  list.domain_id = domain.id;
  list.domain = domain.name;
  list.domain_settings = domain.settings;
  list.domain_policy = domain.policy;
  return list;
}

Names without(const Names& all, const Names& others) {
  Names out;
  for (const std::string& one : all) {
    if (std::find(others.begin(), others.end(), one) == others.end()) out.push_back(one);
  }
  return out;
}

Result<Names> listmasters_of(Connection& connection, Id domain_id) {
  Names out;
  ESSAIM_TRY(MemberStore(connection)
                 .for_each(domain_id, storage::Role::kListmaster, [&out](const MemberRecord& master) {
                   out.push_back(smtp::Address{master.local, master.domain}.to_string());
                   return true;
                 }));
  return out;
}

// Where the list has one of the same name, that one is nearer.
Result<Names> texts_of(Connection& connection, Id list_id, Id domain_id) {
  using storage::TextKind;
  storage::TextStore store(connection);
  Names out;
  for (const TextKind kind : {TextKind::kScenario, TextKind::kFilter, TextKind::kTemplate}) {
    const auto texts = store.names(kind, {list_id, domain_id});
    if (!texts.ok()) return texts.error();
    const auto of_list = [&](const std::string& name) {
      return std::any_of(texts->begin(), texts->end(), [&](const storage::TextRecord& one) {
        return one.owner == list_id && one.name == name;
      });
    };
    for (const storage::TextRecord& one : *texts) {
      if (one.owner != domain_id) continue;
      // Of filters all that there are count.
      if (kind == TextKind::kFilter || !of_list(one.name)) out.push_back(one.name);
    }
  }
  return out;
}

Result<bool> has_key(Connection& connection, const std::string& domain) {
  const auto keys = storage::DkimStore(connection).keys(domain);
  if (!keys.ok()) return keys.error();
  return std::any_of(keys->begin(), keys->end(), [](const storage::DkimKeyRecord& key) {
    return key.state == storage::DkimKeyState::kActive;
  });
}

template <typename Value>
Result<void> put(Result<Value> from, Value* to) {
  if (!from.ok()) return from.error();
  *to = *std::move(from);
  return {};
}

Result<void> compare_domains(Connection& connection, const ListRecord& before, const ListRecord& after,
                             Renaming* out) {
  const auto was = shown_settings(before), is = shown_settings(after);
  for (std::size_t i = 0; i < was.size(); ++i) {
    if (was[i].value != is[i].value) out->settings.push_back({was[i].name, was[i].value, is[i].value});
  }
  ESSAIM_TRY(put(texts_of(connection, before.id, before.domain_id), &out->texts_lost));
  ESSAIM_TRY(put(texts_of(connection, before.id, after.domain_id), &out->texts_got));
  Names old_masters, new_masters;
  ESSAIM_TRY(put(listmasters_of(connection, before.domain_id), &old_masters));
  ESSAIM_TRY(put(listmasters_of(connection, after.domain_id), &new_masters));
  out->listmasters_lost = without(old_masters, new_masters);
  out->listmasters_got = without(new_masters, old_masters);
  ESSAIM_TRY(put(has_key(connection, before.domain), &out->was_signed));
  return put(has_key(connection, after.domain), &out->is_signed);
}

// Whoever is judged by a rule that searches a filter which is nowhere is put off, so the list does not go where one would be
// missing. One that is missing already is no reason to stay.
Result<void> check_filters(Connection& connection, const ListRecord& before, const ListRecord& after) {
  for (const scenario::Function& function : scenario::functions()) {
    if (!function.of_list) continue;
    const std::string file = std::string(function.name) + "." + scenario_name(after, function.name);
    const auto there = missing_filters(connection, after, file);
    if (!there.ok()) continue;  // it cannot be used at all: check_scenarios
    if (there->empty()) continue;
    const auto here = missing_filters(connection, before, file);
    const Names lost = without(*there, here.ok() ? *here : Names{});
    if (lost.empty()) continue;
    return Error{ErrorCode::kInvalid, "in " + after.domain + ": " + file + " searches " + lost.front() +
                                          ", which is not there: essaim scenario set " + lost.front() +
                                          " FILE --list " + before.address()};
  }
  return {};
}

// A list that is suspended is so under its new name. The old one stays suspended: posts that wait have it.
Result<void> suspend_renamed(Connection& connection, const std::string& before, const std::string& after) {
  storage::SuspensionStore store(connection);
  const auto all = store.all();
  if (!all.ok()) return all.error();
  for (const storage::SuspensionRecord& one : *all) {
    if (one.scope != storage::SuspensionScope::kList || one.subject != before) continue;
    storage::SuspensionRecord renamed = one;
    renamed.subject = after;
    return store.suspend(renamed);
  }
  return {};
}

// What it is a member, owner or moderator of; where the new address is that already, the old one just goes.
Result<void> move_memberships(const Doing& doing, const smtp::Address& before, const smtp::Address& after) {
  MemberStore members(doing.connection());
  DirectoryStore directory(doing.connection());
  auto memberships = members.of_person(before, kMostMemberships);
  if (!memberships.ok()) return memberships.error();
  for (const MemberRecord& one : *memberships) {
    const auto list = directory.find_list_by_id(one.list_id);
    if (!list.ok()) return list.error();
    if (!list->has_value()) continue;  // it was deleted, and so will this be
    const auto revision = members.next_revision(one.list_id);
    if (!revision.ok()) return revision.error();
    const auto known = members.find(one.list_id, one.role, after);
    if (!known.ok()) return known.error();
    ESSAIM_TRY(known->has_value() ? members.remove(one.list_id, one.role, before, *revision)
                                  : members.move(one, after, *revision, doing.context.services.ids->next()));
  }
  return {};
}

}  // namespace

smtp::Address new_address(const ListRecord& list, const std::string& name) {
  if (name.find('@') == name.npos) return {smtp::Address{name, list.domain}.local_key(), list.domain};
  auto parsed = checked_list(name);
  return parsed.ok() ? *std::move(parsed) : smtp::Address{name, list.domain};
}

Result<Renaming> look_at_renaming(Connection& connection, const ListRecord& list, const std::string& name) {
  const smtp::Address from{list.local, list.domain}, to = new_address(list, name);
  Renaming out;
  out.before = list.address();
  out.after = to.local + "@" + to.domain;
  out.domain_before = list.domain;
  out.domain_after = to.domain;
  ListRecord of_domain = list;
  of_domain.settings.clear();
  out.robot = list.local == settings_of(of_domain).robot;
  const auto domain = DirectoryStore(connection).find_domain(to.domain);
  if (!domain.ok()) return domain.error();
  out.known = domain->has_value();
  if (!out.known) return out;
  const std::string old = out.changes_domain() ? "@" + list.domain : out.before;
  for (const auto& [setting, value] : list.settings) {
    if (ascii_lowered(value).find(old) != std::string::npos) out.names_old.push_back(setting);
  }
  for (const std::string_view suffix : kSuffixes) {
    const auto memberships = MemberStore(connection).of_person(with_suffix(from, suffix), kMostMemberships);
    if (!memberships.ok()) return memberships.error();
    out.memberships += static_cast<std::int64_t>(memberships->size());
  }
  if (out.changes_domain())
    ESSAIM_TRY(compare_domains(connection, list, in_domain(list, to.local, **domain), &out));
  return out;
}

// The old name goes on leading to the list (DirectoryStore::rename_list). Return addresses of copies, and those to leave with,
// bear tokens that name members, and are good as before in whatever domain of ours (recipients.cc).
Done rename(const Doing& doing) {
  // Neither domain goes meanwhile, nor do texts that the list's settings name.
  ESSAIM_TRY(storage::SiteStore(doing.connection()).lock_changes());
  DirectoryStore directory(doing.connection());
  const auto found = directory.find_list_by_id(doing.request.list.id);
  if (!found.ok()) return found.error();
  if (!found->has_value()) return Error{ErrorCode::kNotFound, "no such list"};
  const ListRecord& list = **found;
  const smtp::Address from{list.local, list.domain}, to = new_address(list, doing.request.name);
  using Status = Response::Status;
  if (!wrong_with_list_name(to.local).empty())
    return Response{Status::kRefused, doing.say("a list cannot be called {{name}}"), ""};
  const auto domain = directory.find_domain(to.domain);
  if (!domain.ok()) return domain.error();
  if (!domain->has_value())
    return Response{Status::kRefused, doing.say("there is no domain {{domain}}", {{"domain", to.domain}}),
                    ""};
  const auto other = directory.find_list(to.local, to.domain);
  if (!other.ok()) return other.error();
  if (other->has_value()) {
    const bool same = (*other)->id == list.id;
    return Response{same ? Status::kAlready : Status::kRefused,
                    doing.say("the list {{list}} exists already", {{"list", (*other)->address()}}), ""};
  }
  const ListRecord renamed = in_domain(list, to.local, **domain);
  // Not that of the list's own settings: commands go by the domain's.
  ListRecord of_domain = renamed;
  of_domain.settings.clear();
  if (to.local == settings_of(of_domain).robot)
    return Response{Status::kRefused, doing.say("a list cannot be called {{name}}"), ""};
  // The scenarios of the domain that it leaves are not at hand any more; every post would have to wait.
  if (renamed.domain_id != list.domain_id) {
    const auto usable = check_scenarios(doing.connection(), renamed, renamed.settings);
    if (!usable.ok()) return Error{usable.error().code, "in " + to.domain + ": " + usable.error().message};
    ESSAIM_TRY(check_filters(doing.connection(), list, renamed));
  }
  const Response done{Status::kDone, doing.say("the list {{list}} is called {{name}} now"), ""};
  if (doing.request.dry_run) return done;
  ESSAIM_TRY(directory.rename_list(list.id, to.local, renamed.domain_id));
  for (const std::string_view suffix : kSuffixes)
    ESSAIM_TRY(move_memberships(doing, with_suffix(from, suffix), with_suffix(to, suffix)));
  ESSAIM_TRY(suspend_renamed(doing.connection(), list.address(), renamed.address()));
  return done;
}

Done forget_name(const Doing& doing) {
  const smtp::Address name = new_address(doing.request.list, doing.request.name);
  const auto forgotten = DirectoryStore(doing.connection()).forget_name(name.local, name.domain);
  if (!forgotten.ok()) return forgotten.error();
  if (!*forgotten) return Response{Response::Status::kAlready, doing.say("there is no {{name}}"), ""};
  return Response{Response::Status::kDone, doing.say("{{name}} is gone"), ""};
}

}  // namespace essaim::lists
