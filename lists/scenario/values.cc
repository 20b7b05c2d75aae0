#include "lists/scenario/values.h"

#include <algorithm>
#include <array>

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

// "2026y11m22d10h5min3sec": numbers with their units, in this order.
enum Unit : std::size_t { kYears, kMonths, kWeeks, kDays, kHours, kMinutes, kSeconds, kUnits };
constexpr std::array<std::string_view, kUnits> kUnitNames{"y", "m", "w", "d", "h", "min", "sec"};
using Counts = std::array<int, kUnits>;

std::optional<Counts> counts_of(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  Counts out{};
  std::size_t unit = 0;
  while (!text.empty()) {
    const auto digits = std::min(text.find_first_not_of(kDigits), text.size());
    const auto value = parse_u64(text.substr(0, digits));
    text.remove_prefix(digits);
    const auto letters = std::min(text.find_first_of(kDigits), text.size());
    const std::string name = ascii_lowered(text.substr(0, letters));
    text.remove_prefix(letters);
    while (unit < kUnits && kUnitNames.at(unit) != name) ++unit;
    if (!value || *value > 1'000'000'000 || unit == kUnits) return std::nullopt;
    out.at(unit++) = static_cast<int>(*value);
  }
  return out;
}

std::optional<std::int64_t> date_of(std::string_view text, std::int64_t now) {
  if (text == "execution_date") return now;
  if (const auto seconds = parse_u64(text); seconds && *seconds < (std::uint64_t{1} << 40))
    return static_cast<std::int64_t>(*seconds);
  if (const auto counts = counts_of(text)) {
    const auto [years, months, weeks, days, hours, minutes, seconds] = *counts;
    if (years <= 1900 || years > 9999 || weeks != 0 ||
        *std::max_element(counts->begin() + kMonths, counts->end()) > 366)
      return std::nullopt;
    tm parts{};
    parts.tm_year = years - 1900;
    parts.tm_mon = std::max(months - 1, 0);
    parts.tm_mday = std::max(days, 1);
    parts.tm_hour = hours;
    parts.tm_min = minutes;
    parts.tm_sec = seconds;
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

// In seconds. As Sympa counts: a year is 365 days, and months are as long as those from the one of `date` on, backwards, too.
std::int64_t duration_of(const Counts& counts, std::int64_t date) {
  constexpr std::array<int, 12> kLengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const time_t start = date;
  tm parts{};
  gmtime_r(&start, &parts);
  const auto [years, months, weeks, days, hours, minutes, seconds] = counts;
  std::int64_t whole = (std::int64_t{years} + months / 12) * 365 + std::int64_t{weeks} * 7 + days;
  for (int i = 0; i < months % 12; ++i) whole += kLengths.at(static_cast<std::size_t>(parts.tm_mon + i) % 12);
  return ((whole * 24 + hours) * 60 + minutes) * 60 + seconds;
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

std::optional<std::int64_t> time_of(std::string_view text, WallTime now) {
  text = trimmed(text);
  const std::int64_t seconds = to_millis(now) / 1000;
  if (const auto whole = date_of(text, seconds)) return whole;
  const auto sign = text.find_last_of("+-");
  if (sign == text.npos) return std::nullopt;
  const auto date = date_of(trimmed(text.substr(0, sign)), seconds);
  const std::string_view rest = trimmed(text.substr(sign + 1));
  const auto counts = counts_of(rest);
  if (!date || !counts || rest.empty()) return std::nullopt;
  const std::int64_t duration = duration_of(*counts, *date);
  return text[sign] == '+' ? *date + duration : *date - duration;
}

}  // namespace essaim::lists::scenario
