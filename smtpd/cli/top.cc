// essaim top: what comes in, goes out and waits, as it happens.
#include <csignal>
#include <optional>
#include <thread>

#include <CLI/CLI.hpp>

#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/top_terminal.h"
#include "smtpd/cli/top_view.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::cli {
namespace {

constexpr Duration kPatience = std::chrono::seconds(5);

class Source {
 public:
  explicit Source(std::string socket) : socket_(std::move(socket)) {}

  // With rates since the call before.
  Result<std::string> next() {
    auto now = admin::call(socket_, {"top", {}}, kPatience);
    if (!now.ok()) return now;
    const MonoTime at = system_clock().mono_now();
    const double seconds = std::chrono::duration<double>(at - at_).count();
    auto out = with_rates(*now, before_, seconds);
    before_ = *std::move(now);
    at_ = at;
    return out;
  }

 private:
  const std::string socket_;
  std::string before_;
  MonoTime at_{};
};

int once(const Shell& shell, Source& source, Duration interval) {
  auto first = source.next();
  if (!first.ok()) return shell.fail(first.error());
  std::this_thread::sleep_for(interval);
  auto second = source.next();
  if (!second.ok()) return shell.fail(second.error());
  if (shell.json) {
    print_line(*second);
    return kOk;
  }
  for (const std::string& line : render_top(*second, 0, 0)) print_line(line);
  return kOk;
}

// To a pipe or a file, until nobody reads it.
int stream(const Shell& shell, Source& source, Duration interval) {
  for (;;) {
    auto snapshot = source.next();
    if (!snapshot.ok()) return shell.fail(snapshot.error());
    if (shell.json) {
      print_line(*snapshot);
    } else {
      for (const std::string& line : render_top(*snapshot, 0, 0)) print_line(line);
      print_line("");
    }
    if (flush_output() != 0) return kOk;
    std::this_thread::sleep_for(interval);
  }
}

int live(const Shell& shell, Source& source, Duration interval) {
  auto snapshot = source.next();
  if (!snapshot.ok()) return shell.fail(snapshot.error());
  std::optional<Error> failure;
  {
    TopTerminal terminal;
    bool paused = false;
    MonoTime due = system_clock().mono_now() + interval;
    for (;;) {
      std::vector<std::string> lines =
          render_top(*snapshot, terminal.columns(), std::max(1, terminal.rows() - 1));
      lines.resize(static_cast<std::size_t>(std::max(1, terminal.rows() - 1)));
      const std::string keys = paused ? "paused - p goes on, q ends" : "q ends, p pauses";
      lines.push_back(keys.substr(0, static_cast<std::size_t>(terminal.columns())));
      if (terminal.rows() < 2) lines.pop_back();
      if (!terminal.draw(lines)) break;
      char key = 0;
      const Duration left = due - system_clock().mono_now();
      const auto event =
          terminal.wait(paused ? Duration(std::chrono::hours(1)) : std::max(Duration::zero(), left), &key);
      if (event == TopTerminal::Event::kEnd ||
          (event == TopTerminal::Event::kKey && (key == 'q' || key == 'Q')))
        break;
      if (event == TopTerminal::Event::kKey && key == 'p') paused = !paused;
      if (paused || system_clock().mono_now() < due) continue;
      auto next = source.next();
      if (!next.ok()) {
        failure = next.error();
        break;
      }
      snapshot = std::move(next);
      due = system_clock().mono_now() + interval;
    }
  }
  return failure ? shell.fail(*failure) : static_cast<int>(kOk);
}

}  // namespace

void add_top(Shell& shell) {
  auto only_once = std::make_shared<bool>(false);
  auto interval = std::make_shared<std::string>("1s");
  CLI::App* verb = shell.verb(
      "top", "what comes in, goes out and waits, as it happens; keys: q ends, p pauses",
      "  essaim top\n  essaim top --once\n  essaim top --json --interval 10s", [&shell, only_once, interval] {
        Duration every{};
        if (!parse_duration(*interval, &every) || every < std::chrono::milliseconds(100) ||
            every > std::chrono::hours(1))
          return shell.fail_usage("--interval: \"" + *interval + "\" is not a time between 100ms and 1h");
        auto loaded = load_settings(shell.config);
        if (!loaded.ok()) return shell.fail(Error{ErrorCode::kInvalid, loaded.error().message});
        Source source(loaded->settings.admin_socket());
        if (*only_once) return once(shell, source, every);
        if (shell.json || !TopTerminal::usable()) return stream(shell, source, every);
        return live(shell, source, every);
      });
  verb->add_flag("--once", *only_once, "print it once, as plain text or JSON, with rates over the interval");
  verb->add_option("--interval", *interval, "how often (1s)")->type_name("SPAN");
}

}  // namespace essaim::smtpd::cli
