// The state directory, with what must be in it, locked for one server; and so is the database's file, if it is one: a server
// with another state directory, and maybe another name for the file, would take what this one sends for left behind, and send it
// again. The locks go with the object (and the process).
#pragma once

#include <memory>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

class StateDirectory {
 public:
  // Makes what is missing, for the server's user when we are root. kExists: another server uses one of them.
  static Result<std::unique_ptr<StateDirectory>> open(const Settings& settings);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  // When the last server began that worked from here, as it noted; 0: nobody knows. What cannot be noted is a warning in the
  // log: the next one then waits until nobody beats under its name.
  WallTime last_start() const;
  void note_start(WallTime now) const;

 private:
  explicit StateDirectory(const std::string& path) : last_start_(path + "/last-start") {}
  const std::string last_start_;
  int state_ = -1, database_ = -1;
};

// As many descriptors as we may have. Says so when that is little.
void raise_descriptor_limit(int connections);

}  // namespace essaim::smtpd
