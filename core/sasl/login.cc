#include "core/sasl/login.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::sasl {
namespace {

constexpr std::string_view kAny = "*@";

}  // namespace

bool Login::is(const smtp::Address& address) const {
  if (address.empty() || address.domain.empty()) return false;
  return std::any_of(addresses.begin(), addresses.end(), [&](const std::string& one) {
    if (one.starts_with(kAny)) return false;
    const auto mine = smtp::parse_mailbox(one, smtp::LocalPart::kUtf8);
    return mine.ok() && equals_ignoring_case(mine->domain, address.domain) &&
           mine->local_key() == address.local_key();
  });
}

bool Login::owns(const smtp::Address& address) const {
  if (address.empty() || address.domain.empty()) return false;
  return is(address) || std::any_of(addresses.begin(), addresses.end(), [&](const std::string& one) {
           return one.starts_with(kAny) &&
                  equals_ignoring_case(std::string_view(one).substr(kAny.size()), address.domain);
         });
}

Result<std::string> parse_owned_address(std::string_view text) {
  const bool any = text.starts_with(kAny);
  const auto address = smtp::parse_mailbox(any ? "any" + std::string(text.substr(1)) : std::string(text),
                                           smtp::LocalPart::kUtf8);
  if (!address.ok()) return address.error();
  if (address->domain.empty()) return Error{ErrorCode::kInvalid, "an address needs its domain"};
  return any ? std::string(kAny) + address->domain : address->to_string();
}

}  // namespace essaim::sasl
