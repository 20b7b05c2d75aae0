// Composes reports on delivery: multipart/report (RFC 6522) with a text for people, message/delivery-status
// (RFC 3464) and the message or its header. To a sender who speaks SMTPUTF8, the forms of RFC 6533. What came
// from outside (replies, addresses, identifiers) is escaped so that it can begin no line and no field.
// parse_dsn() reads them back.
//
// Whether a report is due is for the caller to say (NOTIFY, RFC 3461 §5.2; no report on a report). One
// without a recipient is refused here, since nothing is ever sent to the null reverse-path. It goes out WITH
// the null reverse-path (RFC 3464 §2). Pure functions, linear time.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/mail/dsn.h"

namespace essaim::mail {

struct ReportRecipient {
  std::string address{};   // local@domain, quoted where it must be
  std::string original{};  // of ORCPT, decoded: "rfc822;user@domain"; "" if none was given
  DsnAction action = DsnAction::kFailed;
  std::string status{};      // "5.1.1"; "" or nonsense becomes the general code of the action
  std::string remote_mta{};  // host name of the server that said `diagnostic`; "": it was we
  std::string diagnostic{};  // the reply: "550 5.1.1 no such user"; lines may be separated by '\n'
  std::optional<WallTime> last_attempt{};
  std::optional<WallTime> retry_until{};  // kDelayed
};

enum class ReturnContent { kNothing, kHeaders, kFull };  // RET; kNothing is for what must not be shown

struct Report {
  std::string from_address{};
  std::string to_address{};  // of the sender
  std::string subject{};     // UTF-8; "": made from the actions
  std::string text{};        // UTF-8 for people; "": what happened, in English
  WallTime date{};
  std::string message_id{};     // "<...>"
  std::string in_reply_to{};    // Message-ID of the message it is about; ""
  std::string reporting_mta{};  // our host name
  std::optional<WallTime> arrival{};
  std::string envelope_id{};                  // of ENVID, decoded; ""
  std::vector<ReportRecipient> recipients{};  // at least one
  std::string_view original{};                // the message
  ReturnContent content = ReturnContent::kHeaders;
  std::size_t max_returned = 256 * 1024;  // octets; a larger message returns its header only (RFC 3461 §4.3)
  bool smtputf8 = false;                  // the sender's server took the message with SMTPUTF8
};

struct ComposedReport {
  std::string message;  // with CRLF line ends
  bool eight_bit = false;
  bool needs_smtputf8 = false;  // its own header or recipient has UTF-8
};

// kInvalid: no recipient, sender, Message-ID or reporting host, a line end in an address, or one that is
// not UTF-8.
Result<ComposedReport> compose_report(const Report& report);

}  // namespace essaim::mail
