// Domains and who looks after them.
#include "lists/requests/verbs.h"
#include "lists/setting_changes.h"
#include "lists/settings.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {

using storage::DirectoryStore;
using storage::MemberStore;
using storage::Role;

namespace {

Response already(const Doing& doing, std::string_view english) {
  return {Response::Status::kAlready, doing.say(english), ""};
}

Response done(const Doing& doing, std::string_view english) {
  return {Response::Status::kDone, doing.say(english), ""};
}

}  // namespace

Done create_domain(const Doing& doing) {
  const std::string& name = doing.request.list.domain;
  DirectoryStore directory(doing.connection());
  auto known = directory.find_domain(name);
  if (!known.ok()) return known.error();
  if (known->has_value()) return already(doing, "the domain {{domain}} exists already");
  ESSAIM_TRY(directory.add_domain({doing.context.services.ids->next(), name, {}, doing.context.now}));
  return done(doing, "the domain {{domain}} was created");
}

Done configure_domain(const Doing& doing) {
  const storage::ListRecord& domain = doing.request.list;
  ESSAIM_TRY(storage::SiteStore(doing.connection()).lock_changes());
  DirectoryStore directory(doing.connection());
  const auto found = directory.find_domain(domain.domain);
  if (!found.ok()) return found.error();
  if (!found->has_value()) return Error{ErrorCode::kNotFound, "no such domain: " + domain.domain};
  const auto settings =
      changed_settings(doing.connection(), domain, (*found)->settings, doing.request.changes);
  if (!settings.ok()) return settings.error();
  if (*settings == (*found)->settings)
    return Response{Response::Status::kAlready,
                    doing.say("the settings of {{list}} are like that already", {{"list", domain.domain}}),
                    ""};
  storage::ListRecord before = domain;
  before.domain_settings = (*found)->settings;
  storage::ListRecord after = domain;
  after.domain_settings = *settings;
  if (settings_of(after).robot != settings_of(before).robot)
    ESSAIM_TRY(check_robot_is_free(doing.connection(), after));
  ESSAIM_TRY(directory.set_domain(domain.domain, *settings));
  return Response{Response::Status::kDone,
                  doing.say("the settings of {{list}} were changed", {{"list", domain.domain}}), ""};
}

Done delete_domain(const Doing& doing) {
  ESSAIM_TRY(DirectoryStore(doing.connection()).delete_domain(doing.request.list.domain));
  return done(doing, "the domain {{domain}} was deleted");
}

Done change_listmaster(const Doing& doing) {
  const Request& request = doing.request;
  const bool add = request.verb == Verb::kAddListmaster;
  const Id scope = request.list.domain_id;
  MemberStore members(doing.connection());
  auto known = members.find(scope, Role::kListmaster, request.email);
  if (!known.ok()) return known.error();
  const std::string_view words = add ? "{{email}} is a listmaster" : "{{email}} is no listmaster";
  if (known->has_value() == add) return already(doing, words);
  if (!add) {
    // There is no revision of a domain: that of a row which was never there for a post.
    ESSAIM_TRY(members.remove(scope, Role::kListmaster, request.email, 1));
    return done(doing, words);
  }
  storage::MemberRecord master;
  master.id = doing.context.services.ids->next();
  master.list_id = scope;
  master.role = Role::kListmaster;
  master.local = request.email.local;
  master.domain = request.email.domain;
  master.since = doing.context.now;
  ESSAIM_TRY(members.add(master));
  return done(doing, words);
}

}  // namespace essaim::lists
