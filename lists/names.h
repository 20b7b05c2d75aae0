// Names of domains, lists and roles as the operator writes them. Pure functions; errors say what is wrong.
#pragma once

#include <map>
#include <string>

#include "core/base/result.h"
#include "core/smtp/address.h"

namespace essaim::lists {

// In lower case, a domain name of at least one dot or a single label; no address literal.
Result<std::string> checked_domain(const std::string& name);
// "dev@lists.example.org", in lower case. Not whether a new list may be called so: see
// wrong_with_list_name().
Result<smtp::Address> checked_list(const std::string& address);

}  // namespace essaim::lists
