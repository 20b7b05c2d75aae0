// Which posts an operator means, as the command line and the admin socket name them. Blocking.
#pragma once

#include <map>
#include <set>
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
  // Of posts that are named, by id: they alone are meant there. For a delete.
  std::map<Id, std::vector<std::string>> recipients{};

  bool empty() const;           // would mean everything
  bool of_whole_posts() const;  // all recipients that wait
  // For the admin socket.
  std::map<std::string, std::string> to_arguments() const;
  static Result<QueueSelection> from_arguments(const std::map<std::string, std::string>& arguments);
};

// Posts on a damaged page of a file, or with batches that are: nobody knows whether they are meant.
struct Unread {
  std::set<Id> posts;
  std::string why;  // of the first that was met, with its id
  void add(Id id, const std::string& error);
};

// The posts that the selection names, by whatever id they had (post_named.h), or the unfinished ones that its filter finds; oldest first.
// Ids that do not exist, once each, go to `unknown`; kNotFound names them when there is no other. What cannot be read goes to `unread` alone.
Result<std::vector<Id>> select_posts(storage::Database& database, const QueueSelection& selection,
                                     std::vector<Id>* unknown, Unread* unread);

// Of these posts, which are in order, the batches that wait and that the filter finds: post and number, in order. In reads that are
// short each, and nothing is kept of a batch but its name: there may be a million. Posts with batches that cannot be read go to
// `unread`, with those of their batches that the filter finds.
Result<std::vector<std::pair<Id, int>>> select_batches(storage::Database& database,
                                                       const storage::PostFilter& filter,
                                                       std::span<const Id> posts, Unread* unread);

}  // namespace essaim::smtpd::operate
