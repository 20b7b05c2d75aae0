#include "core/mailauth/spf_record.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

// Of a domain-spec: text, and parts as libspf2 compiles them (a head of 4 octets, aligned to 8, and text).
constexpr std::size_t kMaxDomainSpec = 255;
constexpr std::size_t kMaxCompiled = 320;
constexpr std::size_t kPartHead = 12;

Error invalid(std::string message, std::string_view term) {
  return {ErrorCode::kInvalid, std::move(message) + ": " + escaped_for_display(term, 60)};
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Term {
  std::string_view text;
  std::string_view name;   // lower case is not made: compared ignoring case
  char separator = 0;      // ':', '/', '=' or 0
  std::string_view value;  // behind it; for '/' with it
};

Term read_term(std::string_view text) {
  Term term{text, text, 0, {}};
  std::string_view rest = text;
  if (!rest.empty() && std::strchr("+-?~", rest.front()) != nullptr) rest.remove_prefix(1);
  const std::size_t end = rest.find_first_of(":/=");
  term.name = rest.substr(0, end);
  if (end == std::string_view::npos) return term;
  term.separator = rest[end];
  term.value = rest.substr(term.separator == '/' ? end : end + 1);
  return term;
}

// One macro at the beginning of `text`, behind "%{": its length with the brace, 0 if it is none (§7.1).
std::size_t macro_length(std::string_view text) {
  std::size_t n = 0;
  if (text.empty() || std::strchr("slodiphcrtvSLODIPHCRTV", text[n++]) == nullptr) return 0;
  std::size_t digits = 0;
  unsigned value = 0;
  while (n < text.size() && is_digit(text[n]) && ++digits <= 3)
    value = value * 10 + static_cast<unsigned>(text[n++] - '0');
  if (digits > 3 || (digits > 0 && (value == 0 || value > 128))) return 0;
  if (n < text.size() && (text[n] == 'r' || text[n] == 'R')) ++n;
  std::size_t delimiters = 0;
  while (n < text.size() && std::strchr(".-+,/_=", text[n]) != nullptr && ++delimiters <= 7) ++n;
  return n < text.size() && text[n] == '}' && delimiters <= 7 ? n + 1 : 0;
}

// A domain-spec of mechanisms and redirect (§7.1): macros c, r and t are for explanations only; the comma and the
// slash are delimiters that libspf2 does not know.
Result<void> check_domain_spec(std::string_view spec, std::string_view term) {
  if (spec.empty()) return invalid("a domain is missing", term);
  if (spec.size() > kMaxDomainSpec) return invalid("the domain is too long", term);
  std::size_t compiled = kPartHead;
  bool ends_in_macro = false;
  for (std::size_t at = 0; at < spec.size();) {
    const char c = spec[at];
    if (c < 0x21 || c > 0x7e) return invalid("a character that may not be there", term);
    ends_in_macro = false;
    if (c != '%') {
      ++compiled;
      ++at;
      continue;
    }
    const std::string_view rest = spec.substr(at + 1);
    if (rest.starts_with("%") || rest.starts_with("_") || rest.starts_with("-")) {
      compiled += 3;
      at += 2;
      ends_in_macro = true;
      continue;
    }
    const std::size_t length = rest.starts_with("{") ? macro_length(rest.substr(1)) : 0;
    if (length == 0) return invalid("a bad macro", term);
    if (std::strchr("crtCRT", rest[1]) != nullptr) return invalid("a macro for explanations only", term);
    if (rest.substr(1, length).find_first_of(",/") != std::string_view::npos)
      return invalid("a macro that is not accepted", term);
    compiled += 2 * kPartHead;
    at += length + 2;
    ends_in_macro = true;
  }
  if (compiled > kMaxCompiled) return invalid("macros that are not accepted", term);
  if (ends_in_macro) return {};
  // domain-end: a top label that is no number (§7.1).
  std::string_view plain = spec.ends_with('.') ? spec.substr(0, spec.size() - 1) : spec;
  const std::size_t dot = plain.rfind('.');
  const std::string_view top = dot == std::string_view::npos ? std::string_view{} : plain.substr(dot + 1);
  const bool label =
      !top.empty() && top.front() != '-' && top.back() != '-' &&
      std::all_of(top.begin(), top.end(),
                  [](char c) {
                    return c == '-' || is_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z');
                  }) &&
      !std::all_of(top.begin(), top.end(), is_digit);
  return label ? Result<void>{} : invalid("no domain", term);
}

// "/n" with n up to `most`, without leading zeros.
bool is_prefix_length(std::string_view text, unsigned most) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return false;
  const auto n = parse_u64(text);
  return n && *n <= most;
}

