// Saves what can be read of a damaged SQLite file into a new, sound one. Of a file without damage the new one has all, row by row.
//
// Where rows are lost, what is left of others is made such that a server can go on with it, and says what it does not deliver:
//
//   a batch whose state is lost       its post is held: who has got it is unknown, so an operator decides (`queue release`, `queue delete`)
//   a batch whose recipients are lost left: the server ends it, and its recipients count as suppressed
//   a batch whose post is lost        dropped: neither its list nor its text are known
//   a text of which a part is lost    dropped: the server parks the post's batches as `cannot be sent`, rather than send half of it
//   what waits for a decision, likewise: it can be rejected, and not be approved
//
// Octets that a disk has changed inside of a text or a name are not seen: SQLite has no checksums.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/salvage_table.h"

namespace essaim::storage {

struct Salvaged {
  std::vector<SalvagedTable> tables;  // by name
  std::vector<std::string> notes;     // what follows from what is lost, for people
  bool whole() const;
};

// `file` is used by nobody else. The new file has the newest schema. `progress` hears of each table when it is done; may be empty. kExists:
// there is a file `to`; kInvalid: `file` is no database of Essaim, or of a newer one; kConflict: it was copied to another database;
// kDamaged, kIo: not even its schema can be read. Blocking; for the command line.
Result<Salvaged> salvage(const std::string& file, const std::string& to,
                         const std::function<void(const SalvagedTable&)>& progress = {});

}  // namespace essaim::storage
