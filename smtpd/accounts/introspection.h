// Whom an OAuth 2.0 token stands for, as its authorization server says (RFC 7662). Pure: the request to make, the answer taken apart.
#pragma once

#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/http/http_client.h"

namespace essaim::smtpd {

struct IntrospectionOptions {
  std::string url;  // "": tokens are not taken
  std::string client_id, client_secret;
  std::string ca_file;
  std::string claim = "username";  // member of the answer that names the account
  std::string scope;               // that the token must have; "": any
  Duration timeout = std::chrono::seconds(10);
};

http::Request introspection_request(const IntrospectionOptions& options, const std::string& token);

struct Introspected {
  bool active = false;
  std::string name;  // of the account; "" unless active
};
// kTemporary for what is no answer.
Result<Introspected> read_introspection(const IntrospectionOptions& options, const http::Response& response,
                                        WallTime now);

}  // namespace essaim::smtpd
