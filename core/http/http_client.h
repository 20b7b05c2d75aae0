// Outgoing HTTPS, by libcurl on a thread of its own: many requests at a time, none of which holds up a loop. Nothing is
// followed, kept or cached: a redirect is an answer like any other.
//
// Thread-safe. `done` is called once, on the client's thread, never from within fetch(); it must not block. Requests
// that are open when the client is destroyed end with kCancelled. Errors: kInvalid when the server's certificate is not
// good, kExhausted when too many requests wait or the answer is too long, kTemporary for all else; the message names
// the host.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace essaim::http {

struct Request {
  std::string url;  // "https://..."; "http://" only for hosts that the operator named
  // Numeric addresses of the host, all tried, instead of looking it up here; and another port to connect to. The
  // certificate is judged by the host of the URL.
  std::vector<std::string> addresses;
  std::uint16_t port = 0;  // 0: that of the URL
  bool post = false;
  std::string body, content_type;               // of a POST
  std::string user, password;                   // basic authentication; "": none
  std::string ca_file;                          // PEM; "": those of the system
  std::size_t max_octets = 64 * 1024;           // of the answer
  Duration timeout = std::chrono::seconds(30);  // for all of it
};

struct Response {
  int status = 0;
  std::string content_type;  // as sent, with its parameters
  std::string body;
};

class HttpClient {
 public:
  using Done = std::function<void(Result<Response>)>;

  explicit HttpClient(std::size_t at_once = 64, std::size_t waiting = 1'000);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  void fetch(Request request, Done done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::http
