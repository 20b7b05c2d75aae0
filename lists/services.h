// What the parts of lists/ share: made once by the daemon, which owns all of it and keeps it alive longer
// than them. Immutable after construction; the functions must be thread-safe (they are called on database
// threads).
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/mailauth/sign.h"
#include "core/smtp/address.h"
#include "lists/policies.h"
#include "lists/reporting.h"
#include "lists/sources.h"
#include "lists/tokens.h"
#include "storage/database.h"

namespace essaim::lists {

// Who we are, from the configuration.
struct Site {
  std::string hostname;  // of this node: in Received, Message-ID and as the domain of postmaster and abuse
  smtp::Address postmaster;  // where mail for postmaster and abuse, and failures of owners' mail, goes
  std::string base_url{};    // of our pages: "https://lists.example.org"; "": there are none
};

struct Services {
  storage::Database* database = nullptr;
  const Clock* clock = nullptr;
  IdGenerator* ids = nullptr;
  const Tokens* tokens = nullptr;
  Policies* policies = nullptr;
  Sources* sources = nullptr;  // null: filters that ask others cannot be used
  Site site;
  std::function<std::int64_t()> rank;  // of batch 0 of a new post (BatchStore: start tag of fair queueing)
  std::function<void()> bell;          // there is a new post; called after its commit
  Reporting reporting;
  // The keys that sign for a domain now; none, also while the function is empty: it is not signed.
  std::function<mailauth::SigningKeys(const std::string& domain)> signing_keys;
};

}  // namespace essaim::lists
