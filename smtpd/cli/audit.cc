#include "smtpd/cli/audit.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/base/executor.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {
namespace {

// Of what is told at once: escaped it has room in admin::kMaxRequest.
constexpr std::size_t kMostLines = 100, kMostOctets = 64 * 1024;
constexpr Duration kPatience = std::chrono::seconds(5);

// "2026-11-22T18:52:04.123Z request verb=add ..." without its time; nothing: it is none of those that are told.
std::string_view told(std::string_view line) {
  line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
  for (const std::string_view event :
       {"request ", "answered ", "released ", "held ", "account ", "dkim-key ", "dkim-key-active ",
        "leave-key ", "suspended ", "resumed ", "node ", "person ", "post-text ", "waiting-dropped "}) {
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
  std::thread teller;
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    teller = std::move(teller_);
  }
  more_.notify_all();
  if (teller.joinable()) teller.join();
}

void Audit::take(log::Level level, std::string_view line) {
  if (level >= log::Level::kWarning) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(line.size()), line.data());
    return;
  }
  const std::string_view kept = told(line);
  if (kept.empty()) return;
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  lines_.emplace_back(kept);
  if (!teller_.joinable()) teller_ = std::thread([this] { tell(); });
  more_.notify_one();
}

Result<std::string> Audit::note(const std::string& lines) const {
  return admin::call(admin_socket_, {"noted", {{"lines", lines}}}, kPatience);
}

// Whether it is heard is not the operator's trouble: what was to be done is done. But the log says that something is missing.
void Audit::tell() {
  name_this_thread("audit");
  std::size_t untold = 0;
  bool hangs = false;  // the server does, and is not waited for again
  std::unique_lock lock(mutex_);
  for (;;) {
    more_.wait(lock, [this] { return ending_ || !lines_.empty(); });
    if (lines_.empty()) break;
    std::string piece;
    std::size_t count = 0;
    while (!lines_.empty() && count < kMostLines && (count == 0 || piece.size() < kMostOctets)) {
      piece += lines_.front() + "\n";
      lines_.pop_front();
      ++count;
    }
    lock.unlock();
    if (hangs) {
      untold += count;
    } else if (const auto noted = note(piece); !noted.ok()) {
      untold += count;
      hangs = noted.error().code == ErrorCode::kTemporary;
    }
    lock.lock();
  }
  lock.unlock();
  if (untold > 0)
    static_cast<void>(note("and " + plural(static_cast<std::int64_t>(untold), "line") +
                           " more, which could not be told\n"));
}

}  // namespace essaim::smtpd::cli
