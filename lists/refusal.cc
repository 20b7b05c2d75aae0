#include "lists/refusal.h"

namespace essaim::lists {

smtp::Reply refusal(int code, std::string_view enhanced, std::string_view words, std::string_view rule) {
  return smtp::reply(code, enhanced, std::string(words) + " [rule: " + std::string(rule) + "]");
}

// The cause is for our log, not for the peer.
smtp::Reply storage_trouble(const Error& error) {
  if (error.code == ErrorCode::kExhausted)
    return smtp::reply(452, "4.3.1", "Insufficient system storage, try again later");
  return smtp::reply(451, "4.3.0", "Temporary trouble here, try again later");
}

}  // namespace essaim::lists
