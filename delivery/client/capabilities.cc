#include "delivery/client/capabilities.h"

#include "core/base/text.h"

namespace essaim::delivery {
namespace {

// limits-param = limit-name-value *(SP limit-name-value) (RFC 9422 §4), e.g. "MAILMAX=5 RCPTMAX=20". A value
// is 1 to 999,999; what is none announces nothing, and names that nobody knows are no error.
void take_limits(std::string_view text, Capabilities* out) {
  for (const std::string_view limit : split(text, ' ')) {
    const std::size_t equals = limit.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = limit.substr(0, equals);
    const std::string_view digits = limit.substr(equals + 1);
    if (digits.size() > 6) continue;
    const auto value = static_cast<std::uint32_t>(parse_u64(digits).value_or(0));
    if (value == 0) continue;
    if (equals_ignoring_case(name, "MAILMAX")) out->mails_max = value;
    if (equals_ignoring_case(name, "RCPTMAX")) out->recipients_max = value;
    if (equals_ignoring_case(name, "RCPTDOMAINMAX")) out->domains_max = value;
  }
}

// ehlo-line = ehlo-keyword *( SP ehlo-param )
void take_line(std::string_view line, Capabilities* out) {
  const std::size_t space = line.find(' ');
  const std::string_view keyword = trimmed(line.substr(0, space));
  const std::string_view rest =
      space == std::string_view::npos ? std::string_view() : trimmed(line.substr(space));
  if (equals_ignoring_case(keyword, "PIPELINING")) out->pipelining = true;
  if (equals_ignoring_case(keyword, "8BITMIME")) out->eight_bit = true;
  if (equals_ignoring_case(keyword, "STARTTLS")) out->starttls = true;
  if (equals_ignoring_case(keyword, "CHUNKING")) out->chunking = true;
  if (equals_ignoring_case(keyword, "DSN")) out->dsn = true;
  if (equals_ignoring_case(keyword, "SMTPUTF8")) out->smtputf8 = true;
  if (equals_ignoring_case(keyword, "REQUIRETLS")) out->require_tls = true;
  if (equals_ignoring_case(keyword, "LIMITS")) take_limits(rest, out);
  if (equals_ignoring_case(keyword, "SIZE")) {
    out->size = true;
    // Tolerated: a value that is no number, as from servers that print a negative or overflowed limit; no
    // limit then.
    out->size_limit = parse_u64(rest.substr(0, rest.find(' '))).value_or(0);
  }
}

}  // namespace

Capabilities parse_capabilities(std::string_view text) {
  Capabilities out;
  std::size_t begin = text.find('\n');
  while (begin != std::string_view::npos) {
    const std::size_t end = text.find('\n', begin + 1);
    take_line(text.substr(begin + 1, end == std::string_view::npos ? end : end - begin - 1), &out);
    begin = end;
  }
  return out;
}

}  // namespace essaim::delivery
