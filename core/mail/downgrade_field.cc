#include "core/mail/downgrade_field.h"

#include <algorithm>
#include <iterator>

#include "core/base/text.h"
#include "core/mail/charset.h"
#include "core/mail/content_type.h"
#include "core/mail/encoded_word.h"
#include "core/smtp/idn.h"

namespace essaim::mail {
namespace {

enum class Kind { kUnstructured, kAddresses, kParameters, kFixed };

struct Row {
  const char* name;
  Kind kind;
};

// What is not here is taken as unstructured, where encoded words may stand (RFC 2047 §5).
constexpr Row kRows[] = {
    {"From", Kind::kAddresses},
    {"Sender", Kind::kAddresses},
    {"Reply-To", Kind::kAddresses},
    {"To", Kind::kAddresses},
    {"Cc", Kind::kAddresses},
    {"Bcc", Kind::kAddresses},
    {"Resent-From", Kind::kAddresses},
    {"Resent-Sender", Kind::kAddresses},
    {"Resent-To", Kind::kAddresses},
    {"Resent-Cc", Kind::kAddresses},
    {"Disposition-Notification-To", Kind::kAddresses},
    {"Mail-Followup-To", Kind::kAddresses},
    {"Original-From", Kind::kAddresses},  // RFC 5703 §5.2, a former From
    {"Content-Type", Kind::kParameters},
    {"Content-Disposition", Kind::kParameters},
    {"Date", Kind::kFixed},
    {"Message-ID", Kind::kFixed},
    {"In-Reply-To", Kind::kFixed},
    {"References", Kind::kFixed},
    {"Resent-Message-ID", Kind::kFixed},
    {"Resent-Date", Kind::kFixed},
    {"Received", Kind::kFixed},
    {"Return-Path", Kind::kFixed},
    {"DKIM-Signature", Kind::kFixed},
    {"ARC-Seal", Kind::kFixed},
    {"ARC-Message-Signature", Kind::kFixed},
    {"ARC-Authentication-Results", Kind::kFixed},
    {"Authentication-Results", Kind::kFixed},
    {"Received-SPF", Kind::kFixed},
    {"Content-Transfer-Encoding", Kind::kFixed},
    {"Content-ID", Kind::kFixed},
    {"MIME-Version", Kind::kFixed},
    {"Auto-Submitted", Kind::kFixed},
};

Kind kind_of(const HeaderField& field) {
  const auto found =
      std::find_if(std::begin(kRows), std::end(kRows), [&](const Row& row) { return field.is(row.name); });
  return found == std::end(kRows) ? Kind::kUnstructured : found->kind;
}

std::string quoted_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) out += c;
  }
  return out + "\"";
}

// ext-octet = "%" 2(DIGIT / "A" - "F") (RFC 2231 §7)
std::string percent_encoded(std::string_view utf8) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : utf8) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    if (plain) {
      out += c;
    } else {
      const auto u = static_cast<unsigned char>(c);
      out += {'%', kDigits[u >> 4], kDigits[u & 15]};
    }
  }
  return out;
}

// type *(";" name "=" value); values that are not ASCII in pieces that can be folded (RFC 2231 §3, §4).
std::optional<std::string> downgraded_parameters(const HeaderField& field, const std::string& value) {
  const std::string_view head = trimmed(std::string_view(value).substr(0, value.find(';')));
  if (!is_ascii(head)) return std::nullopt;
  const bool is_type = field.is("Content-Type");
  const ContentType parsed = parse_content_type(is_type ? value : "x/" + value);
  if (!parsed.present) return std::nullopt;
  constexpr std::size_t kPiece = 48;
  std::string out(head);
  for (const auto& [name, text] : parsed.parameters) {
    if (!is_ascii(name)) continue;
    if (is_ascii(text)) {
      out += "; " + name + "=" + quoted_string(text);
      continue;
    }
    if (name == "boundary") return std::nullopt;  // the delimiters say the same
    const std::string all = percent_encoded(text);
    if (all.size() <= kPiece) {
      out += "; " + name + "*=UTF-8''" + all;
      continue;
    }
    int number = 0;
    for (std::size_t at = 0; at < all.size(); ++number) {
      std::size_t length = std::min(kPiece, all.size() - at);
      // Never within an encoded octet.
      if (at + length < all.size()) {
        if (all[at + length - 1] == '%') length -= 1;
        if (all[at + length - 2] == '%') length -= 2;
      }
      out += "; " + name + "*" + std::to_string(number) + "*=" + (number == 0 ? "UTF-8''" : "") +
             all.substr(at, length);
      at += length;
    }
  }
  return out;
}

