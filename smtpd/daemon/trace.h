// A trace that somebody watches: lines of dialogues in the transcript format of the tests, "C: " and "S: ",
// with a line
// "# peer" wherever another connection begins to speak. Thread-safe.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "smtpd/admin/server.h"

namespace essaim::smtpd {

class Trace {
 public:
  Trace(std::string peer, std::shared_ptr<admin::Responder> watcher)
      : peer_(std::move(peer)), watcher_(std::move(watcher)) {}
  const std::string& peer() const { return peer_; }
  void line(const std::string& connection, char direction, std::string_view text) {
    const std::lock_guard lock(mutex_);
    if (connection != last_) {
      last_ = connection;
      watcher_->line("# " + connection);
    }
    watcher_->line(std::string(1, direction) + ": " + std::string(text));
  }

 private:
  const std::string peer_;  // address of the clients that are watched
  const std::shared_ptr<admin::Responder> watcher_;
  std::mutex mutex_;
  std::string last_;
};

// Immutable; shared by the loops.
using Traces = std::shared_ptr<const std::vector<std::shared_ptr<Trace>>>;

}  // namespace essaim::smtpd
