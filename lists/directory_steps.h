// The steps by which a text is applied (directory_plan.h). Each is small, looks at what is there in the transaction that
// changes it, and may be done again: what somebody else has done meanwhile, or an earlier try, is no mistake. Internal to
// lists/.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "lists/directory_text.h"
#include "lists/list_end.h"
#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

// So many people are written in one transaction. A Galera cluster copies and checks each as a whole and refuses the largest,
// and posts wait for whoever writes a list: some hundred kilobytes, and some ten milliseconds.
inline constexpr std::size_t kWrittenTogether = 1000;

struct StepContext {
  const Services& services;
  storage::Connection& connection;
  WallTime now;
  bool quiet = false;          // nobody is told of what waited on a list that goes
  Dropped* dropped = nullptr;  // gets the sums of that, if anybody wants them
};
using MakeStep = std::function<Result<void>(const StepContext&)>;

Result<void> make_domain(const StepContext& context, const std::string& name, const Settings& settings);

// Its settings and state; the owners of a new one too, who may do all that owners may (requests/directory.cc).
Result<void> make_list(const StepContext& context, const std::string& address, bool is_new,
                       const ListText& wanted);

// The names that it had before; nothing where the text says nothing of them.
Result<void> make_former_names(const StepContext& context, const std::string& address,
                               const ListText& wanted);

struct PeopleStep {
  std::string address;  // of the list
  storage::Role role = storage::Role::kMember;
  std::vector<const PersonText*> fresh, changed, gone;
  std::size_t size() const { return fresh.size() + changed.size() + gone.size(); }
};
Result<void> make_people(const StepContext& context, const PeopleStep& step);

// With what waits there, of which people are told (list_end.h).
Result<void> drop_list(const StepContext& context, const std::string& address);
Result<void> drop_domain(const StepContext& context, const std::string& name);

// The same error, with how much was done in earlier transactions: "12000 of 50000 people are added".
Error with_progress(const Error& error, std::int64_t made, std::int64_t all, const std::string& what);
Error interrupted();  // kCancelled
// Between two transactions: whoever waits for the lock of an SQLite file looks now and then whether it is free.
void let_others_write();

}  // namespace essaim::lists
