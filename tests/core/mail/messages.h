// The real-looking messages in tests/messages, with the line ends they have on the wire.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::mail {

std::string message(const std::string& name);  // without ".eml"; fails the test program if there is none
std::vector<std::string> all_message_names();
std::string crlf(std::string_view text);         // LF to CRLF, for messages written in the tests
std::string header_of(const std::string& text);  // up to and with the empty line
std::string body_of(const std::string& text);

}  // namespace essaim::mail
