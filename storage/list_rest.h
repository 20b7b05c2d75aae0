// Changes of more rows than one transaction is to bear: a list on which very much waits is deleted, one that very many have left
// is renamed, the moderators of thousands of posts are reminded, or the members of thousands of lists. All that accept wait for each transaction, and a cluster
// replicates it as a whole, below 1 MB. So the transaction that decides changes the first rows, and where there are more it says so by
// a value of the site ("list-rest:...", "list-end:...", "remind-rest:..."), and the job `held` is due: it does the rest in steps, within a minute or so.
// A node of an earlier version leaves such values alone.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/held_store.h"
#include "storage/records.h"

namespace essaim::storage {

// Within the caller's transaction, beside what deletes or renames the list itself.
// What waits there is declined in the name of `by`; whoever answers the rest meanwhile hears that there is no such list. `about`:
// for whoever finishes it.
Result<void> decline_waiting(Connection& connection, Id list_id, WallTime now, const std::string& by,
                             const std::map<std::string, std::string>& about = {});
// What waits and waited there, and who has left it, is found under the address `to`.
Result<void> rename_rows(Connection& connection, Id list_id, const std::string& from, const std::string& to);

// A list that was deleted while more waited there than one transaction bears.
struct EndedList {
  Id id = 0;
  WallTime at{};
  std::string by;
  std::map<std::string, std::string> about;  // as given to decline_waiting(); of an earlier version without
};
// Declines all that waits there still (HeldStore::decline_some) at that time and in that name. Runs again when it was cut off.
using FinishEnded = std::function<Result<void>(const EndedList&)>;

// What these two left to do. Blocks; transactions of its own, some hundred rows each. After an error, or a crash, the next call
// goes on.
Result<void> finish_lists(Database& database, const FinishEnded& finish_ended);

// What HeldStore::remind_together() has left to do, in the same way.
Result<void> finish_reminding(Database& database, const HeldRecord& one, WallTime next);

// The lists of a domain whose members are still to be reminded: those behind `after`, by their local parts.
struct RemindingRest {
  Id domain_id = 0;
  std::string domain;
  std::string after;
};
// Inside the caller's transaction, with what it has reminded of: the job has to go on there, in the place of one that is under way.
Result<void> leave_reminding(Connection& connection, const RemindingRest& rest);
// By the job, likewise.
Result<std::vector<RemindingRest>> reminding_rests(Connection& connection);
Result<void> keep_reminding(Connection& connection, const RemindingRest& rest);
Result<void> end_reminding(Connection& connection, const RemindingRest& rest);

}  // namespace essaim::storage
