#include "storage/cluster/node_demand.h"

#include <string_view>

#include "storage/directory_store.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

// The value: "EPOCH\n", and what the node wants.
constexpr std::string_view kNames = "node-demand-", kBehindNames = "node-demand.";

std::string name_of(int number) {
  return std::string(kNames) + std::to_string(number);
}

std::string head_of(std::int64_t epoch) {
  return std::to_string(epoch) + "\n";
}

}  // namespace

Result<void> tell_demand(Connection& connection, NodeStore::Identity self, const std::string& demand) {
  return SiteStore(connection).set(name_of(self.number), head_of(self.epoch) + demand);
}

Result<void> read_demands(Connection& connection, std::vector<NodeSight>* nodes) {
  const auto statement =
      sql::prepare(connection, "SELECT name, value FROM site_value WHERE name > ? AND name < ?",
                   std::string(kNames), std::string(kBehindNames));
  return sql::each(statement, [nodes](Statement& row) {
    const std::string name = sql::text(row, 0), value = sql::text(row, 1);
    for (NodeSight& node : *nodes) {
      const std::string head = head_of(node.epoch);
      if (name != name_of(node.number) || !value.starts_with(head)) continue;
      node.demand = value.substr(head.size());
      node.tells_apart = true;
    }
  });
}

Result<void> forget_demand(Connection& connection, int number) {
  ESSAIM_TRY(sql::run(connection, "DELETE FROM site_value WHERE name = ?", name_of(number)));
  return {};
}

}  // namespace essaim::storage
