#include "lists/scenario/parse.h"

#include "core/base/text.h"
#include "lists/scenario/parse_rule.h"

namespace essaim::lists::scenario {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

Error wrong(const std::string& file, int line, const Complaint& complaint) {
  return {ErrorCode::kInvalid, file + ", line " + std::to_string(line) + ", column " +
                                   std::to_string(complaint.at + 1) + ": " + complaint.what};
}

// "fr_FR" and "fr-FR" are "fr"; "us" is what old files call American English.
std::string language_of(std::string_view written) {
  const std::string lower = ascii_lowered(written);
  if (lower == "us") return "en";
  return lower.substr(0, lower.find_first_of("_-"));
}

// Title, or nothing.
bool take_title(std::string_view line, ParsedText* out) {
  Cursor cursor{line};
  if (!starts_with_ignoring_case(line, "title")) return false;
  cursor.at = 5;
  std::string language;
  if (cursor.take('.')) {
    language = language_of(cursor.take_while([](char c) { return c != ' ' && c != '\t'; }));
    if (language.empty()) return false;
  } else if (cursor.peek() != ' ' && cursor.peek() != '\t') {
    return false;
  }
  out->titles[language] = std::string(trimmed(line.substr(cursor.at)));
  return true;
}

// Include, or nothing. Sympa takes it with and without parentheses and quotes.
std::optional<Include> take_include(std::string_view line, int number, std::optional<Complaint>* complaint) {
  if (!starts_with_ignoring_case(line, "include")) return std::nullopt;
  Cursor cursor{line, 7};
  if (!cursor.end() && is_word(cursor.peek())) return std::nullopt;
  cursor.skip_space();
  cursor.take('(');
  cursor.skip_space();
  const char quote = cursor.peek();
  const bool quoted = quote == '\'' || quote == '"';
  if (quoted) ++cursor.at;
  const auto name = cursor.take_while([](char c) { return is_word(c) || c == '.' || c == '-'; });
  if (name.empty()) {
    *complaint = Complaint{cursor.at, "include needs the name of a file: include NAME"};
    return std::nullopt;
  }
  if (name.front() == '.') {
    *complaint = Complaint{0, "the file include" + std::string(name) +
                                  " is named without its first word: include " + std::string(name.substr(1))};
    return std::nullopt;
  }
  if (quoted && !cursor.take(quote)) {
    *complaint = Complaint{cursor.at, "the closing quote is missing"};
    return std::nullopt;
  }
  cursor.skip_space();
  cursor.take(')');
  cursor.skip_space();
  if (!cursor.end() && cursor.peek() != '#') {
    *complaint = Complaint{cursor.at, "nothing may follow an include"};
    return std::nullopt;
  }
  return Include{std::string(name), number};
}

bool is_one_word(std::string_view line) {
  for (const char c : line) {
    if (!is_word(c)) return false;
  }
  return true;
}

}  // namespace

Result<ParsedText> parse(std::string_view text, const std::string& file) {
  if (text.size() > kMaxText)
    return Error{ErrorCode::kInvalid, file + ": longer than " + std::to_string(kMaxText / 1024) + " KB"};
  ParsedText out;
  int number = 0;
  for (const std::string_view raw : split(text, '\n')) {
    ++number;
    if (!is_valid_utf8(raw)) return wrong(file, number, {0, "it is not UTF-8"});
    if (const auto nul = raw.find('\0'); nul != raw.npos) return wrong(file, number, {nul, "it has a NUL"});
    const std::string_view line = trimmed(raw);
    if (line.empty() || line.front() == '#' || take_title(line, &out)) continue;
    const auto indent = static_cast<std::size_t>(line.data() - raw.data());
    std::optional<Complaint> complaint;
    if (auto include = take_include(line, number, &complaint)) {
      out.lines.emplace_back(std::move(*include));
    } else if (!complaint && !is_one_word(line)) {
      Rule rule;
      rule.file = file;
      rule.line = number;
      complaint = read_rule(line, &rule);
      if (!complaint) out.lines.emplace_back(std::move(rule));
    }
    if (complaint) {
      complaint->at += indent;
      return wrong(file, number, *complaint);
    }
    if (out.lines.size() > kMaxRules)
      return wrong(file, number, {0, "there are more than " + std::to_string(kMaxRules) + " rules"});
  }
  return out;
}

}  // namespace essaim::lists::scenario
