// Keys for signing, by domain and selector: the same for all nodes. The private part is what the caller gives, sealed
// (core/mailauth/sealed_key.h); the database never sees it in clear. Functions run inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "storage/database.h"

namespace essaim::storage {

enum class DkimKeyState : int {
  kNew = 0,      // waits for its record in DNS; not used
  kActive = 1,   // signs
  kRetired = 2,  // signs no more; its record stays until what it signed has arrived everywhere
};

struct DkimKeyRecord {
  std::string domain;
  std::string selector;
  std::string algorithm;  // "rsa-sha256", "ed25519-sha256"
  std::string sealed;     // the private key
  std::string record;     // text of the TXT record
  DkimKeyState state = DkimKeyState::kNew;
  WallTime created{};
  WallTime changed{};  // to its present state
  // As it was read: its domain is none of ours any more. Such a key signs nothing, says nothing of the secret that the others
  // are made with, and stays until somebody deletes it; a domain that is made again has its keys again.
  bool of_deleted_domain = false;
};

class DkimStore {
 public:
  explicit DkimStore(Connection& connection) : connection_(connection) {}
  Result<void> add(const DkimKeyRecord& key);                          // kExists
  Result<std::vector<DkimKeyRecord>> keys(const std::string& domain);  // "" for all; by domain, created
  Result<std::optional<DkimKeyRecord>> find(const std::string& domain, const std::string& selector);
  Result<void> set_state(const std::string& domain, const std::string& selector, DkimKeyState state,
                         WallTime now);
  Result<void> remove(const std::string& domain, const std::string& selector);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
