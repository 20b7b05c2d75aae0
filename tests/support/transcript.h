// SMTP dialogues as text, in the format that the server's trace prints:
//
//   # a comment
//   C: MAIL FROM:<author@client.example>
//   S: 250 2.1.0
//   * timeout
//
// "C: " is a line of the client; \r \n \t \0 \\ and \xHH in it are octets, CRLF is added unless it ends with
// \c. "S: " is the beginning of one line of the server's reply. "* " is an event, named by whoever runs the
// transcript.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::test {

struct Step {
  enum class Kind { kClient, kServer, kEvent };
  Kind kind = Kind::kClient;
  std::string text;  // of a client: what goes over the wire, with its CRLF
  int line = 0;      // in the transcript, from 1
};

// Throws std::invalid_argument for a line that is none of these.
std::vector<Step> parse_transcript(std::string_view text);

// Cuts the whole lines off *bytes, without CRLF.
std::vector<std::string> take_lines(std::string* bytes);

}  // namespace essaim::test
