#include "core/smtp/local_key.h"

#include <cstdlib>
#include <memory>

#include <unicase.h>
#include <uninorm.h>

#include "core/base/text.h"

namespace essaim::smtp {
namespace {

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};

}  // namespace

std::string local_key_of(std::string_view local) {
  if (is_ascii(local) || !is_valid_utf8(local)) return ascii_lowered(local);
  std::size_t length = 0;
  // Without a language: the rules of Turkish or Lithuanian would make the key depend on who asks.
  const std::unique_ptr<std::uint8_t, Free> lowered(
      u8_tolower(reinterpret_cast<const std::uint8_t*>(local.data()), local.size(), nullptr, UNINORM_NFC,
                 nullptr, &length));
  if (!lowered) return ascii_lowered(local);
  return {reinterpret_cast<const char*>(lowered.get()), length};
}

}  // namespace essaim::smtp
