// Composes the plain text messages that the program itself writes: answers to requests, confirmations,
// reports.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace essaim::mail {

enum class AutoSubmitted { kGenerated, kReplied };  // RFC 3834 §5

struct Notice {
  std::string from_name{};     // UTF-8, may be empty
  std::string from_address{};  // local@domain
  std::string to_name{};
  std::string to_address{};
  std::string reply_to{};  // an address, may be empty
  std::string subject{};   // UTF-8
  std::string text{};  // UTF-8, lines ended by LF or CRLF; bytes that are no UTF-8 are read as Windows-1252
  WallTime date{};
  std::string message_id{};  // "<id@host>"
  // "<...>", may be empty; References follows it. From outside: one that cannot be written is left out.
  std::string in_reply_to{};
  AutoSubmitted auto_submitted = AutoSubmitted::kGenerated;
  std::vector<std::pair<std::string, std::string>> more_fields{};  // name and value in ASCII
  std::string_view
      attachment{};  // a whole message, put behind the text as it is (RFC 2046 §5.2.1); "" for none
};

// The whole message with CRLF line ends, pure ASCII but for the attachment: us-ascii 7bit if it can be, else UTF-8
// quoted-printable.
// kInvalid: an address is missing, or a value holds a line end.
Result<std::string> compose_notice(const Notice& notice);

}  // namespace essaim::mail
