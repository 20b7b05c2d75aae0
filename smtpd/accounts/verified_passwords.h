// Passwords that were found right a moment ago, so that a program which logs in anew for each message does not cost a yescrypt
// each time. Not the password is kept but a MAC, under a key that this process made for itself, of account, stored hash and
// password together, for a short time that use does not make longer.
//
// What that is worth to whom:
//   who guesses      a wrong password is in no entry: it costs a yescrypt and is counted, as ever.
//   who was let in   the account is read from the database at each login all the same. A changed password has another hash, on
//                    whichever node it was changed, and then no entry fits; who is disabled or gone is refused before it is asked.
//   who reads memory the key and the MACs let passwords of the last minutes be tried without a yescrypt. The passwords
//                    themselves pass through the same memory. The database alone, or a core without it, gives nothing.
//
// Thread-safe, bounded.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <string>

#include "core/base/clock.h"
#include "core/base/mac.h"

namespace essaim::smtpd {

class VerifiedPasswords {
 public:
  explicit VerifiedPasswords(Duration keep, std::size_t most = 10'000);

  // `hash` is what the database has now. Always false with a `keep` of zero.
  bool knows(const std::string& account, const std::string& hash, const std::string& password, MonoTime now);
  void add(const std::string& account, const std::string& hash, const std::string& password, MonoTime now);
  void set_keep(Duration keep);  // zero forgets all

 private:
  Sha256Digest mac(const std::string& account, const std::string& hash, const std::string& password) const;

  const MacKey key_;
  const std::size_t most_;
  std::mutex mutex_;
  Duration keep_;
  std::map<Sha256Digest, MonoTime> until_;
};

}  // namespace essaim::smtpd
