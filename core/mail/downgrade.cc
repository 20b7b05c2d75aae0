#include "core/mail/downgrade.h"

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/downgrade_field.h"
#include "core/mail/header_block.h"
#include "core/mail/multipart.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail {
namespace {

constexpr int kMaxDepth = 20;
constexpr std::size_t kMaxLine = 998;  // octets without CRLF, RFC 5322 §2.1.1

bool is_seven_bit(std::string_view bytes) {
  return is_ascii(bytes) && bytes.find('\0') == std::string_view::npos;
}

// Of a large part only one of the two is made: it may have tens of megabytes.
bool printable_is_shorter(std::string_view text) {
  constexpr std::size_t kSmall = 4096;
  if (text.size() <= kSmall) return quoted_printable(text).size() <= base64_lines(text).size();
  std::size_t size = 0;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    size += (u >= 0x20 && u < 0x7f && c != '=') || c == '\r' || c == '\n' || c == '\t' ? 1 : 3;
  }
  return size + size / 75 * 3 <= (text.size() + 2) / 3 * 4 + text.size() / 57 * 2;
}

// What a preamble or an epilogue says to nobody, in ASCII.
std::string without_eight_bit(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if ((static_cast<unsigned char>(c) & 0x80) != 0 || c == '\0') c = '?';
  return out;
}

class Downgrader {
 public:
  enum class Place { kMessage, kPart, kPartOfDigest };
  enum class Aim { kSevenBit, kShortLines };

  explicit Downgrader(Aim aim) : aim_(aim) {}

  const char* why() const { return why_; }

  // Header, empty line, body. False: it is not possible. Lines are made short wherever it is, and else stay.
  bool entity(std::string_view text, Place place, int depth, std::string* out) {
    const std::size_t size = out->size();
    if (fits(text)) {
      out->append(text);
    } else if (!changed(text, place, depth, out)) {
      if (!only_lines()) return false;
      out->resize(size);
      out->append(text);
    }
    return true;
  }

 private:
  struct Entity {
    const HeaderBlock& header;
    const ContentType& type;
    TransferEncoding encoding;
    int depth;
    bool message;
  };

  bool only_lines() const { return aim_ == Aim::kShortLines; }
  bool fits(std::string_view text) const { return only_lines() ? !has_long_line(text) : is_seven_bit(text); }

  bool changed(std::string_view text, Place place, int depth, std::string* out) {
    if (depth > kMaxDepth) return no("its parts are nested too deep");
    const Result<HeaderBlock> header = HeaderBlock::parse(text);
    if (!header) return no("a header in it is broken");
    const std::string_view body = text.substr(header->body_offset());
    ContentType type = content_type_of(*header);
    if (!type.present && place == Place::kPartOfDigest) {  // RFC 2046 §5.1.5
      type.type = "message";
      type.subtype = "rfc822";
    }
    Entity current{*header, type,
                   transfer_encoding_of(header->value("Content-Transfer-Encoding").value_or("")), depth,
                   place == Place::kMessage};
    if (fits(body)) return fields(current, nullptr, false, out) && copy(body, out);
    if (header->count("Content-Type") > 1 || header->count("Content-Transfer-Encoding") > 1)
      return no("it says twice what a part of it is");
    if (type.type == "multipart") return multipart(current, body, out);
    if (type.is("message", "rfc822")) return enclosed(current, body, out);
    if (type.is("message", "partial") || type.is("message", "external-body") ||
        (only_lines() && type.type == "message"))
      return no("a fragment in it has eight bits");
    return leaf(current, body, out);
  }

  bool no(const char* why) {
    why_ = why;
    return false;
  }

  static bool copy(std::string_view body, std::string* out) {
    out->append(body);
    return true;
  }

  // The header with another encoding (null: the old one). `no_type`: there is no Content-Type, and one is
  // needed.
  bool fields(const Entity& entity, const char* encoding, bool utf8, std::string* out) {
    bool encoding_written = false;
    for (const HeaderField& field : entity.header.fields()) {
      if (encoding != nullptr && field.is("Content-Transfer-Encoding")) {
        out->append("Content-Transfer-Encoding: ").append(encoding).append("\r\n");
        encoding_written = true;
      } else if (only_lines() || is_seven_bit(field.raw())) {
        out->append(field.raw());
      } else if (const auto changed = downgraded_field(field)) {
        out->append(*changed);
      } else {
        return no("a header field in it can only be said in UTF-8");
      }
    }
    if (encoding != nullptr && !encoding_written) {
      if (entity.message && entity.header.find("MIME-Version") == nullptr)
        out->append("MIME-Version: 1.0\r\n");
      // One that makes no sense stays, and means the same (RFC 2045 §5.2): of two, readers would choose differently.
      if (!entity.type.present && entity.type.valid && entity.type.type == "text")
        out->append("Content-Type: text/plain; charset=")
            .append(utf8 ? "UTF-8" : "unknown-8bit")
            .append("\r\n");
      out->append("Content-Transfer-Encoding: ").append(encoding).append("\r\n");
    }
    out->append("\r\n");
    return true;
  }

