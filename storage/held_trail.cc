#include "storage/held_trail.h"

#include <map>
#include <string>

#include "core/base/id.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

constexpr const char* kBecame = "became";  // detail

// A confirmation, and an approval; what is damaged may name itself.
constexpr int kMostSteps = 4;

}  // namespace

Result<void> leave_trail(Connection& connection, const HeldRecord& held, Id then) {
  std::map<std::string, std::string> details = held.details;
  details[kBecame] = format_id(then);
  const auto written = sql::run(connection, "UPDATE held SET details = ? WHERE id = ?",
                                sql::encode_settings(details), held.id);
  return written.ok() ? Result<void>() : written.error();
}

Id next_on_trail(const HeldRecord& held) {
  return parse_id(held.detail(kBecame)).value_or(0);
}

Result<Id> follow_trail(Connection& connection, Id id) {
  for (int step = 0; step < kMostSteps; ++step) {
    auto held = HeldStore(connection).find(id);
    if (!held.ok()) return held.error();
    const Id next = held->has_value() ? next_on_trail(**held) : 0;
    if (next == 0) return id;
    id = next;
  }
  return id;
}

}  // namespace essaim::storage
