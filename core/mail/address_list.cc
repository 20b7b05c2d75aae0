#include "core/mail/address_list.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/mail/encoded_word.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kMaxLocal =
    256;  // Tolerated: longer than RFC 5321 allows; the envelope is checked by core/smtp
constexpr std::size_t kMaxDomain = 255;
constexpr std::size_t kMaxName = 1000;

bool is_atext(char c) {
  const char l = ascii_lower(c);
  return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80 ||
         std::string_view("!#$%&'*+-/=?^_`{|}~").find(c) != std::string_view::npos;
}

// address-list = (address *("," address)); address = mailbox / group; mailbox = [phrase] "<" addr-spec ">" /
// addr-spec Each entry is collected as tokens and judged at its end.
enum class Kind { kAtom, kQuoted, kLiteral, kAt };

struct Token {
  Kind kind;
  std::string text;
};

// local-part "@" domain from tokens (RFC 5322 §3.4.1). Words on one side must be joined by dots.
bool take_addr_spec(const std::vector<Token>& tokens, Mailbox* out) {
  std::string side[2];
  int at = 0;
  bool dot_before = true;
  for (const Token& token : tokens) {
    if (token.kind == Kind::kAt) {
      if (++at > 1 || side[0].empty()) return false;
      dot_before = true;
      continue;
    }
    if (!dot_before && !token.text.starts_with(".")) return false;
    if (at == 1 && token.kind == Kind::kQuoted) return false;
    if (at == 0 && token.kind == Kind::kLiteral) return false;
    side[at] += token.text;
    dot_before = token.kind == Kind::kAtom && token.text.ends_with(".");
  }
  if (at != 1 || side[1].empty() || side[0].size() > kMaxLocal || side[1].size() > kMaxDomain) return false;
  if (!side[1].starts_with("[")) {
    for (std::string_view label : split(side[1], '.')) {
      if (label.empty()) return false;
    }
  }
  out->local = std::move(side[0]);
  out->domain = ascii_lowered(side[1]);
  return true;
}

class Parser {
 public:
  Parser(std::string_view text, std::size_t limit) : text_(text), limit_(limit) {}

  AddressList parse() {
    while (at_ < text_.size()) {
      if (list_.mailboxes.size() >= limit_ && list_.skipped + list_.mailboxes.size() > 0) {
        list_.truncated = text_.find_first_not_of(" \t\r\n,;", at_) != std::string_view::npos;
        return std::move(list_);
      }
      step();
    }
    finish();
    return std::move(list_);
  }

 private:
  void step() {
    const char c = text_[at_];
    switch (c) {
      case ' ':
      case '\t':
      case '\r':
      case '\n':
        ++at_;
        return;
      case '(':
        take_comment();
        return;
      case '"':
        tokens().push_back({Kind::kQuoted, quoted('"')});
        return;
      case '[':
        tokens().push_back({Kind::kLiteral, "[" + quoted(']') + "]"});
        return;
      case '@':
        tokens().push_back({Kind::kAt, ""});
        ++at_;
        return;
      case '<':
        if (angle_ != Angle::kNone) bad_ = true;
        angle_ = Angle::kOpen;
        inside_.clear();
        ++at_;
        return;
      case '>':
        if (angle_ != Angle::kOpen) bad_ = true;
        angle_ = Angle::kClosed;
        ++at_;
        return;
      case ':':
        ++at_;
        if (angle_ == Angle::kOpen) {
          inside_.clear();  // an obsolete route ends here (RFC 5322 §4.4)
        } else {
          ++list_.groups;
          if (looks_like_address()) ++list_.lookalikes;
          clear();
        }
        return;
      case ',':
        ++at_;
        // The commas of a route: "<@a,@b:c@d>".
        if (angle_ == Angle::kOpen && !inside_.empty() && inside_.front().kind == Kind::kAt) {
          inside_.resize(1);
          return;
        }
        finish();
        return;
      case ';':
        ++at_;
        finish();
        return;
      default:
        take_atom();
    }
  }

  std::vector<Token>& tokens() {
    return angle_ == Angle::kNone ? before_ : angle_ == Angle::kOpen ? inside_ : after_;
  }

