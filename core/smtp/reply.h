// A reply of the server (RFC 5321 §4.2, enhanced codes RFC 3463). The same type is what a session says and what a
// client has read.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::smtp {

struct EnhancedCode {
  int klass = 0;  // 2, 4 or 5; 0: none
  int subject = 0;
  int detail = 0;
  friend bool operator==(const EnhancedCode&, const EnhancedCode&) = default;
};

struct Reply {
  int code = 0;  // 200 to 599; 0: no reply
  EnhancedCode enhanced;
  std::string text;  // lines separated by '\n', without codes

  bool positive() const { return code >= 200 && code < 300; }
  bool intermediate() const { return code >= 300 && code < 400; }
  bool temporary() const { return code >= 400 && code < 500; }
  bool permanent() const { return code >= 500 && code < 600; }

  std::string to_wire() const;    // "250-2.1.0 a\r\n250 2.1.0 b\r\n"
  std::string to_string() const;  // one line for logs and the ledger: "250 2.1.0 a b"; not escaped
};

// Reply{250, {2,1,0}, "Sender OK"} written as reply(250, "2.1.0", "Sender OK").
Reply reply(int code, std::string_view enhanced, std::string text);

}  // namespace essaim::smtp
