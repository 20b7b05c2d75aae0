#include "core/mail/content_type.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/encoding.h"
#include "core/base/text.h"

namespace essaim::mail {
namespace {

bool is_token_char(char c) {
  // RFC 2045 §5.1, without tspecials
  return c > ' ' && c < 0x7f && std::string_view("()<>@,;:\\\"/[]?=").find(c) == std::string_view::npos;
}

// Walks a value over white space and comments.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void skip_blank() {
    int depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (depth > 0 && c == '\\') {
        at_ += 2;
        continue;
      }
      if (c == '(') {
        whole_ = false;
        ++depth;
      } else if (c == ')' && depth > 0) {
        --depth;
      } else if (depth == 0 && c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        return;
      }
      ++at_;
    }
    if (at_ > text_.size()) at_ = text_.size();
  }

  bool take(char c) {
    skip_blank();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  std::string token() {
    skip_blank();
    const std::size_t begin = at_;
    while (at_ < text_.size() && is_token_char(text_[at_])) ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }

  // A token or quoted string. Tolerated: bare values with tspecials, as in name=a/b or boundary=a=b.
  std::string value() {
    skip_blank();
    std::string out;
    if (at_ < text_.size() && text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
        if (text_[at_] != '\r' && text_[at_] != '\n') out.push_back(text_[at_]);
      }
      whole_ = whole_ && at_ < text_.size();
      if (at_ < text_.size()) ++at_;
      return out;
    }
    while (at_ < text_.size() && text_[at_] != ';' && text_[at_] != ' ' && text_[at_] != '\t' &&
           text_[at_] != '\r' && text_[at_] != '\n') {
      out.push_back(text_[at_++]);
    }
    return out;
  }

  void skip_to_semicolon() {
    whole_ = whole_ && (at_ >= text_.size() || text_[at_] == ';');
    while (at_ < text_.size() && text_[at_] != ';') ++at_;
  }
  bool done() const { return at_ >= text_.size(); }
  // Nothing was passed over but white space.
  bool whole() const { return whole_; }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  bool whole_ = true;
};

// name*, name*0, name*1* ... (RFC 2231 §3, 4): pieces in the order of their numbers, each seen once. The
// charset is dropped: boundary and charset, the parameters we use, are ASCII.
struct Pieces {
  std::map<std::uint64_t, std::pair<bool, std::string>> by_number;
};

bool is_utf8(std::string_view charset) {
  return equals_ignoring_case(charset, "UTF-8") || equals_ignoring_case(charset, "US-ASCII");
}

// The first of a name wins.
void add_parameter(const std::string& name, const std::string& text, ContentType* out) {
  const auto [at, added] = out->parameters.try_emplace(name, text);
  if (!added && at->second != text) out->whole = false;
}

}  // namespace

ContentType parse_content_type(std::string_view value) {
  ContentType out;
  Scanner scan(value);
  std::string type = scan.token();
  std::string subtype = scan.take('/') ? scan.token() : "";
  if (type.empty() || subtype.empty()) {
    out.valid = false;
    return out;
  }
  out.present = true;
  out.type = ascii_lowered(type);
  out.subtype = ascii_lowered(subtype);
  std::map<std::string, Pieces> cut;
  for (std::size_t n = 0; n < kMaxParameters && !scan.done(); ++n) {
    scan.skip_blank();
    scan.skip_to_semicolon();
    if (!scan.take(';')) break;
    std::string name = ascii_lowered(scan.token());
    if (name.empty()) continue;
    if (!scan.take('=')) {
      out.whole = false;
      continue;
    }
    std::string text = scan.value();
    const std::size_t star = name.find('*');
    if (star == std::string::npos) {
      add_parameter(name, text, &out);
      continue;
    }
    const bool encoded = name.ends_with('*');
    const std::string number =
        name.substr(star + 1, name.size() - star - 1 - (encoded && star + 1 < name.size() ? 1 : 0));
    const auto numbered = number.empty() ? std::optional<std::uint64_t>(0) : parse_u64(number);
    const bool added = cut[name.substr(0, star)]
                           .by_number.emplace(numbered.value_or(0), std::make_pair(encoded, std::move(text)))
                           .second;
    out.whole = out.whole && added && numbered.has_value();
  }
  out.whole = out.whole && scan.done() && scan.whole();
  for (auto& [name, pieces] : cut) {
    std::string whole;
    std::uint64_t next = 0;
    for (const auto& [number, piece] : pieces.by_number) {
      if (number != next++) {
        out.whole = false;
        break;
      }
      std::string_view text = piece.second;
      if (piece.first && number == 0) {
        const std::size_t first = text.find('\'');
        const std::size_t second = first == std::string_view::npos ? first : text.find('\'', first + 1);
        out.whole = out.whole && second != std::string_view::npos && is_utf8(text.substr(0, first));
        if (second != std::string_view::npos) text.remove_prefix(second + 1);
      }
      whole += piece.first ? percent_decoded(text) : std::string(text);
    }
    add_parameter(name, whole, &out);
  }
  return out;
}

ContentType content_type_of(const HeaderBlock& header) {
  const HeaderField* field = header.find("Content-Type");
  if (field == nullptr) return {};
  return parse_content_type(field->raw_value());
}

}  // namespace essaim::mail
