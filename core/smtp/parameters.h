// ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2; SIZE of RFC 1870, BODY of RFC 6152). A refusal is the
// reply to give. Pure functions; at most kMaxParameters are looked at.
//
//   esmtp-param   = esmtp-keyword ["=" esmtp-value]
//   esmtp-keyword = (ALPHA / DIGIT) *(ALPHA / DIGIT / "-")
//   esmtp-value   = 1*(%d33-60 / %d62-126)
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/reply.h"

namespace essaim::smtp {

inline constexpr std::size_t kMaxParameters = 16;

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
};

// 555 for a parameter that we do not know, 501 for a value that makes no sense.
std::optional<Reply> read_mail_parameters(std::string_view text, MailParameters* out);
// None is offered yet, so every parameter is a 555.
std::optional<Reply> read_rcpt_parameters(std::string_view text);

}  // namespace essaim::smtp
