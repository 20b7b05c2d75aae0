#include "core/smtp/dsn_parameters.h"

#include <algorithm>
#include <cstdint>

#include "core/base/text.h"
#include "core/smtp/address_grammar.h"
#include "core/smtp/xtext.h"

namespace essaim::smtp {
namespace {

constexpr std::size_t kMaxEnvid = 100;  // octets as sent, RFC 3461 §4.4
constexpr std::size_t kMaxOrcpt = 500;  // octets as sent, RFC 3461 §4.2

Reply bad(const char* why) {
  return reply(501, "5.5.4", why);
}

// A type is an atom of RFC 822 in spirit; those that are registered hold letters, digits and hyphens.
bool is_address_type(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  });
}

void append_utf8(std::uint32_t point, std::string* out) {
  const auto tail = [&](int shift) { out->push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3F))); };
  if (point < 0x80) {
    out->push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (point >> 6)));
    tail(0);
  } else if (point < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (point >> 12)));
    tail(6), tail(0);
  } else {
    out->push_back(static_cast<char>(0xF0 | (point >> 18)));
    tail(12), tail(6), tail(0);
  }
}

// RFC 6533 §3: EmbeddedUnicodeChar = "\x{" HEXPOINT "}", at most six digits, upper case.
std::optional<std::string> embedded_unicode_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      out.push_back(text[i]);
      continue;
    }
    const std::size_t end = text.find('}', i);
    if (text.substr(i, 3) != "\\x{" || end == std::string_view::npos) return std::nullopt;
    const std::string_view digits = text.substr(i + 3, end - i - 3);
    if (digits.size() < 2 || digits.size() > 6) return std::nullopt;
    std::uint32_t point = 0;
    for (const char c : digits) {
      if (hex_value(c) < 0) return std::nullopt;
      point = point * 16 + static_cast<std::uint32_t>(hex_value(c));
    }
    // What the value becomes a part of has lines.
    if (point < 32 || point == 127 || point > 0x10FFFF) return std::nullopt;
    append_utf8(point, &out);
    i = end;
  }
  return out;
}

}  // namespace

std::optional<Reply> read_ret(std::string_view value, DsnMailParameters* out) {
  if (equals_ignoring_case(value, "FULL")) {
    out->ret = DsnReturn::kFull;
  } else if (equals_ignoring_case(value, "HDRS")) {
    out->ret = DsnReturn::kHeaders;
  } else {
    return bad("RET is neither FULL nor HDRS");
  }
  return std::nullopt;
}

std::optional<Reply> read_envid(std::string_view value, DsnMailParameters* out) {
  if (value.size() > kMaxEnvid) return bad("ENVID is longer than 100 octets");
  auto decoded = xtext_decoded(value);
  // RFC 3461 §4.4: printable characters of ASCII; it becomes a field of a report.
  if (!decoded || decoded->empty() || !is_ascii(*decoded))
    return bad("ENVID is not xtext of printable ASCII");
  out->envelope_id = std::move(*decoded);
  return std::nullopt;
}

std::optional<Reply> read_notify(std::string_view value, DsnRcptParameters* out) {
  out->notify_given = true;
  if (equals_ignoring_case(value, "NEVER")) return std::nullopt;
  for (const std::string_view word : split(value, ',')) {
    bool* flag = equals_ignoring_case(word, "SUCCESS")   ? &out->notify_success
                 : equals_ignoring_case(word, "FAILURE") ? &out->notify_failure
                 : equals_ignoring_case(word, "DELAY")   ? &out->notify_delay
                                                         : nullptr;
    // Tolerated: a word given twice; it changes nothing.
    if (flag == nullptr) return bad("NOTIFY is neither NEVER nor a list of SUCCESS, FAILURE and DELAY");
    *flag = true;
  }
  return std::nullopt;
}

std::optional<Reply> read_orcpt(std::string_view value, bool smtputf8, DsnRcptParameters* out) {
  if (value.size() > kMaxOrcpt) return bad("ORCPT is longer than 500 octets");
  const std::size_t semicolon = value.find(';');
  if (semicolon == std::string_view::npos || !is_address_type(value.substr(0, semicolon))) {
    return bad("ORCPT is not an address type, a semicolon and an address");
  }
  std::string type = ascii_lowered(value.substr(0, semicolon));
  const std::string_view encoded = value.substr(semicolon + 1);
  std::optional<std::string> decoded;
  if (type == "utf-8" && smtputf8 && !is_ascii(encoded)) {
    decoded = std::string(encoded);
  } else {
    decoded = xtext_decoded(encoded);
  }
  if (decoded && type == "utf-8") decoded = embedded_unicode_decoded(*decoded);
  const bool good = decoded && !decoded->empty() &&
                    (type == "utf-8" ? grammar::is_utf8_text(*decoded) : is_ascii(*decoded));
  if (!good) return bad("ORCPT address is not xtext of printable characters");
  out->original_recipient_type = std::move(type);
  out->original_recipient_address = std::move(*decoded);
  return std::nullopt;
}

std::string ret_value(const DsnMailParameters& parameters) {
  switch (parameters.ret) {
    case DsnReturn::kFull:
      return "FULL";
    case DsnReturn::kHeaders:
      return "HDRS";
    case DsnReturn::kUnspecified:
      break;
  }
  return "";
}

std::string envid_value(const DsnMailParameters& parameters) {
  return xtext_encoded(parameters.envelope_id);
}

std::string notify_value(const DsnRcptParameters& parameters) {
  if (!parameters.notify_given) return "";
  std::string out;
  const auto add = [&out](bool asked, std::string_view word) {
    if (asked) out.append(out.empty() ? "" : ",").append(word);
  };
  add(parameters.notify_success, "SUCCESS");
  add(parameters.notify_failure, "FAILURE");
  add(parameters.notify_delay, "DELAY");
  return out.empty() ? "NEVER" : out;
}

std::string orcpt_value(const DsnRcptParameters& parameters) {
  if (parameters.original_recipient_type.empty()) return "";
  const std::string& address = parameters.original_recipient_address;
  std::string out = parameters.original_recipient_type + ";";
  if (parameters.original_recipient_type != "utf-8") return out + xtext_encoded(address);
  // utf-8-addr-xtext (RFC 6533 §3): what is no QCHAR stands as \x{HEX}.
  for (std::size_t i = 0; i < address.size();) {
    const auto lead = static_cast<unsigned char>(address[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (length == 1 && lead > 32 && lead < 127 && lead != '+' && lead != '=' && lead != '\\') {
      out.push_back(address[i++]);
      continue;
    }
    std::uint32_t point = length == 1 ? lead : lead & (0x7fU >> length);
    for (std::size_t k = 1; k < length && i + k < address.size(); ++k)
      point = point << 6 | (static_cast<unsigned char>(address[i + k]) & 0x3fU);
    i += length;
    std::string digits;
    for (; point != 0; point >>= 4) digits.insert(digits.begin(), "0123456789ABCDEF"[point & 15]);
    out += "\\x{" + digits + "}";
  }
  return out;
}

}  // namespace essaim::smtp
