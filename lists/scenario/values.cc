#include "lists/scenario/values.h"

#include <array>
#include <charconv>

#include <time.h>

#include "core/base/text.h"
#include "core/mail/content_type.h"
#include "core/mail/encoded_word.h"
#include "core/mail/readable.h"

namespace essaim::lists::scenario {
namespace {

constexpr std::size_t kMaxBody = std::size_t{1} << 20;

std::vector<std::string> one(std::string_view text) {
  return {std::string(text)};
}

Values known(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return one(text);
}

// Decoded: rules are about what people read.
Values field_values(const Piece& piece, const Question& question) {
  if (question.header == nullptr) return std::nullopt;
  std::vector<std::string> out;
  for (const mail::HeaderField* field : question.header->find_all(piece.text))
    out.push_back(mail::decode_encoded_words(field->value()));
  if (piece.index) {
    const auto size = static_cast<int>(out.size());
    const int at = *piece.index < 0 ? size + *piece.index : *piece.index;
    return at >= 0 && at < size ? one(out[static_cast<std::size_t>(at)]) : one("");
  }
  if (out.empty()) out.emplace_back();
  return out;
}

// Neither To nor Cc names the list, by its name or the one that it was written to.
bool is_bcc(const Question& question) {
  for (const std::string_view name : {"To", "Cc"}) {
    for (const mail::HeaderField* field : question.header->find_all(name)) {
      const std::string text = ascii_lowered(field->value());
      if (text.find(question.listname) != text.npos) return false;
      if (!question.written_to.empty() && text.find(question.written_to) != text.npos) return false;
    }
  }
  return true;
}

// Encrypted S/MIME (RFC 8551 §3.2.2), not what is signed or compressed under the same type.
bool is_enveloped(const mail::HeaderBlock& header) {
  const mail::ContentType type = mail::content_type_of(header);
  if (!type.is("application", "pkcs7-mime") && !type.is("application", "x-pkcs7-mime")) return false;
  const std::string kind = ascii_lowered(type.parameter("smime-type"));
  return kind.empty() || kind == "enveloped-data" || kind == "authenveloped-data";
}

Values message_values(const Piece& piece, const Question& question) {
  if (question.header == nullptr) return std::nullopt;
  const std::string_view body = question.body.substr(0, kMaxBody);
  switch (*piece.variable) {
    case Variable::kBody: {
      auto text = mail::text_of_leaf(*question.header, body);
      if (!text) return std::nullopt;
      return std::vector<std::string>{std::move(*text)};
    }
    case Variable::kPartType:
    case Variable::kPartBody: {
      std::vector<std::string> out;
      for (const mail::LeafText& part : mail::parts_of(*question.header, body)) {
        if (*piece.variable == Variable::kPartType) {
          out.push_back(part.type);
        } else if (part.text) {
          out.push_back(*part.text);
        }
      }
      return out;
    }
    default:
      return std::nullopt;
  }
}

Result<Values> values_of_piece(const Piece& piece, const Question& question, Lookups& lookups) {
  if (!piece.variable) return Values(one(piece.text));
  switch (*piece.variable) {
    case Variable::kSender:
      return Values(one(question.sender));
    case Variable::kEmail:
      return Values(one(question.email.empty() ? question.sender : question.email));
    case Variable::kListName:
      return known(question.listname);
    case Variable::kDomain:
      return known(question.domain);
    case Variable::kHeader:
      return field_values(piece, question);
    case Variable::kBody:
    case Variable::kPartType:
    case Variable::kPartBody:
      return message_values(piece, question);
    case Variable::kIsBcc:
      if (question.header == nullptr) return Values();
      return Values(one(is_bcc(question) ? "1" : "0"));
    case Variable::kEncrypted:
      if (question.header == nullptr || !is_enveloped(*question.header)) return Values();
      return Values(one("smime"));
    case Variable::kRemoteHost:  // nobody is asked for names of addresses
      return Values(one("unknown_host"));
    case Variable::kRemoteAddress:
      return known(question.remote_address);
    case Variable::kCurrentDate:
      return Values(one(std::to_string(to_millis(question.now) / 1000)));
    case Variable::kPreviousEmail:
      return known(question.previous_email);
    case Variable::kConf:
    case Variable::kList:
    case Variable::kUser:
    case Variable::kUserAttributes:
    case Variable::kSubscriber:
    case Variable::kCustomVars:
    case Variable::kFamily: {
      auto text = lookups.attribute(*piece.variable, piece.text);
      if (!text.ok()) return text.error();
      if (!text->has_value()) return Values();
      return Values(one(**text));
    }
    case Variable::kEnv:      // of no CGI here
    case Variable::kMessage:  // of Sympa's own objects
    case Variable::kTopic:
    case Variable::kTopicAuto:
    case Variable::kTopicSender:
    case Variable::kTopicEditor:
    case Variable::kTopicNeeded:
    case Variable::kTopicName:
      return Values();
  }
  return Values();
}

bool take_number(std::string_view* text, int* out, std::string_view unit) {
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), *out);
  if (error != std::errc()) return false;
  std::string_view rest = text->substr(static_cast<std::size_t>(end - text->data()));
  if (!rest.starts_with(unit)) return false;
  *text = rest.substr(unit.size());
  return true;
}

}  // namespace

Result<Values> values_of(const Operand& operand, const Question& question, Lookups& lookups) {
  if (operand.size() == 1) return values_of_piece(operand.front(), question, lookups);
  std::string joined;
  for (const Piece& piece : operand) {
    auto values = values_of_piece(piece, question, lookups);
    if (!values.ok()) return values.error();
    if (!values->has_value()) return Values();
    if (!(*values)->empty()) joined += (*values)->front();
  }
  return Values(one(joined));
}

Result<std::optional<std::string>> text_of(const Piece& variable, const Question& question,
                                           Lookups& lookups) {
  auto values = values_of_piece(variable, question, lookups);
  if (!values.ok()) return values.error();
  if (!values->has_value() || (*values)->empty()) return std::optional<std::string>();
  return std::optional<std::string>(std::move((*values)->front()));
}

std::optional<std::int64_t> time_of(std::string_view text) {
  text = trimmed(text);
  if (const auto seconds = parse_u64(text); seconds && *seconds < (std::uint64_t{1} << 40))
    return static_cast<std::int64_t>(*seconds);
  tm parts{};
  parts.tm_mday = 1;
  int value = 0;
  std::string_view rest = text;
  if (take_number(&rest, &value, "y") && value > 1900) {
    parts.tm_year = value - 1900;
    for (const auto& [unit, field] : {std::pair{"m", &parts.tm_mon}, std::pair{"d", &parts.tm_mday},
                                      std::pair{"h", &parts.tm_hour}, std::pair{"min", &parts.tm_min}}) {
      std::string_view ahead = rest;
      if (!take_number(&ahead, &value, unit)) continue;
      if (value < 0 || value > 366) return std::nullopt;
      *field = field == &parts.tm_mon ? value - 1 : value;
      rest = ahead;
    }
    if (!rest.empty()) return std::nullopt;
    return static_cast<std::int64_t>(timegm(&parts));
  }
  for (const char* format : {"%Y-%m-%d", "%Y/%m/%d"}) {
    tm date{};
    const std::string owned(text);
    const char* end = strptime(owned.c_str(), format, &date);
    if (end != nullptr && *end == '\0') return static_cast<std::int64_t>(timegm(&date));
  }
  return std::nullopt;
}

}  // namespace essaim::lists::scenario