  // What had to be declared "8bit" or "binary" because of its parts is neither any more.
  const char* outer_encoding(const Entity& entity) const {
    return only_lines() || entity.encoding == TransferEncoding::kSevenBit ? nullptr : "7bit";
  }

  // Between the parts.
  std::string filling(std::string_view text) const {
    return only_lines() ? std::string(text) : without_eight_bit(text);
  }

  bool multipart(const Entity& entity, std::string_view body, std::string* out) {
    // RFC 1847 §2.1, RFC 3156 §3: the bytes of the first part are what was signed.
    if (entity.type.subtype == "signed") return no("a signed part has eight bits");
    if (entity.type.subtype == "encrypted") return no("an encrypted part has eight bits");
    const std::string boundary = entity.type.parameter("boundary");
    const std::optional<Multipart> parts = split_multipart(body, boundary);
    if (!parts || !is_ascii(boundary) || !is_identity(entity.encoding))
      return no("a multipart in it is broken");
    if (!fields(entity, outer_encoding(entity), false, out)) return false;
    const Place place = entity.type.subtype == "digest" ? Place::kPartOfDigest : Place::kPart;
    std::size_t at = 0;
    for (const PartRange& part : parts->parts) {
      out->append(filling(body.substr(at, part.begin - at)));
      if (!this->entity(body.substr(part.begin, part.end - part.begin), place, entity.depth + 1, out))
        return false;
      at = part.end;
    }
    out->append(filling(body.substr(at)));
    return true;
  }

  bool enclosed(const Entity& entity, std::string_view body, std::string* out) {
    if (!is_identity(entity.encoding)) return no("a message in it is broken");
    return fields(entity, outer_encoding(entity), false, out) &&
           this->entity(body, Place::kMessage, entity.depth + 1, out);
  }

  bool leaf(const Entity& entity, std::string_view body, std::string* out) {
    std::string decoded;
    std::string_view content = body;
    if (entity.encoding == TransferEncoding::kQuotedPrintable ||
        (only_lines() && entity.encoding == TransferEncoding::kBase64)) {
      auto plain = entity.encoding == TransferEncoding::kBase64 ? decoded_base64(body)
                                                                : decoded_quoted_printable(body);
      if (!plain) return no("a part is not in the encoding that it names");
      decoded = *std::move(plain);
      content = decoded;
    } else if (!is_identity(entity.encoding)) {
      return no("a part is not in the encoding that it names");
    }
    const bool text = entity.type.type == "text" || entity.type.type == "message";
    const bool use_printable =
        entity.encoding == TransferEncoding::kQuotedPrintable
            ? text
            : text && entity.encoding != TransferEncoding::kBase64 && printable_is_shorter(content);
    if (!fields(entity, use_printable ? "quoted-printable" : "base64", is_valid_utf8(content), out))
      return false;
    return copy(use_printable ? quoted_printable(content) : base64_lines(content), out);
  }

  const Aim aim_;
  const char* why_ = "";
};

}  // namespace

Downgraded downgraded_to_7bit(std::string_view message) {
  Downgraded result;
  if (is_seven_bit(message)) {
    result.outcome = Downgraded::Outcome::kNotNeeded;
    return result;
  }
  Downgrader downgrader(Downgrader::Aim::kSevenBit);
  std::string out;
  out.reserve(message.size() + message.size() / 4);
  if (!downgrader.entity(message, Downgrader::Place::kMessage, 0, &out)) {
    result.why = downgrader.why();
  } else if (!is_seven_bit(out)) {
    result.why = "eight bits are left";
  } else {
    result.outcome = Downgraded::Outcome::kDone;
    result.message = std::move(out);
  }
  return result;
}

bool has_long_line(std::string_view text) {
  // Looks for the last line end that the longest line may have, not for each: most of the text is not read.
  for (std::size_t at = 0; text.size() - at > kMaxLine;) {
    const std::size_t end = text.substr(at, kMaxLine + 2).rfind('\n');
    if (end == std::string_view::npos) return true;
    at += end + 1;
  }
  return false;
}

std::optional<std::string> with_short_lines(std::string_view message) {
  if (!has_long_line(message)) return std::nullopt;
  Downgrader downgrader(Downgrader::Aim::kShortLines);
  std::string out;
  out.reserve(message.size() + message.size() / 4);
  ESSAIM_CHECK(downgrader.entity(message, Downgrader::Place::kMessage, 0, &out));
  return out;
}

}  // namespace essaim::mail
