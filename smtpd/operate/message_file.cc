#include "smtpd/operate/message_file.h"

#include "core/base/read_file.h"

namespace essaim::smtpd::operate {

Result<std::string> message_in(const std::string& path) {
  const auto text = read_file(path);
  if (!text.ok()) return text.error();
  std::string out;
  for (const char c : *text) {
    if (c == '\n' && !out.ends_with('\r')) out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

}  // namespace essaim::smtpd::operate
