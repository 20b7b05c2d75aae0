#include "core/mailauth/authentication_results.h"

#include <algorithm>
#include <cstring>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

constexpr std::size_t kMaxResults = 100;
constexpr std::size_t kMaxProperties = 50;
constexpr std::size_t kMaxDepth = 20;

Error invalid(const char* what) {
  return {ErrorCode::kInvalid, what};
}

// RFC 2045 token; properties may also be addresses and names as they are (pvalue).
bool is_token_char(char c) {
  return c > 0x20 && c < 0x7f && std::strchr("()<>@,;:\\\"/[]?=", c) == nullptr;
}
bool is_plain_value(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_token_char(c) || c == '@'; });
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  // False: a comment without an end.
  bool skip_cfws() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '(') {
        if (++depth > kMaxDepth) return false;
      } else if (c == ')' && depth > 0) {
        --depth;
      } else if (c == '\\' && depth > 0) {
        ++at_;
      } else if (depth == 0 && std::strchr(" \t\r\n", c) == nullptr) {
        return true;
      }
      ++at_;
    }
    at_ = std::min(at_, text_.size());
    return depth == 0;
  }
  bool take(char c) {
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool done() const { return at_ == text_.size(); }
  char peek() const { return done() ? '\0' : text_[at_]; }

  std::string word(std::string_view stops) {
    const std::size_t begin = at_;
    while (at_ < text_.size() && text_[at_] > 0x20 && stops.find(text_[at_]) == std::string_view::npos) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  // A quoted string or a run of what is neither space, ";" nor "(".
  Result<std::string> value() {
    if (!take('"')) {
      std::string out = word(";(\"");
      if (out.empty()) return invalid("a value is missing");
      return out;
    }
    std::string out;
    while (!done() && peek() != '"') {
      if (take('\\') && done()) break;
      if (peek() != '\r' && peek() != '\n') out.push_back(peek());
      ++at_;
    }
    if (!take('"')) return invalid("a quoted string without an end");
    return out;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

std::string written(std::string_view text, bool anything = false) {
  std::string clean;
  for (const char c : text) clean.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  if (!anything && is_plain_value(clean)) return clean;
  std::string out = "\"";
  for (const char c : clean) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  return out + "\"";
}

Result<void> read_properties(Scanner& scan, MethodResult* out) {
  for (;;) {
    if (!scan.skip_cfws()) return invalid("a comment without an end");
    if (scan.done() || scan.peek() == ';') return {};
    const std::string name = ascii_lowered(scan.word("=;(\""));
    if (name.empty() || !scan.skip_cfws() || !scan.take('=') || !scan.skip_cfws())
      return invalid("a property is missing");
    auto value = scan.value();
    ESSAIM_TRY(value);
    if (name == "reason" && out->properties.empty()) {
      out->reason = *std::move(value);
    } else if (name.find('.') == std::string::npos) {
      return invalid("a property without a type");
    } else {
      out->properties.emplace_back(name, *std::move(value));
    }
    if (out->properties.size() > kMaxProperties) return invalid("too many properties");
  }
}

Result<std::string> read_id(Scanner& scan) {
  if (!scan.skip_cfws()) return invalid("a comment without an end");
  return scan.value();
}

}  // namespace

std::string format_results(const AuthenticationResults& results) {
  std::string out = written(results.authserv_id);
  if (results.results.empty()) return out + "; none";
  for (const MethodResult& result : results.results) {
    std::string line = ";\r\n\t" + result.method + "=" + result.result;
    std::size_t length = line.size();
    const auto add = [&](const std::string& part) {
      if (length + part.size() > 76) {
        line.append("\r\n\t ");
        length = 2;
      } else {
        line.push_back(' ');
      }
      line.append(part);
      length += part.size() + 1;
    };
    if (!result.reason.empty()) add("reason=" + written(result.reason, true));
    for (const auto& [name, value] : result.properties) add(name + "=" + written(value));
    out += line;
  }
  return out;
}

Result<AuthenticationResults> parse_results(std::string_view value) {
  Scanner scan(value);
  AuthenticationResults out;
  auto id = read_id(scan);
  ESSAIM_TRY(id);
  out.authserv_id = *std::move(id);
  if (!scan.skip_cfws()) return invalid("a comment without an end");
  if (scan.peek() == '1') scan.take('1');
  for (;;) {
    if (!scan.skip_cfws()) return invalid("a comment without an end");
    if (scan.done()) return out;
    if (!scan.take(';') || !scan.skip_cfws()) return invalid("no result where one should be");
    if (scan.done()) return out;
    MethodResult result;
    result.method = ascii_lowered(scan.word("=;/(\""));
    if (scan.take('/')) scan.word("=;(\"");
    if (!scan.skip_cfws()) return invalid("a comment without an end");
    if (result.method == "none" && (scan.done() || scan.peek() == ';')) continue;
    if (result.method.empty() || !scan.take('=') || !scan.skip_cfws())
      return invalid("no method where one should be");
    result.result = ascii_lowered(scan.word(";(\""));
    if (result.result.empty()) return invalid("a method without a result");
    ESSAIM_TRY(read_properties(scan, &result));
    if (out.results.size() == kMaxResults) return invalid("too many results");
    out.results.push_back(std::move(result));
  }
}

bool claims_to_be_of(std::string_view value, std::string_view authserv_id) {
  Scanner scan(value);
  const auto id = read_id(scan);
  return !id.ok() || equals_ignoring_case(*id, authserv_id);
}

}  // namespace essaim::mailauth
