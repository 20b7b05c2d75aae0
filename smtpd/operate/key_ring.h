// The keys that sign, opened and in memory. Read from the database at start, and again when refresh() is called: the
// server does so every twenty seconds, also while nothing is to be signed, so that no node wakes up with keys whose
// records are gone. One that is there as it was before is not opened anew. When they are others than before, the log has a line
// "signing-keys" with those that came and went; a key that cannot be opened here, though it signs or waits for its record, is named
// there once ("dkim-key-unusable"). Keys of deleted domains are none.
//
// refresh() and keys_for() are thread-safe and do not block. Reads that are under way when it ends find nobody any more.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/mailauth/keys.h"
#include "core/mailauth/sealed_key.h"
#include "core/mailauth/sign.h"
#include "smtpd/settings/settings.h"
#include "storage/database.h"
#include "storage/dkim_store.h"

namespace essaim::smtpd {

class KeyRing {
 public:
  // Without a seal no key can be opened: active ones are a warning in the log, and nothing is signed.
  KeyRing(storage::Database& database, std::optional<mailauth::KeySeal> seal);
  // Blocking. A key that cannot be opened is an error in the log and does not sign; trouble of the database is one
  // here.
  Result<void> load();
  // In the background; while the database is in trouble the keys stay as they are.
  void refresh();
  mailauth::SigningKeys keys_for(const std::string& domain) const;
  // How many keys of our domains that sign, or wait for their record, could not be opened when they were read last.
  // Thread-safe.
  std::size_t unusable() const;

 private:
  using Keys = std::map<std::string, mailauth::SigningKeys>;
  struct State;
  static std::set<std::string> names_of(const Keys& keys);  // "lists.example.org/20261128r", ...

  storage::Database& database_;
  const std::shared_ptr<State> state_;
};

namespace operate {

// The seal that the settings or the service manager give; nothing without one. The error names the file.
Result<std::optional<mailauth::KeySeal>> open_seal(const Settings& settings);
// What a key is authenticated with.
std::string purpose_of_key(const std::string& domain, const std::string& selector);
// The private key. kInvalid: there is no seal to open it with; kDamaged: it was sealed with another one, or is damaged.
Result<mailauth::PrivateKey> open_key(const std::optional<mailauth::KeySeal>& seal,
                                      const storage::DkimKeyRecord& key);

}  // namespace operate
}  // namespace essaim::smtpd
