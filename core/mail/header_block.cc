#include "core/mail/header_block.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mail {
namespace {

constexpr std::size_t kPreferredLine = 78;  // RFC 5322 §2.1.1, without CRLF
constexpr std::size_t kLongestLine = 998;

bool is_wsp(char c) {
  return c == ' ' || c == '\t';
}

// ftext, RFC 5322 §2.2
bool is_name_char(char c) {
  return c > ' ' && c < 0x7f && c != ':';
}

// The lengths of the name and of everything before the colon; nothing if the line is no field.
struct NamePart {
  std::size_t name;
  std::size_t colon;
};

std::optional<NamePart> name_of(std::string_view line) {
  std::size_t name = 0;
  while (name < line.size() && is_name_char(line[name])) ++name;
  std::size_t colon = name;
  while (colon < line.size() && is_wsp(line[colon])) ++colon;
  if (name == 0 || colon == line.size() || line[colon] != ':') return std::nullopt;
  return NamePart{name, colon};
}

Error invalid(std::string message) {
  return Error{ErrorCode::kInvalid, std::move(message)};
}

// One line of the message: where its text ends, where the next line begins, and what stopped it.
struct Line {
  enum class Stop { kCrlf, kMessageEnd, kLimit, kBadByte };
  std::size_t text_end;
  std::size_t next;
  Stop stop;
};

// Looks no further than `limit`, so that a body without line ends costs nothing.
Line next_line(std::string_view message, std::size_t begin, std::size_t limit) {
  const std::size_t end = std::min(message.size(), limit);
  for (std::size_t i = begin; i < end; ++i) {
    const char c = message[i];
    if (c == '\r' && i + 1 < message.size() && message[i + 1] == '\n') return {i, i + 2, Line::Stop::kCrlf};
    if (c == '\r' || c == '\n' || c == '\0') return {i, i, Line::Stop::kBadByte};
  }
  return {end, end, end < message.size() ? Line::Stop::kLimit : Line::Stop::kMessageEnd};
}

}  // namespace

std::string_view HeaderField::raw_value() const {
  std::string_view value = std::string_view(raw_).substr(colon_ + 1);
  value.remove_suffix(2);
  return value;
}

std::string HeaderField::value() const {
  return std::string(trimmed(unfolded(raw_value())));
}

bool HeaderField::is(std::string_view name) const {
  return equals_ignoring_case(this->name(), name);
}

std::string unfolded(std::string_view raw_value) {
  std::string out;
  out.reserve(raw_value.size());
  for (const char c : raw_value) {
    if (c != '\r' && c != '\n') out.push_back(c);
  }
  return out;
}

Result<HeaderBlock> HeaderBlock::parse(std::string_view message, const HeaderLimits& limits) {
  HeaderBlock block;
  std::size_t at = 0;
  block.ended_by_empty_line_ = false;
  while (at < message.size()) {
    const Line line = next_line(message, at, std::max(at, limits.bytes));
    const std::string_view text = message.substr(at, line.text_end - at);
    if (text.empty() && line.stop == Line::Stop::kCrlf) {
      block.body_offset_ = line.next;
      block.ended_by_empty_line_ = true;
      return block;
    }
    const bool continues = !block.fields_.empty() && !text.empty() && is_wsp(text[0]);
    std::optional<NamePart> part;
    if (!continues) {
      part = name_of(text);
      // Also with a bad byte behind it: whatever one takes for a line end, this is no field, hence body.
      // Where the limit has cut the line it may still become one, unless it is longer than any name.
      const bool undecided = line.stop == Line::Stop::kLimit && text.size() <= kLongestLine &&
                             std::all_of(text.begin(), text.end(), is_name_char);
      if (!part && !undecided) break;
    }
    if (line.stop == Line::Stop::kBadByte) return invalid("the header has a bare CR, a bare LF or a NUL");
    if (line.stop == Line::Stop::kLimit || line.next > limits.bytes) {
      return invalid("the header is larger than " + std::to_string(limits.bytes) + " bytes");
    }
    if (continues) {
      block.fields_.back().raw_.append(text).append("\r\n");
    } else {
      if (block.fields_.size() == limits.fields) {
        return invalid("the header has more than " + std::to_string(limits.fields) + " fields");
      }
      block.fields_.push_back(HeaderField(std::string(text) + "\r\n", part->name, part->colon));
    }
    at = line.next;
  }
  block.body_offset_ = at;
  return block;
}

