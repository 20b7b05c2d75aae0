// All that the database has about one address: what a person may ask for (GDPR art. 15). Read in steps, each a transaction that
// ends soon; what changes meanwhile is told as it was or as it is. Blocks on the database; for the command line.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/smtp/address.h"
#include "storage/account_store.h"
#include "storage/database.h"
#include "storage/departure_store.h"
#include "storage/held_store.h"
#include "storage/person_posts.h"
#include "storage/records.h"

namespace essaim::lists {

struct PersonMembership {
  storage::MemberRecord member;
  std::string of;  // the list's address; of a listmaster the domain, or "site"; "": what was deleted
  // It has ended, or its list was deleted: the row is there for posts that were accepted before, and retention takes it away.
  bool ended = false;
};

// Of what is held: a post of theirs, or a request of theirs or about them; or one that only names them.
struct PersonHeld {
  storage::HeldRecord held;  // without its details
  bool theirs = false;
  std::string named_as;  // of one that is not: "sender", "author", "decided by"
};

// A text or setting of the site, a domain or a list in which the address stands.
struct PersonNamed {
  std::string where;  // "site", a domain, a list's address
  std::string what;   // "blocklist.txt", "the setting reply_to"
};

struct PersonData {
  std::vector<PersonMembership> memberships;
  std::vector<storage::AccountRecord> accounts;
  std::vector<storage::DepartureRecord> departures;  // of theirs
  std::int64_t departures_of_others = 0;             // that came about by them
  std::vector<PersonHeld> held;
  std::vector<PersonNamed> named;
  std::int64_t answers = 0;  // we gave them lately
  storage::PersonInPosts posts;
  bool is_list = false;  // the address is a list's
  bool empty() const;
};

// Rows of one table that a step looks at; of posts, some of which have thousands of batches, no more than have so many.
inline constexpr std::size_t kPersonLooksAt = 500;
inline constexpr std::int64_t kPersonLooksAtBatches = 5'000;

Result<PersonData> read_person(storage::Database& database, const smtp::Address& person);

// Whether what is held is theirs (PersonHeld). Of a request: it is about them, or they ask for nobody else.
bool is_held_of(const smtp::Address& person, const storage::HeldRecord& held);

}  // namespace essaim::lists