// Takes "/n", "//m" or "/n//m" off the end of what a and mx name (§5.3).
Result<void> take_dual_cidr(std::string_view* value, std::string_view term) {
  const std::size_t slash = value->find('/');
  // A slash inside of a macro is none.
  const std::size_t brace = value->rfind('}');
  const std::size_t from = brace == std::string_view::npos || slash > brace ? slash : value->find('/', brace);
  if (from == std::string_view::npos) return {};
  std::string_view cidr = value->substr(from);
  *value = value->substr(0, from);
  if (!cidr.starts_with("//")) {
    const std::size_t second = cidr.find("//", 1);
    if (!is_prefix_length(cidr.substr(1, second == std::string_view::npos ? second : second - 1), 32))
      return invalid("no prefix length", term);
    if (second == std::string_view::npos) return {};
    cidr.remove_prefix(second);
  }
  return is_prefix_length(cidr.substr(2), 128) ? Result<void>{} : invalid("no prefix length", term);
}

using Octets = std::array<unsigned char, 16>;

bool read_ip(int family, std::string_view text, Octets* out) {
  out->fill(0);
  return inet_pton(family, std::string(text).c_str(), out->data()) == 1;
}

bool same_network(const Octets& a, const Octets& b, unsigned bits) {
  for (unsigned i = 0; i < bits; ++i) {
    const unsigned mask = 0x80U >> (i % 8);
    if ((a[i / 8] & mask) != (b[i / 8] & mask)) return false;
  }
  return true;
}

// ip4:NET[/n], ip6:NET[/n]: whether the client is in it.
Result<bool> matches_network(const Term& term, int family, std::string_view client) {
  const unsigned most = family == AF_INET ? 32 : 128;
  const std::size_t slash = term.value.find('/');
  unsigned bits = most;
  if (slash != std::string_view::npos) {
    const std::string_view length = term.value.substr(slash + 1);
    if (!is_prefix_length(length, most)) return invalid("no prefix length", term.text);
    bits = static_cast<unsigned>(*parse_u64(length));
  }
  Octets network{}, address{};
  if (term.separator != ':' || !read_ip(family, term.value.substr(0, slash), &network))
    return invalid("no network", term.text);
  return read_ip(family, client, &address) && same_network(network, address, bits);
}

enum class Keep { kYes, kNo };

Result<Keep> check_mechanism(const Term& term, std::string_view client) {
  const auto is = [&](std::string_view name) { return equals_ignoring_case(term.name, name); };
  std::string_view value = term.value;
  if (is("all")) {
    if (term.separator != 0) return invalid("all takes no value", term.text);
    return Keep::kYes;
  }
  if (is("ip4") || is("ip6")) {
    const auto matches = matches_network(term, is("ip4") ? AF_INET : AF_INET6, client);
    ESSAIM_TRY(matches);
    return *matches ? Keep::kYes : Keep::kNo;
  }
  if (is("a") || is("mx")) {
    ESSAIM_TRY(take_dual_cidr(&value, term.text));
    if (term.separator == ':') ESSAIM_TRY(check_domain_spec(value, term.text));
    return Keep::kYes;
  }
  if (is("ptr") && term.separator == 0) return Keep::kYes;
  if (is("ptr") || is("include") || is("exists")) {
    if (term.separator != ':') return invalid("a domain is missing", term.text);
    ESSAIM_TRY(check_domain_spec(value, term.text));
    return Keep::kYes;
  }
  return invalid("an unknown mechanism", term.text);
}

bool is_modifier_name(std::string_view name) {
  return !name.empty() && ascii_lower(name.front()) >= 'a' && ascii_lower(name.front()) <= 'z' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'z') || is_digit(c) || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace

bool is_spf_record(std::string_view text) {
  return starts_with_ignoring_case(text, "v=spf1") && (text.size() == 6 || text[6] == ' ');
}

Result<std::string> reduced_spf_record(std::string_view text, std::string_view client) {
  if (text.size() > kMaxSpfRecord) return invalid("the record is too long", text);
  std::string out = "v=spf1";
  bool redirect = false;
  bool explanation = false;
  for (const std::string_view word : split(text.substr(std::min<std::size_t>(text.size(), 6)), ' ')) {
    if (word.empty()) continue;
    const Term term = read_term(word);
    if (term.separator == '=') {
      if (word.data() != term.name.data() || !is_modifier_name(term.name)) return invalid("no term", word);
      const bool is_redirect = equals_ignoring_case(term.name, "redirect");
      bool* const once = is_redirect                              ? &redirect
                         : equals_ignoring_case(term.name, "exp") ? &explanation
                                                                  : nullptr;
      if (once == nullptr) continue;
      if (*once) return invalid("a modifier twice", word);
      *once = true;
      if (!is_redirect) continue;
      ESSAIM_TRY(check_domain_spec(term.value, word));
    } else {
      const auto keep = check_mechanism(term, client);
      ESSAIM_TRY(keep);
      if (*keep == Keep::kNo) continue;
    }
    out.append(" ").append(word);
  }
  return out;
}

}  // namespace essaim::mailauth