const HeaderField* HeaderBlock::find(std::string_view name) const {
  for (const HeaderField& field : fields_) {
    if (field.is(name)) return &field;
  }
  return nullptr;
}

std::vector<const HeaderField*> HeaderBlock::find_all(std::string_view name) const {
  std::vector<const HeaderField*> found;
  for (const HeaderField& field : fields_) {
    if (field.is(name)) found.push_back(&field);
  }
  return found;
}

std::size_t HeaderBlock::count(std::string_view name) const {
  return find_all(name).size();
}

std::optional<std::string> HeaderBlock::value(std::string_view name) const {
  const HeaderField* field = find(name);
  if (field == nullptr) return std::nullopt;
  return field->value();
}

std::size_t HeaderBlock::remove(std::string_view name) {
  return remove_if([name](const HeaderField& field) { return field.is(name); });
}

std::size_t HeaderBlock::remove_if(const std::function<bool(const HeaderField&)>& predicate) {
  return std::erase_if(fields_, predicate);
}

Result<HeaderField> HeaderBlock::make(std::string_view name, std::string_view value) const {
  Result<std::string> raw = format_field(name, value);
  if (!raw) return raw.error();
  return HeaderField(std::move(raw).value(), name.size(), name.size());
}

Result<void> HeaderBlock::insert_bottom(std::string_view name, std::string_view value) {
  Result<HeaderField> field = make(name, value);
  if (!field) return field.error();
  fields_.push_back(std::move(field).value());
  return {};
}

Result<void> HeaderBlock::set(std::string_view name, std::string_view value) {
  const auto first = std::find_if(fields_.begin(), fields_.end(),
                                  [name](const HeaderField& field) { return field.is(name); });
  if (first == fields_.end()) return insert_bottom(name, value);
  Result<HeaderField> field = make(first->name(), value);
  if (!field) return field.error();
  *first = std::move(field).value();
  fields_.erase(std::remove_if(first + 1, fields_.end(), [name](const HeaderField& f) { return f.is(name); }),
                fields_.end());
  return {};
}

Result<void> HeaderBlock::insert_raw_top(std::string_view raw) {
  std::string text(raw);
  if (!text.ends_with("\r\n")) text += "\r\n";
  Result<HeaderBlock> one = parse(text);
  if (!one) return one.error();
  if (one->fields_.size() != 1 || one->body_offset_ != text.size() || one->ended_by_empty_line_) {
    return invalid("not exactly one header field");
  }
  fields_.insert(fields_.begin(), std::move(one->fields_.front()));
  return {};
}

std::string HeaderBlock::serialise() const {
  return joined_with({});
}

std::string HeaderBlock::joined_with(std::string_view body) const {
  std::size_t size = 2 + body.size();
  for (const HeaderField& field : fields_) size += field.raw_.size();
  std::string out;
  out.reserve(size);
  for (const HeaderField& field : fields_) out += field.raw_;
  out += "\r\n";
  out += body;
  return out;
}

Result<std::string> format_field(std::string_view name, std::string_view value) {
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_name_char)) {
    return invalid("not a header field name: " + escaped_for_display(name, 80));
  }
  if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    return invalid("a line end or NUL in the value of header field " + std::string(name));
  }
  value = trimmed(value);
  std::string out(name);
  out += ":";
  std::size_t line = out.size();
  // Words with the white space before them; a break goes before the white space, which then begins the next
  // line. So no line of only white space comes about (RFC 5322 §3.2.2).
  bool first = true;
  for (std::size_t at = 0; at < value.size();) {
    std::size_t word = at;
    while (word < value.size() && is_wsp(value[word])) ++word;
    std::size_t end = word;
    while (end < value.size() && !is_wsp(value[end])) ++end;
    std::string piece(first ? std::string(" ") : std::string(value.substr(at, word - at)));
    piece += value.substr(word, end - word);
    const bool fits = line + piece.size() <= kPreferredLine;
    // The first word stays with the name if that is possible at all: some readers stumble over "Name:" alone.
    if (!fits && !(first && line + piece.size() <= kLongestLine)) {
      out += "\r\n";
      line = 0;
    }
    if (piece.size() > kLongestLine)
      return invalid("a word of header field " + std::string(name) + " is too long");
    out += piece;
    line += piece.size();
    at = end;
    first = false;
  }
  out += "\r\n";
  return out;
}

}  // namespace essaim::mail
