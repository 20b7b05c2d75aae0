#include "tests/core/mail/messages.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <boost/test/unit_test.hpp>

namespace essaim::mail {

std::string message(const std::string& name) {
  std::ifstream in(std::string(ESSAIM_MESSAGES) + "/" + name + ".eml", std::ios::binary);
  BOOST_REQUIRE_MESSAGE(in.good(), "no message " + name);
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return text;
}

std::vector<std::string> all_message_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(ESSAIM_MESSAGES)) {
    if (entry.path().extension() == ".eml") names.push_back(entry.path().stem());
  }
  std::sort(names.begin(), names.end());
  BOOST_REQUIRE(names.size() >= 30);
  return names;
}

std::string crlf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out += '\r';
    out += c;
  }
  return out;
}

std::string header_of(const std::string& text) {
  return text.substr(0, text.find("\r\n\r\n") + 4);
}
std::string body_of(const std::string& text) {
  return text.substr(text.find("\r\n\r\n") + 4);
}

}  // namespace essaim::mail
