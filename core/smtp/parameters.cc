#include "core/smtp/parameters.h"

#include <algorithm>
#include <limits>

#include "core/base/text.h"
#include "core/smtp/address.h"
#include "core/smtp/xtext.h"

namespace essaim::smtp {
namespace {

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_keyword(std::string_view text) {
  return !text.empty() && is_alnum(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

// UTF-8 is for whoever knows the parameter to judge; the whole argument has been checked to be valid.
bool is_value(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 32 && c != 127 && c != '=';
  });
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

Reply unknown(const Parameter& parameter) {
  return reply(555, "5.5.4", "Parameter " + escaped_for_display(parameter.keyword, 40) + " is not supported");
}

std::optional<Reply> read_size(const Parameter& parameter, MailParameters* out) {
  // RFC 1870 §4: size-value = 1*20DIGIT. 20 digits may exceed 64 bits: then it is too large whatever our
  // limit is.
  const auto& digits = parameter.value;
  const bool valid = !digits.empty() && digits.size() <= 20 &&
                     std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!valid) return reply(501, "5.5.4", "SIZE is not a number");
  out->size = parse_u64(digits).value_or(std::numeric_limits<std::uint64_t>::max());
  return std::nullopt;
}

std::optional<Reply> read_body(const Parameter& parameter, MailParameters* out) {
  if (equals_ignoring_case(parameter.value, "8BITMIME")) {
    out->body_8bit = true;
  } else if (!equals_ignoring_case(parameter.value, "7BIT")) {
    return reply(501, "5.5.4", "BODY is neither 7BIT nor 8BITMIME");
  }
  return std::nullopt;
}

std::optional<Reply> read_smtputf8(const Parameter& parameter, MailParameters* out) {
  if (parameter.has_value) return reply(501, "5.5.4", "SMTPUTF8 has no value");
  out->smtputf8 = true;
  return std::nullopt;
}

// RFC 8689 §2
std::optional<Reply> read_require_tls(const Parameter& parameter, MailParameters* out) {
  if (parameter.has_value) return reply(501, "5.5.4", "REQUIRETLS has no value");
  out->require_tls = true;
  return std::nullopt;
}

// RFC 4954 §5: AUTH=<> or the xtext of a mailbox. Who submitted it elsewhere proves nothing here.
std::optional<Reply> read_auth(const Parameter& parameter) {
  const auto mailbox = xtext_decoded(parameter.value);
  if (parameter.value == "<>" || (mailbox && parse_mailbox(*mailbox, LocalPart::kUtf8).ok()))
    return std::nullopt;
  return reply(501, "5.5.4", "AUTH is neither <> nor an address");
}

}  // namespace

std::optional<Reply> split_parameters(std::string_view text, std::vector<Parameter>* out) {
  out->clear();
  for (const std::string_view word : split(text, ' ')) {
    if (word.empty()) continue;  // Tolerated: several spaces between parameters
    if (out->size() == kMaxParameters) return reply(501, "5.5.4", "Too many parameters");
    const std::size_t equals = word.find('=');
    Parameter parameter;
    const std::string_view keyword = word.substr(0, equals);
    if (equals != std::string_view::npos) {
      parameter.has_value = true;
      parameter.value = word.substr(equals + 1);
    }
    if (!is_keyword(keyword) || (parameter.has_value && !is_value(parameter.value))) {
      return reply(501, "5.5.4", "Syntax error in parameters");
    }
    parameter.keyword = upper(keyword);
    for (const Parameter& other : *out) {
      if (other.keyword == parameter.keyword) return reply(501, "5.5.4", "Parameter given twice");
    }
    out->push_back(std::move(parameter));
  }
  return std::nullopt;
}

std::optional<Reply> read_mail_parameters(std::string_view text, MailParameters* out,
                                          const Offered& offered) {
  std::vector<Parameter> parameters;
  if (auto refused = split_parameters(text, &parameters)) return refused;
  for (const Parameter& parameter : parameters) {
    std::optional<Reply> refused;
    if (parameter.keyword == "SIZE") {
      refused = read_size(parameter, out);
    } else if (parameter.keyword == "BODY") {
      refused = read_body(parameter, out);
    } else if (parameter.keyword == "SMTPUTF8" && offered.smtputf8) {
      refused = read_smtputf8(parameter, out);
    } else if (parameter.keyword == "REQUIRETLS" && offered.require_tls) {
      refused = read_require_tls(parameter, out);
    } else if (parameter.keyword == "AUTH" && offered.auth) {
      refused = read_auth(parameter);
    } else if (parameter.keyword == "RET" && offered.dsn) {
      refused = read_ret(parameter.value, &out->dsn);
    } else if (parameter.keyword == "ENVID" && offered.dsn) {
      refused = read_envid(parameter.value, &out->dsn);
    } else {
      refused = unknown(parameter);
    }
    if (refused) return refused;
  }
  return std::nullopt;
}

std::optional<Reply> read_rcpt_parameters(std::string_view text, RcptParameters* out, const Offered& offered,
                                          bool smtputf8) {
  std::vector<Parameter> parameters;
  if (auto refused = split_parameters(text, &parameters)) return refused;
  for (const Parameter& parameter : parameters) {
    std::optional<Reply> refused;
    if (parameter.keyword == "NOTIFY" && offered.dsn) {
      refused = read_notify(parameter.value, &out->dsn);
    } else if (parameter.keyword == "ORCPT" && offered.dsn) {
      refused = read_orcpt(parameter.value, smtputf8, &out->dsn);
    } else {
      refused = unknown(parameter);
    }
    if (refused) return refused;
  }
  return std::nullopt;
}

}  // namespace essaim::smtp
