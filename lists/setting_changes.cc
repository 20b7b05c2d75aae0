#include "lists/setting_changes.h"

#include "core/base/text.h"
#include "lists/policies.h"
#include "lists/scenario/shipped.h"
#include "lists/settings.h"
#include "storage/directory_store.h"

namespace essaim::lists {

Result<void> check_scenarios(storage::Connection& connection, const storage::ListRecord& list,
                             const Settings& settings) {
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

Error not_of_lists(const std::string& setting, const std::string& domain) {
  return {ErrorCode::kInvalid,
          setting + ": it is the same for all lists of a domain; set it there: essaim domain set " + domain +
              " " + setting + "=..."};
}

Result<Settings> changed_settings(storage::Connection& connection, const storage::ListRecord& list,
                                  const Settings& before, const SettingChanges& changes) {
  Settings out = before;
  for (const auto& [name, value] : changes) {
    // Of one that goes back to its default the name does not matter: it may be left from another version.
    if (value) ESSAIM_TRY(check_setting(name, *value));
    if (value && is_of_domains_alone(name) && !list.local.empty()) return not_of_lists(name, list.domain);
    // One of the two says who posts: the one that was said last.
    if (name == "send" || name == "post") out.erase(name == "send" ? "post" : "send");
    if (value) {
      out[name] = *value;
    } else {
      out.erase(name);
    }
  }
  if (out != before) ESSAIM_TRY(check_scenarios(connection, list, out));
  return out;
}

Result<void> check_robot_is_free(storage::Connection& connection, const storage::ListRecord& domain) {
  const std::string robot = settings_of(domain).robot;
  const auto list = storage::DirectoryStore(connection).find_list(robot, domain.domain);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return {};
  return Error{ErrorCode::kInvalid,
               "robot: " + (*list)->address() + " is a list, and would get the commands"};
}

}  // namespace essaim::lists
