// What a command did by requests (lists/requests/request.h) and answers, and to accounts, keys, suspensions, nodes, people and the text of posts, told
// to the running server for its log: the shell is a door like the others. It is told as it is done, by a thread of its own,
// so that a command that is interrupted leaves a trace of what it had done. Where no server runs, nobody is told. Warnings
// and errors go to standard error meanwhile. Lines come from any thread.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "core/base/log.h"
#include "core/base/result.h"

namespace essaim::smtpd::cli {

class Audit {
 public:
  explicit Audit(std::string admin_socket);
  ~Audit();  // tells the rest
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

 private:
  void take(log::Level level, std::string_view line);
  void tell();
  Result<std::string> note(const std::string& lines) const;

  const std::string admin_socket_;
  std::mutex mutex_;
  std::condition_variable more_;
  std::deque<std::string> lines_;
  bool ending_ = false;
  std::thread teller_;  // from the first line on
  log::Capture capture_;
};

}  // namespace essaim::smtpd::cli
