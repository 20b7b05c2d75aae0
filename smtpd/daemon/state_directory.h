// The state directory, with what must be in it, locked for one server. The lock goes with the object (and the
// process).
#pragma once

#include <memory>

#include "core/base/result.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

class StateDirectory {
 public:
  // Makes what is missing, for the server's user when we are root. kExists: another server uses it.
  static Result<std::unique_ptr<StateDirectory>> open(const Settings& settings);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

 private:
  explicit StateDirectory(int fd) : fd_(fd) {}
  const int fd_;
};

// As many descriptors as we may have. Says so when that is little.
void raise_descriptor_limit(int connections);

}  // namespace essaim::smtpd
