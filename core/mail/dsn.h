// Reads a delivery status notification (RFC 3462, 3464) that came to a bounce address. Tolerant, linear,
// bounded (1,000 recipients, 100 parts at the top level, text values cut at 1,000 bytes). A bounce in any
// other form is not a DSN (plain_report.h reads some). Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::mail {

enum class DsnAction { kFailed, kDelayed, kDelivered, kRelayed, kExpanded };
const char* to_string(DsnAction action);

struct DsnRecipient {
  std::string final_recipient;     // as an address, the type ("rfc822;") removed, xtext not decoded
  std::string original_recipient;  // empty if not given
  DsnAction action = DsnAction::kFailed;
  std::string status;      // "5.1.1"; empty if absent or malformed
  std::string diagnostic;  // text of Diagnostic-Code without its type; as received, escape before showing it
  std::string remote_mta;
};

struct Dsn {
  std::string reporting_mta;
  std::vector<DsnRecipient> recipients;  // never empty
  std::string original_message_id;       // from the returned message or header, normalised; empty if none
};

// Nothing if the message is no DSN.
std::optional<Dsn> parse_dsn(std::string_view message);

}  // namespace essaim::mail
