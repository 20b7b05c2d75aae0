// A request that a client made of us (RFC 9110, RFC 9112). A value.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace essaim::http {

struct ServerRequest {
  struct Field {
    std::string name;  // in lower case
    std::string value;
  };
  std::string method;  // "GET"; case matters
  std::string path;    // begins with "/", percent-encoding undone, valid UTF-8 without control characters
  std::string query;   // behind the "?", as it came
  std::vector<Field> fields;
  std::string body;
  bool keep_alive = true;
  bool expects_continue = false;
  std::string client;  // IP address; behind a proxy that is trusted, of the client before it

  // The value of the first such field, "" when there is none. `name` in lower case.
  std::string_view field(std::string_view name) const;
};

}  // namespace essaim::http
