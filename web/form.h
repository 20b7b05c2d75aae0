// Forms as browsers and mail providers post them: application/x-www-form-urlencoded (WHATWG URL §5) and
// multipart/form-data (RFC 7578), RFC 8058 has both. Values only; files are not for us. Pure; what comes is bounded by the
// server's limit on bodies and by kMostFields.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/http/server_request.h"

namespace essaim::web {

class Form {
 public:
  static constexpr std::size_t kMostFields = 100;

  // By the request's Content-Type. kNotFound: that is none of a form. kInvalid: what is wrong with the body.
  static Result<Form> read(const http::ServerRequest& request);
  static Result<Form> read_urlencoded(std::string_view body);
  static Result<Form> read_multipart(std::string_view body, std::string_view boundary);

  // The first field of that name; "" when there is none.
  std::string_view value(std::string_view name) const;
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  Result<void> add(std::string name, std::string value);
  std::vector<std::pair<std::string, std::string>> fields_;
};

// The parameter of a structured field: `form-data; name="x"` has name x. Quoted strings undone (RFC 9110 §5.6.6).
std::optional<std::string> parameter_of(std::string_view field, std::string_view name);

}  // namespace essaim::web
