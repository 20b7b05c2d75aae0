#include "smtpd/cli/audit.h"

#include <cstdio>

#include "smtpd/admin/client.h"

namespace essaim::smtpd::cli {
namespace {

constexpr std::size_t kMostLines = 500;
constexpr Duration kPatience = std::chrono::seconds(5);

// "2026-11-22T18:52:04.123Z request verb=add ..." without its time; nothing: it is none of those that are told.
std::string_view told(std::string_view line) {
  line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
  for (const std::string_view event : {"request ", "answered ", "released ", "held "}) {
    if (line.starts_with(event)) return line;
  }
  return {};
}

}  // namespace

Audit::Audit(std::string admin_socket)
    : admin_socket_(std::move(admin_socket)),
      capture_([this](log::Level level, std::string_view line) { take(level, line); }) {
  log::set_level(log::Level::kInfo);
}

Audit::~Audit() {
  log::set_level(log::Level::kWarning);
  std::string all;
  {
    const std::lock_guard lock(mutex_);
    for (const std::string& line : lines_) all += line + "\n";
  }
  if (all.empty()) return;
  // Whether it is heard is not the operator's trouble: what was to be done is done.
  static_cast<void>(admin::call(admin_socket_, {"noted", {{"lines", all}}}, kPatience));
}

void Audit::take(log::Level level, std::string_view line) {
  if (level >= log::Level::kWarning) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    return;
  }
  const std::string_view kept = told(line);
  if (kept.empty()) return;
  const std::lock_guard lock(mutex_);
  if (lines_.size() < kMostLines) lines_.emplace_back(kept);
}

}  // namespace essaim::smtpd::cli
