// How often passwords may be guessed. Failures are counted in the database, over all nodes, by account and network, in slots of ten
// minutes: those of this slot and the one before count. A stranger cannot lock an account out: what he does from his network bars that
// network. Where an account is guessed at from many networks, each of them gets a single failure: its owner, who knows the password,
// comes in from anywhere. So it is, too, where so much is guessed that not all of it is kept (storage/account_store.h).
//
// Pure, but for what the store counts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/account_store.h"

namespace essaim::smtpd {

struct LoginLimits {
  std::int64_t failures = 10;           // of an account from a network
  std::int64_t network_failures = 100;  // of all accounts from a network
  std::int64_t under_attack = 200;      // of an account from everywhere: from then on one from each network
};

// The network that an address is counted with: /24, or /56 of IPv6.
std::string network_of(std::string_view ip);

bool may_try(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts);
// A token, of which nobody knows beforehand whose it is. None can be guessed: all that is limited is how often a network has
// us look at bad ones. One that is expired, and bears a good signature, does not count: honest programs send it, and refresh it then.
bool may_try_token(const LoginLimits& limits, const storage::LoginFailureStore::Counts& counts);

}  // namespace essaim::smtpd
