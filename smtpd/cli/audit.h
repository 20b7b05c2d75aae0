// What a command did by requests (lists/requests/request.h) and answers, told to the running server for its log: the shell is
// a door like the others. Where no server runs, nobody is told. Warnings and errors go to standard error meanwhile.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "core/base/log.h"

namespace essaim::smtpd::cli {

class Audit {
 public:
  explicit Audit(std::string admin_socket);
  ~Audit();  // tells
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

 private:
  void take(log::Level level, std::string_view line);

  const std::string admin_socket_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  log::Capture capture_;
};

}  // namespace essaim::smtpd::cli
