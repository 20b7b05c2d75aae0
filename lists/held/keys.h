// What waits and how its deciders are told: keys, addresses, reminders.
//
//   confirm+KEY@domain   confirms, unless the answer says no or asks    approve+KEY@   lets pass
//   reject+KEY@          refuses, the first line being the reason  ban+KEY@   refuses and blocks the author
//   answer+KEY@          the first line of the answer says which: a word alone, or a refusal and its reason
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "lists/notices.h"
#include "lists/requests/request.h"
#include "storage/held_store.h"

namespace essaim::lists {

inline constexpr std::size_t kKeyLength = 16;
// 80 bits from the system's generator, in base 32.
std::string new_key();
bool is_key(std::string_view text);

// The page to answer on, "https://lists.example.org/held/KEY"; "" where there are no pages.
std::string link_to_answer(const Site& site, const std::string& key);

// Two requests with the same wait for the same thing.
std::string waiting_key(const Request& request);

// Its sender said REQUIRETLS: what is written about it must be protected as well (RFC 8689 §6).
bool requires_tls(const storage::HeldRecord& held);

// Octets of a message that a question has attached, as much as mail for people may have (recipients.cc); of a larger one it says
// how it begins, or where the page is that does.
inline constexpr std::size_t kMostAttached = 25U << 20;

struct Asking {
  bool reminder = false;
  std::string_view message{};                     // attached, if it is not too large; "" for none
  std::optional<storage::BatchRecipient> only{};  // who alone is asked; nothing: all who decide
  std::string refused{};  // what their server said to the message, without which they are asked
};
// Sends what waits to those who decide: editors, owners or listmasters.
Result<void> ask_deciders(WriteContext& context, const storage::ListRecord& list,
                          const storage::HeldRecord& held, const Asking& asking = {});
// What is sent then, of a post that does not wait yet; by reading alone. Nothing: there is nobody to ask.
Result<std::optional<ReadyNotice>> make_question(WriteContext& context, const storage::ListRecord& list,
                                                 const storage::HeldRecord& held, const Asking& asking);

}  // namespace essaim::lists
