#include "core/http/server_response.h"

#include "core/base/check.h"

namespace essaim::http {
namespace {

// The fixed form of RFC 9110 §5.6.7 is that of RFC 5322 with two digits for the day, and GMT.
std::string date_of(WallTime when) {
  std::string date = format_rfc5322(when);
  constexpr std::size_t kDay = 5;  // behind "Sun, "
  if (date[kDay + 1] == ' ') date.insert(kDay, 1, '0');
  return date.replace(date.rfind(' ') + 1, std::string::npos, "GMT");
}

void add(std::string* out, std::string_view name, std::string_view value) {
  ESSAIM_CHECK(value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
  out->append(name).append(": ").append(value).append("\r\n");
}

const char* reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 410:
      return "Gone";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace

ServerResponse error_response(int status, std::string_view more) {
  ServerResponse response;
  response.status = status;
  response.body = std::to_string(status) + " " + reason_phrase(status);
  if (!more.empty()) response.body.append(": ").append(more);
  response.body += "\n";
  return response;
}

std::string to_wire(const ServerResponse& response, const Framing& framing) {
  const bool may_have_body = response.status != 204 && response.status != 304;
  ESSAIM_CHECK(may_have_body || response.body.empty());
  std::string out;
  out.reserve(512 + response.body.size());
  out += "HTTP/1.1 " + std::to_string(response.status) + " " + reason_phrase(response.status) + "\r\n";
  add(&out, "Date", date_of(framing.now));
  if (may_have_body) {
    add(&out, "Content-Type", response.content_type);
    add(&out, "Content-Length", std::to_string(response.body.size()));
  }
  if (!response.cacheable) add(&out, "Cache-Control", "no-store");
  add(&out, "X-Content-Type-Options", "nosniff");
  add(&out, "Referrer-Policy", "no-referrer");
  add(&out, "Content-Security-Policy", response.content_policy);
  for (const auto& [name, value] : response.fields) add(&out, name, value);
  if (!framing.keep_alive) add(&out, "Connection", "close");
  out += "\r\n";
  if (!framing.head) out += response.body;
  return out;
}

}  // namespace essaim::http
