// Which posts an operator means, as the command line and the admin socket name them. Blocking.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {

// Those named, or those that the filter finds among what waits.
struct QueueSelection {
  std::vector<Id> ids;
  storage::PostFilter filter;

  bool empty() const;  // would mean everything
  // For the admin socket.
  std::map<std::string, std::string> to_arguments() const;
  static Result<QueueSelection> from_arguments(const std::map<std::string, std::string>& arguments);
};

// The unfinished posts of the selection, oldest first. kNotFound names an id that does not exist.
Result<std::vector<Id>> select_posts(storage::Database& database, const QueueSelection& selection);

}  // namespace essaim::smtpd::operate
