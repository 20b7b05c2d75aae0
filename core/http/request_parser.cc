#include "core/http/request_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::http {
namespace {

constexpr std::size_t kLongestMethod = 20, kLongestChunkLine = 256, kEmptyLines = 4;

bool is_token(std::string_view text) {  // RFC 9110 §5.6.2
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet == '\t' || (octet >= 0x20 && octet != 0x7F);
  });
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::string> strictly_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

bool has_word(std::string_view list, std::string_view word) {
  for (const std::string_view element : split(list, ','))
    if (equals_ignoring_case(without_blanks(element), word)) return true;
  return false;
}

}  // namespace

std::string_view ServerRequest::field(std::string_view name) const {
  for (const Field& f : fields)
    if (f.name == name) return f.value;
  return {};
}

RequestParser::Status RequestParser::feed(std::string_view* bytes) {
  while (part_ != Part::kDone && part_ != Part::kFailed) {
    if (part_ == Part::kBody || part_ == Part::kChunk) {
      if (body_left_ > 0 && bytes->empty()) return Status::kNeedMore;
      take_body(bytes);
      continue;
    }
    if (bytes->empty()) return Status::kNeedMore;
    const bool in_line = part_ == Part::kRequestLine;
    const bool in_chunks = part_ == Part::kChunkSize || part_ == Part::kChunkEnd;
    const std::size_t limit = in_line     ? limits_.line
                              : in_chunks ? kLongestChunkLine
                                          : limits_.header - header_octets_;
    if (take_line(bytes, limit)) {
      on_line();
      line_.clear();
    } else if (part_ != Part::kFailed && line_.size() > limit) {
      in_line     ? fail(414, "the request line is too long")
      : in_chunks ? fail(400, "the line of a chunk is too long")
                  : fail(431, "the header is too large");
    }
  }
  return part_ == Part::kDone ? Status::kRequest : Status::kError;
}

// Keeps one octet more than the limit, so that an end that is just in time is told from one that is not.
bool RequestParser::take_line(std::string_view* bytes, std::size_t limit) {
  const std::size_t end = bytes->find('\n');
  const std::size_t here = end == std::string_view::npos ? bytes->size() : end + 1;
  const std::size_t room = limit + 1 - std::min(limit + 1, line_.size());
  const std::size_t taken = std::min(here, room);
  line_.append(bytes->substr(0, taken));
  bytes->remove_prefix(taken);
  if (line_.size() > limit || line_.empty() || line_.back() != '\n') return false;
  if (!line_.ends_with("\r\n")) {
    fail(400, "a line does not end with CRLF");
    return false;
  }
  header_octets_ += part_ == Part::kFields || part_ == Part::kTrailers ? line_.size() : 0;
  line_.resize(line_.size() - 2);
  return true;
}

void RequestParser::on_line() {
  switch (part_) {
    case Part::kRequestLine:
      return on_request_line();
    case Part::kFields:
      return line_.empty() ? on_header_end() : on_field_line();
    case Part::kChunkSize:
      return on_chunk_size();
    case Part::kChunkEnd:
      if (!line_.empty()) return fail(400, "a chunk is longer than it says");
      part_ = Part::kChunkSize;
      return;
    case Part::kTrailers:  // read over: we know none
      if (line_.empty()) part_ = Part::kDone;
      return;
    default:
      ESSAIM_CHECK(false);
  }
}

void RequestParser::on_request_line() {
  if (line_.empty()) {  // Tolerated: for clients that end a body with a CRLF too many (RFC 9112 §2.2)
    if (++header_octets_ > kEmptyLines) fail(400, "empty lines instead of a request");
    return;
  }
  header_octets_ = 0;
  const auto words = split(line_, ' ');
  if (words.size() != 3) return fail(400, "the request line is not: method, target, version");
  if (!is_token(words[0]) || words[0].size() > kLongestMethod) return fail(400, "that is no method");
  if (words[2] == "HTTP/1.0") {
    minor_version_ = 0;
  } else if (words[2] == "HTTP/1.1") {
    minor_version_ = 1;
  } else if (words[2].starts_with("HTTP/")) {
    return fail(505, "this is a server of HTTP/1.1");
  } else {
    return fail(400, "the request line does not end with a version of HTTP");
  }
  request_.method = words[0];
  part_ = Part::kFields;
  set_target(words[1]);
}

