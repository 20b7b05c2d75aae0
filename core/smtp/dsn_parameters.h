// The parameters by which a sender asks for reports (RFC 3461 §4): RET and ENVID of MAIL, NOTIFY and ORCPT of
// RCPT. Values; parsed strictly, because they are copied into reports. A refusal is the reply to give.
//
//   RET=FULL | RET=HDRS           ENVID=xtext, printable ASCII, at most 100 octets
//   NOTIFY=NEVER | list of SUCCESS, FAILURE, DELAY
//   ORCPT=addr-type ";" xtext, at most 500 octets; RFC 6533 §3: utf-8;address with \x{HEX} or, where the
//   transaction is SMTPUTF8, UTF-8 as it is
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/smtp/reply.h"

namespace essaim::smtp {

enum class DsnReturn { kUnspecified, kFull, kHeaders };

struct DsnMailParameters {
  DsnReturn ret = DsnReturn::kUnspecified;
  std::string envelope_id;  // decoded; empty: none
  friend bool operator==(const DsnMailParameters&, const DsnMailParameters&) = default;
};

struct DsnRcptParameters {
  bool notify_given = false;  // without it a failure is reported, and a delay may be (RFC 3461 §4.1)
  bool notify_success = false;
  bool notify_failure = false;
  bool notify_delay = false;               // all three false with notify_given: NEVER
  std::string original_recipient_type;     // lower case, "rfc822"; empty: no ORCPT
  std::string original_recipient_address;  // decoded; UTF-8 for the type "utf-8"
  friend bool operator==(const DsnRcptParameters&, const DsnRcptParameters&) = default;
};

std::optional<Reply> read_ret(std::string_view value, DsnMailParameters* out);
std::optional<Reply> read_envid(std::string_view value, DsnMailParameters* out);
std::optional<Reply> read_notify(std::string_view value, DsnRcptParameters* out);
std::optional<Reply> read_orcpt(std::string_view value, bool smtputf8, DsnRcptParameters* out);

// And back: the values as they go on the wire, in ASCII whatever the transaction; "" for what was not given.
std::string ret_value(const DsnMailParameters& parameters);
std::string envid_value(const DsnMailParameters& parameters);
std::string notify_value(const DsnRcptParameters& parameters);
std::string orcpt_value(const DsnRcptParameters& parameters);

}  // namespace essaim::smtp