// An address whose domain alone is not ASCII, with A-labels (RFC 5890 §2.3.2.1); nothing if it cannot be had.
std::optional<std::string> with_a_labels(std::string_view address) {
  const std::size_t at = address.rfind('@');
  if (at == std::string_view::npos || !is_ascii(address.substr(0, at))) return std::nullopt;
  const Result<std::string> domain = smtp::domain_to_ascii(trimmed(address.substr(at + 1)));
  if (!domain.ok()) return std::nullopt;
  return std::string(address.substr(0, at + 1)) + *domain;
}

// Reads a list of addresses piece by piece and writes names and comments anew where they must be.
class AddressRewriter {
 public:
  explicit AddressRewriter(std::string_view value) : value_(value) {}

  std::optional<std::string> run() {
    while (at_ < value_.size()) {
      switch (value_[at_]) {
        case '"':
          take_quoted();
          break;
        case '(':
          flush_words();
          take_comment();
          break;
        case '<':
          flush_words();
          take_until_bracket();
          break;
        case ',':
        case ':':
        case ';':
          flush_words();
          out_ += value_[at_++];
          break;
        default:
          words_ += value_[at_++];
      }
      if (failed_) return std::nullopt;
    }
    flush_words();
    if (failed_) return std::nullopt;
    return out_;
  }

 private:
  // A name of atoms and quoted strings, or an address without brackets.
  void flush_words() {
    if (is_ascii(words_)) {
      out_ += words_;
    } else if (words_.find('@') != std::string::npos) {
      const auto address = with_a_labels(trimmed(words_));
      failed_ = failed_ || !address;
      if (!out_.empty() && out_.back() != ' ') out_ += ' ';
      if (address) out_ += *address;
    } else {
      const std::string_view text = trimmed(words_);
      std::string name;
      for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '"') continue;
        if (text[i] == '\\' && i + 1 < text.size()) ++i;
        name += text[i];
      }
      if (!out_.empty() && out_.back() != ' ') out_ += ' ';
      out_ += encode_phrase(decode_encoded_words(name)) + " ";
    }
    words_.clear();
  }

  void take_quoted() {
    const std::size_t begin = at_++;
    while (at_ < value_.size() && value_[at_] != '"') at_ += value_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, value_.size());
    words_ += value_.substr(begin, at_ - begin);
  }

  void take_comment() {
    const std::size_t begin = at_;
    int depth = 0;
    for (; at_ < value_.size(); ++at_) {
      if (value_[at_] == '\\') {
        ++at_;
      } else if (value_[at_] == '(') {
        ++depth;
      } else if (value_[at_] == ')' && --depth == 0) {
        break;
      }
    }
    const std::size_t end = std::min(at_, value_.size());
    at_ = std::min(at_ + 1, value_.size());
    const std::string_view inner = value_.substr(begin + 1, end - begin - 1);
    // Brackets within stay outside of what is encoded; the words are what matters to people.
    std::string plain;
    for (const char c : inner)
      if (c != '(' && c != ')' && c != '\\') plain += c;
    out_ += is_ascii(inner) ? std::string(value_.substr(begin, at_ - begin)) : "(" + encode_text(plain) + ")";
  }

  void take_until_bracket() {
    const std::size_t end = value_.find('>', at_);
    const std::string_view address = value_.substr(at_, end == std::string_view::npos ? end : end - at_ + 1);
    at_ += address.size();
    if (is_ascii(address)) {
      out_ += address;
    } else if (const auto ascii = with_a_labels(address.substr(0, address.find('>')))) {
      out_ += *ascii + ">";
    } else {
      failed_ = true;
    }
  }

  const std::string_view value_;
  std::size_t at_ = 0;
  std::string words_;
  std::string out_;
  bool failed_ = false;
};

}  // namespace

std::optional<std::string> downgraded_field(const HeaderField& field) {
  std::string name(field.name());
  const std::string value = as_utf8(field.value());
  std::optional<std::string> changed;
  switch (kind_of(field)) {
    case Kind::kUnstructured:
      // Encoded words among the others are read first, or the space behind them would be lost.
      changed = encode_text(decode_encoded_words(value));
      break;
    case Kind::kAddresses:
      changed = AddressRewriter(value).run();
      break;
    case Kind::kParameters:
      changed = downgraded_parameters(field, value);
      break;
    case Kind::kFixed:
      name = "Downgraded-" + name;
      changed = encode_text(value);
      break;
  }
  if (!changed) return std::nullopt;
  Result<std::string> out = format_field(name, trimmed(*changed));
  if (!out.ok() || !is_ascii(*out)) return std::nullopt;
  return *out;
}

}  // namespace essaim::mail
