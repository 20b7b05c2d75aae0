// Reads requests of HTTP/1.0 and 1.1 (RFC 9112), sans-I/O. Strict where leniency is how one request is smuggled into
// another: line ends are CRLF, a field name has no space behind it, a body has one length.
//
//   request-line   = method SP request-target SP HTTP-version CRLF
//   field-line     = field-name ":" OWS field-value OWS CRLF
//   body           : Content-Length octets, or chunked
//
// Bounded by RequestLimits whatever comes. After kError nothing more can be read: where the next request begins is in
// doubt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/http/server_request.h"

namespace essaim::http {

struct RequestLimits {
  std::size_t line = 8'192;     // octets of the request line
  std::size_t header = 16'384;  // octets of all field lines, and of trailers
  std::size_t fields = 100;
  std::size_t body = 65'536;  // octets
};

class RequestParser {
 public:
  explicit RequestParser(RequestLimits limits = {}) : limits_(limits) {}

  enum class Status { kNeedMore, kRequest, kError };
  // Takes what belongs to the request off the front of `bytes`. After kRequest: take(), then feed() again.
  Status feed(std::string_view* bytes);
  ServerRequest take();

  int error_status() const { return error_status_; }  // 400, 413, 414, 431, 501, 505
  const std::string& error_text() const { return error_text_; }
  // Something of a request has come, and not all.
  bool begun() const { return part_ != Part::kRequestLine || !line_.empty(); }
  // The client waits for 100 (Continue) before it sends the body (RFC 9110 §10.1.1). Once for a request.
  bool take_continue();
  const ServerRequest& partial() const { return request_; }  // for the log of what failed

 private:
  enum class Part { kRequestLine, kFields, kBody, kChunkSize, kChunk, kChunkEnd, kTrailers, kDone, kFailed };

  bool take_line(std::string_view* bytes, std::size_t limit);  // true: line_ is whole, without CRLF
  void on_line();
  void on_request_line();
  void on_field_line();
  void on_header_end();
  void on_chunk_size();
  void take_body(std::string_view* bytes);
  void set_target(std::string_view target);
  void fail(int status, std::string text);

  const RequestLimits limits_;
  Part part_ = Part::kRequestLine;
  ServerRequest request_;
  int minor_version_ = 1;
  std::string line_;
  std::size_t header_octets_ = 0;
  std::uint64_t body_left_ = 0;
  bool continue_due_ = false;
  int error_status_ = 0;
  std::string error_text_;
};

}  // namespace essaim::http
