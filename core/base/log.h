// The log: one line per event, `event key=value ...` as text or one JSON object, on standard error. Values are
// escaped, so a peer cannot forge a line. Every line about a message bears `id` (the queue id). Thread-safe;
// never blocks on the network.
//
// Lines of an event loop are gathered and written once per turn, before anything of that turn is sent, and those of the
// database's writer once behind each commit, before anybody hears of what was accepted; so what a peer or an operator was
// told is in the log. Warnings and errors are written at once. What a kill -9 can take is the lines of the turn, or the commit, that
// it interrupts.
//
//   log::info("delivered", {{"id", post}, {"to", address}, {"relay", host}, {"reply", text}});
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"

namespace essaim::log {

enum class Level { kDebug, kInfo, kWarning, kError };
enum class Format { kText, kJson };
std::optional<Level> level_named(std::string_view name);  // "debug", "info", "warning", "error"

struct Field {
  std::string_view name;
  std::string value;
  Field(std::string_view n, std::string v) : name(n), value(std::move(v)) {}
  Field(std::string_view n, std::string_view v) : name(n), value(v) {}
  Field(std::string_view n, const char* v) : name(n), value(v) {}
  Field(std::string_view n, std::int64_t v) : name(n), value(std::to_string(v)) {}
  Field(std::string_view n, std::uint64_t v) : name(n), value(std::to_string(v)) {}
  Field(std::string_view n, int v) : name(n), value(std::to_string(v)) {}
  Field(std::string_view n, unsigned v) : name(n), value(std::to_string(v)) {}
  Field(std::string_view n, bool v) : name(n), value(v ? "yes" : "no") {}
  Field(std::string_view n, Duration v);  // seconds with milliseconds: 0.012
};
using Fields = std::initializer_list<Field>;

struct Options {
  Format format = Format::kText;
  Level level = Level::kInfo;
  // How often events of the table in log_repeats.cc (nothing of a message) with the same key are written in a
  // minute; the others are counted and the sum is written at its end. 0: all.
  std::uint64_t repeats = 0;
};
void configure(const Options& options);
void set_level(Level level);  // any time
Level level();

void write(Level level, std::string_view event, const Field* fields, std::size_t count);
inline void debug(std::string_view event, Fields f = {}) {
  if (level() <= Level::kDebug) write(Level::kDebug, event, f.begin(), f.size());
}
inline void info(std::string_view event, Fields f = {}) {
  write(Level::kInfo, event, f.begin(), f.size());
}
inline void warning(std::string_view event, Fields f = {}) {
  write(Level::kWarning, event, f.begin(), f.size());
}
inline void error(std::string_view event, Fields f = {}) {
  write(Level::kError, event, f.begin(), f.size());
}

// Writes what is gathered, of all threads; before exit.
void flush();

// A line built in place, for events of which there are thousands in a second.
class Line {
 public:
  Line(Level level, std::string_view event);
  Line& add(std::string_view name, std::string_view value);
  void write();  // once, at the end

 private:
  const Level level_;
  const bool json_;
  std::string text_;
};

// Seconds with milliseconds, as fields of time are written.
void append_seconds(Duration time, std::string* out);

// While it lives, the lines of the thread that made it wait for flush(); one per thread. Of the event loop and
// the database's writer.
class Gather {
 public:
  Gather();
  ~Gather();
  Gather(const Gather&) = delete;
  Gather& operator=(const Gather&) = delete;
  void flush();
};

// For tests: gets every line instead of standard error until it is destroyed. One at a time.
class Capture {
 public:
  using Sink = std::function<void(Level, std::string_view line)>;
  explicit Capture(Sink sink);
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
};

// Says the first of a run of equal events and the end of the run, nothing in between. `key` names the trouble
// ("database"); the owner calls again() on every failure and over() on every success. Thread-safe.
class Once {
 public:
  // True when this failure is the first since over().
  bool again();
  // True when there was a run; *count gets its length.
  bool over(std::uint64_t* count = nullptr);

 private:
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace essaim::log
