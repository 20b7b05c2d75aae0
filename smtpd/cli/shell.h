// What the commands have in common: the tree of nouns and verbs (on CLI11, which only .cc files see), options
// that every command takes, output as text or JSON, and exit codes. One Shell for the run of the program; one
// thread.
#pragma once

#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace CLI {
class App;
}

namespace essaim::smtpd::cli {

enum Exit : int { kOk = 0, kFailed = 1, kUsage = 2 };

class Shell {
 public:
  explicit Shell(CLI::App& root);

  std::string config;  // --config
  bool json = false;   // --json
  // The verb that was chosen tells and changes nothing, so that it makes no database where there is none.
  bool only_tells = false;

  CLI::App* noun(const std::string& name, const std::string& help);
  // `run` is called after parsing, with the options bound by the caller. `examples` are lines of shell.
  CLI::App* verb(CLI::App* noun, const std::string& name, const std::string& help,
                 const std::string& examples, std::function<int()> run);
  CLI::App* verb(const std::string& name, const std::string& help, const std::string& examples,
                 std::function<int()> run);
  CLI::App& root() { return root_; }
  int run_chosen();

  // Says what went wrong, on standard error; gives the exit code for it.
  int fail(const Error& error) const;
  int fail_usage(const std::string& message) const;
  // One line of success: as text, or {"changed":...} like `json_text`.
  int done(const std::string& text, const std::string& json_text) const;

 private:
  void add_globals(CLI::App* app);
  CLI::App& root_;
  std::function<int()> chosen_;
};

// To standard output. What people read is escaped by whoever makes it.
void print(std::string_view text);
void print_line(std::string_view text);
// Writes what of it was gathered. Gives the errno of the first of all these writes that failed, 0 for none.
int flush_output();

// "1h" (ago), "2026-11-22", "2026-11-22 18:52", "2026-11-22T18:52:04Z", "2026-11-22 19:52+01:00".
Result<WallTime> parse_when(const std::string& text, WallTime now);
// As parse_when(), but "1h" lies ahead.
Result<WallTime> parse_until(const std::string& text, WallTime now);
std::string show_time(WallTime time);                          // "2026-11-22 18:52:04", "-" for none
std::string show_age(WallTime time, WallTime now);             // "2h10m", in the past or ahead
std::string for_display(std::string_view text);                // escaped, "-" when empty
std::string plural(std::int64_t n, const std::string& thing);  // "1 member", "2 members", "2 batches"

// For options that say how many: what is wrong with the number, "" if nothing.
std::string wrong_count(const std::string& text);

// That there is more than --limit lets be shown: what is left out would else be taken for what is not there. On standard error
// where the answer is for programs. `which`: "newest".
void tell_of_more(const Shell& shell, const std::string& which, std::size_t shown);

// Columns as wide as they need; the last one is not padded. Cells are escaped.
class Table {
 public:
  explicit Table(std::vector<std::string> heads) : rows_{std::move(heads)} {}
  void add(std::vector<std::string> cells);
  bool empty() const { return rows_.size() == 1; }
  std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace essaim::smtpd::cli