  void take_atom() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && (is_atext(text_[at_]) || text_[at_] == '.')) ++at_;
    if (at_ == begin) {  // a control character or a special that means nothing here
      bad_ = true;
      ++at_;
      return;
    }
    tokens().push_back({Kind::kAtom, std::string(text_.substr(begin, at_ - begin))});
  }

  // From the opening character to the closing one; without escapes and line ends.
  std::string quoted(char closing) {
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != closing; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      const auto c = static_cast<unsigned char>(text_[at_]);
      if (c == '\r' || c == '\n') continue;
      if (c < 0x20 && c != '\t') bad_ = true;
      out.push_back(text_[at_]);
    }
    if (at_ == text_.size()) {
      bad_ = true;
    } else {
      ++at_;
    }
    return out;
  }

  void take_comment() {
    std::string out;
    std::size_t depth = 0;
    for (; at_ < text_.size(); ++at_) {
      char c = text_[at_];
      if (c == '(' && depth++ == 0) continue;
      if (c == ')' && --depth == 0) break;
      if (c == '\\' && at_ + 1 < text_.size()) c = text_[++at_];
      if (c != '\r' && c != '\n') out.push_back(c);
    }
    if (at_ == text_.size()) {
      bad_ = true;
    } else {
      ++at_;
    }
    comment_ = std::move(out);
  }

  void finish() {
    const bool nothing = before_.empty() && angle_ == Angle::kNone && !bad_;
    if (!nothing) {
      Mailbox mailbox;
      bool good = !bad_ && after_.empty() && angle_ != Angle::kOpen;
      if (good) good = take_addr_spec(angle_ == Angle::kNone ? before_ : inside_, &mailbox);
      if (good) {
        if (angle_ == Angle::kNone) {
          mailbox.name = std::string(trimmed(comment_));
        } else {
          mailbox.name = phrase();
        }
        if (mailbox.name.size() > kMaxName) mailbox.name.resize(kMaxName);
        list_.mailboxes.push_back(std::move(mailbox));
      } else {
        ++list_.skipped;
        if (looks_like_address()) ++list_.lookalikes;
      }
    }
    clear();
  }

  std::string phrase() const {
    std::string out;
    for (const Token& token : before_) {
      const std::string text = token.kind == Kind::kAt ? "@" : token.text;
      const bool tight = token.kind == Kind::kAt || out.ends_with('@');
      if (!out.empty() && !tight) out += ' ';
      out += text;
    }
    return std::string(trimmed(out));
  }

  // The entry under way, which is no mailbox here.
  bool looks_like_address() const {
    const std::string_view entry = text_.substr(begin_, at_ - begin_);
    if (entry.find_first_of("@<") != std::string_view::npos) return true;
    return entry.find("=?") != std::string_view::npos &&
           decode_encoded_words(entry).find('@') != std::string::npos;
  }

  void clear() {
    begin_ = at_;
    before_.clear();
    inside_.clear();
    after_.clear();
    comment_.clear();
    angle_ = Angle::kNone;
    bad_ = false;
  }

  enum class Angle { kNone, kOpen, kClosed };

  std::string_view text_;
  std::size_t limit_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  // of the entry under way
  AddressList list_;
  // The entry under way: tokens before, inside and after its angle brackets.
  std::vector<Token> before_, inside_, after_;
  std::string comment_;
  Angle angle_ = Angle::kNone;
  bool bad_ = false;
};

}  // namespace

AddressList parse_address_list(std::string_view value, std::size_t limit) {
  return Parser(value, limit).parse();
}

std::string with_blanks(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  bool quoted = false, bracket = false;
  int depth = 0;  // of comments
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    out += c;
    if ((quoted || depth > 0) && c == '\\' && i + 1 < value.size()) {
      out += value[++i];
      continue;
    }
    if (c == '"' && depth == 0) quoted = !quoted;
    if (quoted) continue;
    if (c == '(') ++depth;
    if (c == ')' && depth > 0) --depth;
    if (depth > 0) continue;
    if (c == '<') bracket = true;
    if (c == '>') bracket = false;
    const char next = i + 1 < value.size() ? value[i + 1] : ' ';
    const bool ends = (c == ',' && !bracket) || (c == '>' && next == '<');
    if (ends && next != ' ' && next != '\t') out += ' ';
  }
  return out;
}

std::string format_mailbox(std::string_view utf8_name, std::string_view address) {
  std::string name;
  for (const char c : utf8_name) {
    const auto u = static_cast<unsigned char>(c);
    name.push_back(u < 0x20 || u == 0x7f ? ' ' : c);
  }
  name = std::string(trimmed(name));
  if (name.empty()) return std::string(address);
  const std::string tail = " <" + std::string(address) + ">";
  const std::string encoded = encode_phrase(name);
  if (encoded != name) return encoded + tail;
  if (std::all_of(name.begin(), name.end(), [](char c) { return is_atext(c) || c == ' '; }))
    return name + tail;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"" + tail;
}

}  // namespace essaim::mail
