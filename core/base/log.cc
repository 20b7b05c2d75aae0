#include "core/base/log.h"

#include <array>
#include <charconv>
#include <mutex>

#include "core/base/log_output.h"
#include "core/base/log_repeats.h"
#include "core/base/text.h"

namespace essaim::log {
namespace {

struct State {
  std::atomic<Level> level{Level::kInfo};
  std::atomic<bool> json{false};
  std::mutex capture_mutex;
  Capture::Sink capture;
  std::atomic<bool> captured{false};
  Repeats repeats;
};

State& state() {
  static State* s = new State;  // outlives every thread that may still log at exit
  return *s;
}

const char* level_name(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warning";
    case Level::kError:
      return "error";
  }
  return "error";
}

// What a value is made of, so that nearly all are copied after one look.
enum Class : unsigned char { kPlain = 0, kQuoted = 1, kSlow = 2 };

constexpr std::array<unsigned char, 256> classes() {
  std::array<unsigned char, 256> table{};
  for (std::size_t c = 0; c < table.size(); ++c) table[c] = c < 0x20 || c >= 0x7f ? kSlow : kPlain;
  for (const char c : {' ', '=', '\\'}) table[static_cast<unsigned char>(c)] = kQuoted;
  table['"'] = kSlow;
  return table;
}
constexpr auto kClasses = classes();
constexpr std::size_t kShown = 1024;  // octets of a value; the default limit of escaped_for_display()

unsigned class_of(std::string_view value) {
  unsigned all = value.empty() ? kQuoted : value.size() > kShown ? kSlow : kPlain;
  for (const char c : value) all |= kClasses[static_cast<unsigned char>(c)];
  return all;
}

void append_quoted(std::string_view shown, bool json, std::string* out) {
  out->push_back('"');
  for (const char c : shown) {
    if (c == '"' || (json && c == '\\')) out->push_back('\\');
    out->push_back(c);
  }
  out->push_back('"');
}

void append_value(std::string_view value, bool json, std::string* out) {
  const unsigned all = class_of(value);
  if (all == kPlain && !json) {
    out->append(value);
  } else if ((all & kSlow) == 0 && !json) {
    out->append(1, '"').append(value).append(1, '"');
  } else if (all == kPlain) {
    out->append(1, '"').append(value).append(1, '"');
  } else {
    const std::string shown = escaped_for_display(value, kShown);
    // What was only escaped may need no quotation.
    if (json || (class_of(shown) & kQuoted) != 0 || shown.find('"') != std::string::npos)
      append_quoted(shown, json, out);
    else
      out->append(shown);
  }
}

// The text of a second is made once.
void append_now(std::string* out) {
  thread_local std::int64_t second = -1;
  thread_local std::string text;
  const std::int64_t now = to_millis(system_clock().wall_now());
  if (now / 1000 != second || text.empty()) {
    second = now / 1000;
    text = format_iso8601(from_millis(second * 1000));
  }
  const int millis = static_cast<int>(now % 1000);
  out->append(text, 0, text.size() - 4);
  out->push_back(static_cast<char>('0' + millis / 100));
  out->push_back(static_cast<char>('0' + millis / 10 % 10));
  out->push_back(static_cast<char>('0' + millis % 10));
  out->push_back('Z');
}

}  // namespace

void append_seconds(Duration time, std::string* out) {
  std::int64_t millis = std::chrono::round<std::chrono::milliseconds>(time).count();
  if (millis < 0) {
    out->push_back('-');
    millis = -millis;
  }
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, millis / 1000).ptr;
  out->append(digits, end).push_back('.');
  out->push_back(static_cast<char>('0' + millis / 100 % 10));
  out->push_back(static_cast<char>('0' + millis / 10 % 10));
  out->push_back(static_cast<char>('0' + millis % 10));
}

Field::Field(std::string_view n, Duration v) : name(n) {
  append_seconds(v, &value);
}

Line::Line(Level level, std::string_view event)
    : level_(level), json_(state().json.load(std::memory_order_relaxed)) {
  text_.reserve(384);
  if (json_) text_ += "{\"time\":\"";
  append_now(&text_);
  if (json_) {
    text_.append("\",\"level\":\"")
        .append(level_name(level))
        .append("\",\"event\":\"")
        .append(event)
        .append("\"");
    return;
  }
  text_ += ' ';
  if (level != Level::kInfo) text_.append(level_name(level)).append(1, ' ');
  text_.append(event);
}

Line& Line::add(std::string_view name, std::string_view value) {
  if (json_)
    text_.append(",\"").append(name).append("\":");
  else
    text_.append(1, ' ').append(name).append(1, '=');
  append_value(value, json_, &text_);
  return *this;
}

void Line::write() {
  State& s = state();
  if (level_ < s.level.load(std::memory_order_relaxed)) return;
  if (json_) text_.push_back('}');
  if (s.captured.load(std::memory_order_acquire)) {
    std::lock_guard lock(s.capture_mutex);
    if (s.capture) {
      s.capture(level_, text_);
      return;
    }
  }
  text_.push_back('\n');
  output(text_, level_ >= Level::kWarning);
}

void configure(const Options& options) {
  state().level = options.level;
  state().json = options.format == Format::kJson;
  state().repeats.set_limit(options.repeats);
}

std::optional<Level> level_named(std::string_view name) {
  for (const Level one : {Level::kDebug, Level::kInfo, Level::kWarning, Level::kError})
    if (name == level_name(one)) return one;
  return std::nullopt;
}

void set_level(Level level) {
  state().level = level;
}
Level level() {
  return state().level.load(std::memory_order_relaxed);
}

void write(Level level, std::string_view event, const Field* fields, std::size_t count) {
  State& s = state();
  if (level < s.level.load(std::memory_order_relaxed)) return;
  if (!s.repeats.passes(level, event, fields, count)) return;
  Line line(level, event);
  for (std::size_t i = 0; i < count; ++i) line.add(fields[i].name, fields[i].value);
  line.write();
}

void flush() {
  state().repeats.tell(true);
  flush_output();
}

Gather::Gather() {
  begin_gathering();
}
Gather::~Gather() {
  end_gathering();
}
void Gather::flush() {
  state().repeats.tell(false);
  flush_gathered();
}

Capture::Capture(Sink sink) {
  std::lock_guard lock(state().capture_mutex);
  state().capture = std::move(sink);
  state().captured = true;
}

Capture::~Capture() {
  std::lock_guard lock(state().capture_mutex);
  state().capture = nullptr;
  state().captured = false;
}

bool Once::again() {
  return count_.fetch_add(1) == 0;
}

bool Once::over(std::uint64_t* count) {
  const std::uint64_t failures = count_.exchange(0);
  if (count != nullptr) *count = failures;
  return failures > 0;
}

}  // namespace essaim::log
