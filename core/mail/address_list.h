// Mailboxes in From, To, Cc, Reply-To and Sender (RFC 5322 §3.4), read tolerantly and in linear time:
// comments, quoted strings, groups, obsolete routes and empty entries. What is no address is skipped and
// counted. Encoded words in names stay as they are (encoded_word.h decodes them). Pure functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::mail {

struct Mailbox {
  std::string
      name;  // display name without its quotes; else the text of a comment behind the address; else empty
  std::string local;   // unquoted
  std::string domain;  // lower case; an address literal keeps its brackets

  friend bool operator==(const Mailbox&, const Mailbox&) = default;
};

struct AddressList {
  std::vector<Mailbox> mailboxes;  // those of groups included, in order
  std::size_t groups = 0;
  std::size_t skipped = 0;  // entries that are no address
  bool truncated = false;   // there were more than the limit
  // What was skipped, or taken for the name of a group, and looks like an address to people and to other programs.
  std::size_t lookalikes = 0;

  // Others may read somebody in it who is not among the mailboxes.
  bool may_name_others() const { return lookalikes > 0 || truncated; }
};

inline constexpr std::size_t kMaxMailboxes = 1000;

// Takes the raw or the unfolded value of a field.
AddressList parse_address_list(std::string_view value, std::size_t limit = kMaxMailboxes);

// The value of a field with addresses or ids, with a space behind each comma and between ids where there is none, so that
// it can be folded: scripts write hundreds of addresses as one word. Not within quoted strings, comments and brackets.
std::string with_blanks(std::string_view value);

// `name <address>` for a header: the name is bare, quoted or made of encoded words, as it needs. Line ends
// and other control characters in the name become spaces. The address is written as it is.
std::string format_mailbox(std::string_view utf8_name, std::string_view address);

}  // namespace essaim::mail
