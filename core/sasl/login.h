// Who has logged in, and what they may do. A value, immutable and shared by the session and what it submitted.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/smtp/address.h"

namespace essaim::sasl {

struct Login {
  std::string account;
  std::string mechanism;               // "SCRAM-SHA-256"
  std::vector<std::string> addresses;  // that it may send as: "ann@example.org", "*@example.org"
  bool may_relay = false;              // to everywhere
  // Of the account's row when it logged in; 0: it had none. Another one since, and the login is over.
  WallTime changed{};

  // Whether it may send as this one. Local parts ignoring case.
  bool owns(const smtp::Address& address) const;
  // Whether this is one of its own: not as one of a whole domain.
  bool is(const smtp::Address& address) const;
};

// As it is kept among the addresses of an account: the domain in lower case and A-labels.
Result<std::string> parse_owned_address(std::string_view text);

}  // namespace essaim::sasl
