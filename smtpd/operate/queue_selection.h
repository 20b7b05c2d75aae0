// Which posts an operator means, as the command line and the admin socket name them. Blocking.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
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

// The posts that the selection names, or the unfinished ones that its filter finds; oldest first. Ids that do not exist, once
// each, go to `unknown`; kNotFound names them when there is no other.
Result<std::vector<Id>> select_posts(storage::Database& database, const QueueSelection& selection,
                                     std::vector<Id>* unknown);

// Of these posts, which are in order, the batches that wait and that the filter finds: post and number, in order. In reads that are
// short each, and nothing is kept of a batch but its name: there may be a million.
Result<std::vector<std::pair<Id, int>>> select_batches(storage::Database& database,
                                                       const storage::PostFilter& filter,
                                                       std::span<const Id> posts);

}  // namespace essaim::smtpd::operate
