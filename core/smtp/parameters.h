// ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2; SIZE of RFC 1870, BODY of RFC 6152,
// SMTPUTF8 of RFC 6531, AUTH of RFC 4954, RET, ENVID, NOTIFY and ORCPT of RFC 3461, REQUIRETLS of RFC 8689). A refusal is the
// reply to give. Pure functions; at most kMaxParameters are looked at.
//
//   esmtp-param   = esmtp-keyword ["=" esmtp-value]
//   esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//   esmtp-value   = 1*(%d33-60 / %d62-126)        RFC 6531 §3.3: =/ UTF8-non-ascii
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/dsn_parameters.h"
#include "core/smtp/reply.h"

namespace essaim::smtp {

inline constexpr std::size_t kMaxParameters = 16;

// The extensions whose parameters are known; those of the others are a 555.
struct Offered {
  bool smtputf8 = false;
  bool dsn = false;
  bool auth = false;  // RFC 4954 §5: read over, we pass on no AUTH
  bool require_tls = false;
};

struct Parameter {
  std::string keyword;  // upper case
  std::string_view value;
  bool has_value = false;
};

// Splits " A=b C" (a leading space is there when anything is). 501 for wrong syntax, duplicates and too many.
std::optional<Reply> split_parameters(std::string_view text, std::vector<Parameter>* out);

struct MailParameters {
  std::optional<std::uint64_t> size;  // octets; what does not fit is the largest number there is
  bool body_8bit = false;
  bool smtputf8 = false;
  bool require_tls = false;
  DsnMailParameters dsn;
};

struct RcptParameters {
  DsnRcptParameters dsn;
};

// 555 for a parameter that we do not know, 501 for a value that makes no sense.
std::optional<Reply> read_mail_parameters(std::string_view text, MailParameters* out, const Offered& offered);
// `smtputf8`: the transaction is one.
std::optional<Reply> read_rcpt_parameters(std::string_view text, RcptParameters* out, const Offered& offered,
                                          bool smtputf8);

}  // namespace essaim::smtp
