#include "storage/salvage.h"

#include <algorithm>
#include <utility>

#include "storage/copied_away.h"
#include "storage/copy.h"
#include "storage/salvage_rest.h"
#include "storage/schema.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

bool is_damage(const Error& error) {
  return error.code == ErrorCode::kDamaged || error.code == ErrorCode::kIo;
}

// Of what the rows are; where that cannot be read, and the tables can, the newest.
Result<int> version_of(Database& from) {
  auto version = schema_version(from);
  if (!version.ok() && is_damage(version.error())) {
    ESSAIM_TRY(from.look_now([](Connection& c) {
      const auto tables = sql::number(c, 0, "SELECT COUNT(*) FROM sqlite_master");
      return tables.ok() ? Result<void>() : tables.error();
    }));
    return newest_schema_version();
  }
  if (!version.ok()) return version;
  if (*version == 0) return Error{ErrorCode::kInvalid, "it is no database of Essaim"};
  if (*version > newest_schema_version())
    return Error{ErrorCode::kInvalid,
                 "it has schema version " + std::to_string(*version) + ", newer than this program's " +
                     std::to_string(newest_schema_version()) + ": use the newer program"};
  return version;
}

Result<void> save_into(Database& from, int version, Database& to, Salvaged* salvaged,
                       const std::function<void(const SalvagedTable&)>& progress) {
  ESSAIM_TRY(migrate(to, version));
  const auto tables = to.read_now(table_shapes);
  if (!tables.ok()) return tables.error();
  for (const TableShape& table : *tables) {
    auto one = salvage_table(from, table, to);
    if (!one.ok()) return one.error();
    salvaged->tables.push_back(*std::move(one));
    if (progress) progress(salvaged->tables.back());
  }
  ESSAIM_TRY(migrate(to));
  if (salvaged->whole()) return {};
  auto notes = mend_rest(to);
  if (!notes.ok()) return notes.error();
  salvaged->notes = *std::move(notes);
  return {};
}

}  // namespace

bool Salvaged::whole() const {
  return std::all_of(tables.begin(), tables.end(), [](const SalvagedTable& one) { return one.whole(); });
}

Result<Salvaged> salvage(const std::string& file, const std::string& to,
                         const std::function<void(const SalvagedTable&)>& progress) {
  DatabaseOptions options;
  options.url = "sqlite:" + file;
  options.readers = 1;
  auto from = Database::open(options);
  if (!from.ok()) return from.error();
  auto version = version_of(**from);
  if (!version.ok()) return Error{version.error().code, file + ": " + version.error().message};
  const Result<void> served = require_not_copied_away(**from);
  if (!served.ok() && !is_damage(served.error())) return served.error();
  Salvaged salvaged;
  ESSAIM_TRY(into_new_file(to, [&](Database& target) {
    salvaged = Salvaged();
    return save_into(**from, *version, target, &salvaged, progress);
  }));
  return salvaged;
}

}  // namespace essaim::storage
