#include "web/form.h"

#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::web {
namespace {

constexpr std::size_t kMaxBoundary = 70;  // RFC 2046 §5.1.1

// "+" is a space, %XX an octet.
std::string decoded(std::string text) {
  std::replace(text.begin(), text.end(), '+', ' ');
  return percent_decoded(text);
}

// The value of Content-Disposition in the header of a part; "" without one.
std::string_view disposition_of(std::string_view header) {
  while (!header.empty()) {
    const std::size_t end = header.find("\r\n");
    const std::string_view line = header.substr(0, end);
    header = end == std::string_view::npos ? std::string_view() : header.substr(end + 2);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), "content-disposition"))
      return trimmed(line.substr(colon + 1));
  }
  return {};
}

}  // namespace

std::optional<std::string> parameter_of(std::string_view field, std::string_view name) {
  std::size_t at = field.find(';');
  while (at != std::string_view::npos && at < field.size()) {
    ++at;
    const std::size_t equals = field.find('=', at);
    if (equals == std::string_view::npos) return std::nullopt;
    const bool found = equals_ignoring_case(trimmed(field.substr(at, equals - at)), name);
    std::string value;
    at = equals + 1;
    if (at < field.size() && field[at] == '"') {
      for (++at; at < field.size() && field[at] != '"'; ++at) {
        if (field[at] == '\\' && at + 1 < field.size()) ++at;
        value.push_back(field[at]);
      }
      if (at >= field.size()) return std::nullopt;  // it does not end
      at = field.find(';', at);
    } else {
      const std::size_t end = field.find(';', at);
      value = trimmed(field.substr(at, end == std::string_view::npos ? end : end - at));
      at = end;
    }
    if (found) return value;
  }
  return std::nullopt;
}

Result<void> Form::add(std::string name, std::string value) {
  if (fields_.size() >= kMostFields) return Error{ErrorCode::kInvalid, "the form has too many fields"};
  fields_.emplace_back(std::move(name), std::move(value));
  return {};
}

Result<Form> Form::read_urlencoded(std::string_view body) {
  Form out;
  for (const std::string_view pair : split(body, '&')) {
    if (pair.empty()) continue;
    const std::size_t equals = pair.find('=');
    ESSAIM_TRY(
        out.add(decoded(std::string(pair.substr(0, equals))),
                equals == std::string_view::npos ? "" : decoded(std::string(pair.substr(equals + 1)))));
  }
  return out;
}

//   body  = [preamble] "--" boundary CRLF part *("\r\n--" boundary CRLF part) "\r\n--" boundary "--" [epilogue]
//   part  = header CRLF CRLF content
Result<Form> Form::read_multipart(std::string_view body, std::string_view boundary) {
  if (boundary.empty() || boundary.size() > kMaxBoundary)
    return Error{ErrorCode::kInvalid, "the form has no boundary of 1 to 70 characters"};
  const std::string first = "--" + std::string(boundary), between = "\r\n" + first;
  Form out;
  if (!body.starts_with(first)) {
    const std::size_t begin = body.find(between);
    if (begin == std::string_view::npos) return Error{ErrorCode::kInvalid, "the form has no boundary in it"};
    body.remove_prefix(begin + 2);
  }
  body.remove_prefix(first.size());
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) return Error{ErrorCode::kInvalid, "something stands behind a boundary"};
    const std::size_t end = body.find(between);
    if (end == std::string_view::npos) return Error{ErrorCode::kInvalid, "the last part does not end"};
    const std::string_view part = body.substr(0, end);
    const std::size_t empty = part.find("\r\n\r\n");
    if (empty == std::string_view::npos) return Error{ErrorCode::kInvalid, "a part has no content"};
    const auto name = parameter_of(disposition_of(part.substr(2, empty > 2 ? empty - 2 : 0)), "name");
    if (!name) return Error{ErrorCode::kInvalid, "a part has no name"};
    ESSAIM_TRY(out.add(*name, std::string(part.substr(empty + 4))));
    body.remove_prefix(end + between.size());
  }
  return out;
}

Result<Form> Form::read(const http::ServerRequest& request) {
  const std::string_view type = request.field("content-type");
  const std::string_view name = trimmed(type.substr(0, type.find(';')));
  if (equals_ignoring_case(name, "application/x-www-form-urlencoded")) return read_urlencoded(request.body);
  if (equals_ignoring_case(name, "multipart/form-data"))
    return read_multipart(request.body, parameter_of(type, "boundary").value_or(""));
  return Error{ErrorCode::kNotFound, "it is no form"};
}

std::string_view Form::value(std::string_view name) const {
  for (const auto& [its_name, value] : fields_)
    if (its_name == name) return value;
  return {};
}

}  // namespace essaim::web
