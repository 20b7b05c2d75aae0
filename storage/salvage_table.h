// What can be read of one table of a damaged file, into a new one. Inside storage; for storage/salvage.h.
//
//   The table is read from its beginning, and where that meets damage from its end.
//   What lies between is looked for by each index that has all rows: row by row, so that only those on damaged pages are lost, and
//   known by their keys. Where no index can be read whole, the table is walked round its damaged pages.
//
// Rows keep their places in the file, so that what goes by these (the order of two that are alike) is as it was.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/table_reader.h"

namespace essaim::storage {

// Rows that lie side by side. Keys are for people: "post_id 0dz1..., number 3".
struct LostRows {
  std::int64_t rows = 0;  // 0: nobody knows how many, or whether any
  std::string first,
      last;  // of those rows; with 0, the keys before and behind them; "": the table's beginning or its end
};

struct SalvagedTable {
  std::string name;
  std::int64_t rows = 0;  // that are in the new file
  std::vector<LostRows> lost;
  std::string why;  // what was said of the first damage
  bool whole() const { return lost.empty(); }
};

// `table` as it is in `to`. Reads of `from` that fail are damage, whatever the disk says; errors are those of `to`. Blocking.
Result<SalvagedTable> salvage_table(Database& from, const TableShape& table, Database& to);

}  // namespace essaim::storage
