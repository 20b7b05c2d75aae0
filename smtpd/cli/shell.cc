#include "smtpd/cli/shell.h"

#include <cerrno>

#include <CLI/CLI.hpp>
#include <time.h>

#include "core/base/json.h"
#include "core/base/text.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::cli {

Shell::Shell(CLI::App& root) : config(kDefaultConfigFile), root_(root) {
  root_.require_subcommand(1);
  add_globals(&root_);
}

void Shell::add_globals(CLI::App* app) {
  app->add_option("--config", config, "configuration file (default " + std::string(kDefaultConfigFile) + ")")
      ->type_name("FILE");
  app->add_flag("--json", json, "machine-readable output");
}

CLI::App* Shell::noun(const std::string& name, const std::string& help) {
  CLI::App* app = root_.add_subcommand(name, help);
  app->require_subcommand(1);
  add_globals(app);
  return app;
}

// One example of each verb also stands at its noun.
namespace {
bool only_tells_by(const std::string& verb) {
  for (const char* one :
       {"bouncing", "check", "doctor", "explain", "export", "find", "left", "list", "show", "trace", "why"}) {
    if (verb == one) return true;
  }
  return false;
}
}  // namespace

CLI::App* Shell::verb(CLI::App* noun, const std::string& name, const std::string& help,
                      const std::string& examples, std::function<int()> run) {
  CLI::App* app = noun->add_subcommand(name, help);
  add_globals(app);
  app->footer("Examples:\n" + examples);
  const std::string before = noun->get_footer();
  if (noun != &root_)
    noun->footer(
        (before.empty() ? "Examples (more with essaim " + noun->get_name() + " VERB --help):" : before) +
        "\n" + examples.substr(0, examples.find('\n')));
  const bool tells = only_tells_by(name);
  app->callback([this, tells, run = std::move(run)] {
    chosen_ = run;
    only_tells = tells;
  });
  return app;
}

CLI::App* Shell::verb(const std::string& name, const std::string& help, const std::string& examples,
                      std::function<int()> run) {
  return verb(&root_, name, help, examples, std::move(run));
}

int Shell::run_chosen() {
  return chosen_ ? chosen_() : static_cast<int>(kUsage);
}

int Shell::fail(const Error& error) const {
  const bool usage = error.code == ErrorCode::kInvalid;
  if (json) {
    Json out;
    out["error"] = error.message;
    out["code"] = to_string(error.code);
    std::fprintf(stderr, "%s\n", json_text(out).c_str());
  } else {
    for (std::string_view line : split(error.message, '\n'))
      std::fprintf(stderr, "essaim: %s\n", escaped_for_display(line).c_str());
  }
  return usage ? kUsage : kFailed;
}

int Shell::fail_usage(const std::string& message) const {
  return fail(Error{ErrorCode::kInvalid, message});
}

int Shell::done(const std::string& text, const std::string& json_text) const {
  print_line(json ? json_text : text);
  return kOk;
}

namespace {
int output_error = 0;  // stdio only knows that there was one
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error == 0)
    output_error = errno;
}

int flush_output() {
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
  return output_error;
}

void print_line(std::string_view text) {
  print(text);
  print("\n");
}

namespace {

// "2026-11-22", "2026-11-22 18:52", "2026-11-22T18:52:04Z", with a space or T; UTC, or behind an offset ("+01:00") the time
// there, as people and their mail programs tell it.
bool parse_date(const std::string& text, WallTime* out) {
  for (const char* format :
       {"%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M%z", "%Y-%m-%d %H:%M%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z"}) {
    tm parts{};
    const char* end = strptime(text.c_str(), format, &parts);
    if (end == nullptr || *end != '\0') continue;
    const long offset = parts.tm_gmtoff;  // timegm() sets it to 0
    *out = from_millis((static_cast<std::int64_t>(timegm(&parts)) - offset) * 1000);
    return true;
  }
  return false;
}

Result<WallTime> parse_time(const std::string& text, WallTime now, int direction) {
  Duration duration{};
  WallTime when{};
  if (parse_duration(text, &duration))
    return now + direction * std::chrono::duration_cast<std::chrono::milliseconds>(duration);
  if (parse_date(text, &when)) return when;
  return Error{ErrorCode::kInvalid, "\"" + text +
                                        "\" is neither a time span (90s, 15m, 4h, 5d) nor a time in UTC "
                                        "(2026-11-22, 2026-11-22T18:52:04Z, \"2026-11-22 18:52\"), or with "
                                        "its zone (2026-11-22T19:52+01:00)"};
}

}  // namespace

Result<WallTime> parse_when(const std::string& text, WallTime now) {
  return parse_time(text, now, -1);
}
Result<WallTime> parse_until(const std::string& text, WallTime now) {
  return parse_time(text, now, 1);
}

std::string show_time(WallTime time) {
  if (time == WallTime{}) return "-";
  std::string text = format_iso8601(time).substr(0, 19);
  text[10] = ' ';
  return text;
}

std::string show_age(WallTime time, WallTime now) {
  if (time == WallTime{}) return "-";
  auto age = time < now ? now - time : time - now;
  auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age);
  if (seconds > std::chrono::minutes(10)) seconds -= seconds % std::chrono::seconds(60);
  if (seconds > std::chrono::hours(48)) seconds -= seconds % std::chrono::hours(1);
  return format_duration(seconds);
}

std::string for_display(std::string_view text) {
  return text.empty() ? "-" : escaped_for_display(text);
}

std::string plural(std::int64_t n, const std::string& thing) {
  const char* const ending = thing.ends_with("ch") ? "es" : "s";
  return std::to_string(n) + " " + thing + (n == 1 ? "" : ending);
}

std::string wrong_count(const std::string& text) {
  constexpr std::uint64_t kMost = 1'000'000'000;
  const auto number = parse_u64(text);
  if (number && *number > 0 && *number <= kMost) return "";
  return "\"" + text + "\" is not a number from 1 to " + std::to_string(kMost);
}

void tell_of_more(const Shell& shell, const std::string& which, std::size_t shown) {
  const std::string text =
      "these are the " + which + " " + std::to_string(shown) + "; there are more, which --limit shows";
  if (shell.json)
    std::fprintf(stderr, "essaim: %s\n", text.c_str());
  else
    print_line(text);
}

void Table::add(std::vector<std::string> cells) {
  for (std::string& cell : cells) cell = for_display(cell);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  const auto width = [](const std::string& cell) {  // characters, not octets
    std::size_t n = 0;
    for (const char c : cell) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80 ? 1 : 0;
    return n;
  };
  std::vector<std::size_t> widths(rows_[0].size(), 0);
  for (const auto& row : rows_)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  std::string out;
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

}  // namespace essaim::smtpd::cli
