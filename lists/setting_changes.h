// Changes of settings, checked before they are stored. Inside the caller's transaction.
#pragma once

#include "lists/admin.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

// What becomes of `before` by the changes; settings that name scenarios name ones that there are and that can be used for
// the list (id 0: for its domain). kInvalid names the setting and what is wrong.
Result<Settings> changed_settings(storage::Connection& connection, const storage::ListRecord& list,
                                  const Settings& before, const SettingChanges& changes);

// Of a setting that is_of_domains_alone() (settings.h): kInvalid, with what to do.
Error not_of_lists(const std::string& setting, const std::string& domain);

// Whether there are the scenarios that `settings` name, and whether they can be used for the list (id 0: for its domain).
// kInvalid names the setting and what is wrong.
Result<void> check_scenarios(storage::Connection& connection, const storage::ListRecord& list,
                             const Settings& settings);

// Whether no list has the name of the command robot of a domain (domain_alone.h), which stands back behind a list. kInvalid
// says which one has.
Result<void> check_robot_is_free(storage::Connection& connection, const storage::ListRecord& domain);

}  // namespace essaim::lists
