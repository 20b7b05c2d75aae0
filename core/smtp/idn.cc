#include "core/smtp/idn.h"

#include <memory>

#include <idn2.h>

#include "core/base/text.h"
#include "core/smtp/address.h"

namespace essaim::smtp {
namespace {

struct Idn2Free {
  void operator()(void* memory) const { idn2_free(memory); }
};

// In UTF-8 a label takes at most four octets for each character, and none has more than 63.
constexpr std::size_t kMaxUtf8Domain = 4 * kMaxDomain;

}  // namespace

Result<std::string> domain_to_ascii(std::string_view domain) {
  if (is_ascii(domain)) return ascii_lowered(domain);
  // libidn2 takes a C string: what stands behind a NUL would escape its eyes.
  if (domain.size() > kMaxUtf8Domain || domain.find('\0') != std::string_view::npos ||
      !is_valid_utf8(domain)) {
    return Error{ErrorCode::kInvalid, "domain is no UTF-8 text of a domain's length"};
  }
  const std::string input(domain);
  std::uint8_t* raw = nullptr;
  const int status = idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(input.c_str()), &raw,
                                    IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, Idn2Free> output(raw);
  if (status != IDN2_OK) {
    return Error{ErrorCode::kInvalid,
                 std::string("domain is no internationalised name: ") + idn2_strerror(status)};
  }
  return ascii_lowered(reinterpret_cast<const char*>(output.get()));
}

std::string kept_domain(std::string_view written) {
  auto ascii = domain_to_ascii(written);
  return ascii.ok() ? *std::move(ascii) : ascii_lowered(written);
}

std::string kept_address(std::string_view written) {
  const std::size_t at = written.rfind('@');
  if (at == std::string_view::npos) return ascii_lowered(written);
  return ascii_lowered(written.substr(0, at + 1)) + kept_domain(written.substr(at + 1));
}

}  // namespace essaim::smtp
