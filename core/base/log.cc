#include "core/base/log.h"

#include <mutex>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "core/base/text.h"

namespace essaim::log {
namespace {

struct State {
  std::atomic<Level> level{Level::kInfo};
  std::atomic<bool> json{false};
  std::shared_ptr<spdlog::logger> logger;
  std::mutex capture_mutex;
  Capture::Sink capture;
  std::atomic<bool> captured{false};

  State() {
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger = std::make_shared<spdlog::logger>("essaim", sink);
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);
  }
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

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  return value.find_first_of(" \"=\\") != std::string_view::npos;
}

void append_value(std::string_view value, std::string* out) {
  std::string shown = escaped_for_display(value);
  if (!needs_quotes(shown)) {
    *out += shown;
    return;
  }
  out->push_back('"');
  for (char c : shown) {
    if (c == '"') out->push_back('\\');
    out->push_back(c);
  }
  out->push_back('"');
}

std::string text_line(Level level, std::string_view event, const Field* fields, std::size_t count) {
  std::string line = format_iso8601(system_clock().wall_now());
  line += ' ';
  if (level != Level::kInfo) {
    line += level_name(level);
    line += ' ';
  }
  line += event;
  for (std::size_t i = 0; i < count; ++i) {
    line += ' ';
    line += fields[i].name;
    line += '=';
    append_value(fields[i].value, &line);
  }
  return line;
}

std::string json_line(Level level, std::string_view event, const Field* fields, std::size_t count) {
  nlohmann::ordered_json object;
  object["time"] = format_iso8601(system_clock().wall_now());
  object["level"] = level_name(level);
  object["event"] = std::string(event);
  for (std::size_t i = 0; i < count; ++i)
    object[std::string(fields[i].name)] = escaped_for_display(fields[i].value);
  return object.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Field::Field(std::string_view n, Duration v)
    : name(n), value(fmt::format("{:.3f}", std::chrono::duration<double>(v).count())) {}

void configure(const Options& options) {
  state().level = options.level;
  state().json = options.format == Format::kJson;
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
  std::string line = s.json.load(std::memory_order_relaxed) ? json_line(level, event, fields, count)
                                                            : text_line(level, event, fields, count);
  if (s.captured.load(std::memory_order_acquire)) {
    std::lock_guard lock(s.capture_mutex);
    if (s.capture) {
      s.capture(level, line);
      return;
    }
  }
  s.logger->log(spdlog::level::info, line);
}

void flush() {
  state().logger->flush();
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
  *count = count_.exchange(0);
  return *count > 0;
}

}  // namespace essaim::log