// Origin form and absolute form (RFC 9112 §3.2); a proxy we are not.
void RequestParser::set_target(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(target, scheme)) continue;
    target.remove_prefix(scheme.size());
    target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
    if (target.empty()) target = "/";
    break;
  }
  if (!target.starts_with("/")) return fail(400, "the target is not the path of a resource");
  if (target.find('#') != std::string_view::npos) return fail(400, "the target has a fragment");
  const std::size_t question = target.find('?');
  if (question != std::string_view::npos) request_.query = target.substr(question + 1);
  auto path = strictly_decoded(target.substr(0, question));
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (!path || !is_valid_utf8(*path) || std::any_of(path->begin(), path->end(), is_control) ||
      std::any_of(request_.query.begin(), request_.query.end(), is_control))
    return fail(400, "the path is not UTF-8 in percent-encoding");
  request_.path = *std::move(path);
}

void RequestParser::on_field_line() {
  const std::size_t colon = line_.find(':');
  const std::string_view line = line_;
  if (colon == std::string::npos || !is_token(line.substr(0, colon)))
    return fail(400, "a field line is not: name, colon, value");
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (!is_field_value(value)) return fail(400, "a field has a control character");
  if (request_.fields.size() == limits_.fields) return fail(431, "too many fields");
  request_.fields.push_back({ascii_lowered(line.substr(0, colon)), std::string(value)});
}

void RequestParser::on_header_end() {
  std::size_t hosts = 0, lengths = 0, codings = 0;
  for (const auto& f : request_.fields) {
    hosts += f.name == "host" ? 1 : 0;
    lengths += f.name == "content-length" ? 1 : 0;
    codings += f.name == "transfer-encoding" ? 1 : 0;
    if (f.name == "connection" && has_word(f.value, "close")) request_.keep_alive = false;
  }
  if (minor_version_ == 0) request_.keep_alive = false;
  if (hosts > 1 || (hosts == 0 && minor_version_ == 1)) return fail(400, "there must be one Host");
  // Both, or several: where the body ends would be a matter of opinion (RFC 9112 §6.3).
  if (lengths + codings > 1) return fail(400, "the body has more than one length");
  if (const std::string_view expectation = request_.field("expect"); !expectation.empty()) {
    if (!equals_ignoring_case(expectation, "100-continue")) return fail(417, "what is expected is not known");
    request_.expects_continue = minor_version_ == 1;
  }
  header_octets_ = 0;
  if (codings == 1) {
    if (minor_version_ == 0) return fail(400, "HTTP/1.0 has no transfer codings");
    if (!equals_ignoring_case(request_.field("transfer-encoding"), "chunked"))
      return fail(501, "no transfer coding but chunked is known");
    part_ = Part::kChunkSize;
  } else if (lengths == 1) {
    const auto length = parse_u64(request_.field("content-length"));
    if (!length) return fail(400, "Content-Length is no number");
    if (*length > limits_.body) return fail(413, "the body is too large");
    body_left_ = *length;
    part_ = Part::kBody;
  } else {
    part_ = Part::kDone;
  }
  continue_due_ = request_.expects_continue && (part_ == Part::kChunkSize || body_left_ > 0);
}

void RequestParser::on_chunk_size() {
  const std::string_view digits = without_blanks(std::string_view(line_).substr(0, line_.find(';')));
  if (digits.empty() || digits.size() > 8)
    return fail(digits.empty() ? 400 : 413, "a chunk has no proper size");
  std::uint64_t size = 0;
  for (const char c : digits) {
    if (hex_digit(c) < 0) return fail(400, "a chunk has no proper size");
    size = size * 16 + static_cast<std::uint64_t>(hex_digit(c));
  }
  if (request_.body.size() + size > limits_.body) return fail(413, "the body is too large");
  body_left_ = size;
  part_ = size == 0 ? Part::kTrailers : Part::kChunk;
}

void RequestParser::take_body(std::string_view* bytes) {
  const std::size_t taken = std::min<std::size_t>(bytes->size(), body_left_);
  request_.body.append(bytes->substr(0, taken));
  bytes->remove_prefix(taken);
  body_left_ -= taken;
  if (body_left_ == 0) part_ = part_ == Part::kChunk ? Part::kChunkEnd : Part::kDone;
}

void RequestParser::fail(int status, std::string text) {
  part_ = Part::kFailed;
  error_status_ = status;
  error_text_ = std::move(text);
}

bool RequestParser::take_continue() {
  return std::exchange(continue_due_, false) && part_ != Part::kFailed && part_ != Part::kDone;
}

ServerRequest RequestParser::take() {
  ESSAIM_CHECK(part_ == Part::kDone);
  part_ = Part::kRequestLine;
  header_octets_ = 0;
  continue_due_ = false;
  minor_version_ = 1;
  return std::exchange(request_, ServerRequest{});
}

}  // namespace essaim::http
