// What rules need to know from the database about a list and a sender. Read when a post is decided, and again
// in the transaction that stores it when the list's membership has changed in between.
#pragma once

#include "lists/incoming.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct Facts {
  bool member = false;
  bool owner = false;
  bool editor = false;
  friend bool operator==(const Facts&, const Facts&) = default;
};

// Who the author is for the list. Without one author, nobody.
Result<Facts> read_facts(storage::Connection& connection, Id list_id, const Incoming& incoming);

}  // namespace essaim::lists
