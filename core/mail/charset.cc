#include "core/mail/charset.h"

#include <array>
#include <cerrno>

#include <iconv.h>

#include "core/base/text.h"

namespace essaim::mail {
namespace {

// A charset name is taken from a message: only what a registered name may have reaches iconv (no
// "//TRANSLIT", no path).
bool is_charset_name(std::string_view name) {
  if (name.empty() || name.size() > 60) return false;
  for (const char c : name) {
    const char l = ascii_lower(c);
    const bool good = (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || l == '-' || l == '_' || l == '.' ||
                      l == ':' || l == '+';
    if (!good) return false;
  }
  return true;
}

class Converter {
 public:
  Converter(const std::string& to, const std::string& from) : handle_(iconv_open(to.c_str(), from.c_str())) {}
  ~Converter() {
    if (good()) iconv_close(handle_);
  }
  Converter(const Converter&) = delete;
  Converter& operator=(const Converter&) = delete;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): this is what iconv_open gives on failure
  bool good() const { return handle_ != reinterpret_cast<iconv_t>(-1); }
  iconv_t handle() const { return handle_; }

 private:
  iconv_t handle_;
};

}  // namespace

std::optional<std::string> converted(std::string_view text, std::string_view from, std::string_view to) {
  if (!is_charset_name(from) || !is_charset_name(to)) return std::nullopt;
  Converter converter{std::string(to), std::string(from)};
  if (!converter.good()) return std::nullopt;
  std::string input(text);  // iconv wants it writable
  char* in = input.data();
  std::size_t in_left = input.size();
  std::string out;
  std::array<char, 4096> buffer{};
  bool flushing = false;
  while (true) {
    char* to_write = buffer.data();
    std::size_t room = buffer.size();
    const std::size_t rc = flushing ? iconv(converter.handle(), nullptr, nullptr, &to_write, &room)
                                    : iconv(converter.handle(), &in, &in_left, &to_write, &room);
    out.append(buffer.data(), buffer.size() - room);
    if (rc == static_cast<std::size_t>(-1)) {
      if (errno == E2BIG) continue;
      return std::nullopt;
    }
    if (rc > 0) return std::nullopt;  // characters were replaced
    if (flushing) return out;
    flushing = true;
  }
}

std::string as_utf8(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return std::string(bytes);
  if (std::optional<std::string> text = converted(bytes, "WINDOWS-1252", "UTF-8")) return *text;
  std::string out;
  for (const char c : bytes) {
    if (static_cast<unsigned char>(c) < 0x80) {
      out.push_back(c);
    } else {
      out += "\xef\xbf\xbd";
    }
  }
  return out;
}

}  // namespace essaim::mail
