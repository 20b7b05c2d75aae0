// What an operator does to the queue, and what became of it. A value.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/id.h"

namespace essaim::smtpd::operate {

enum class QueueAction { kHold, kRelease, kDelete, kRetry };
const char* to_string(QueueAction action);

struct QueueChange {
  std::int64_t posts = 0;       // changed
  std::int64_t recipients = 0;  // of those, who wait and are concerned
  std::int64_t busy =
      0;  // recipients left alone because a node has them in its hands; of a hold: not back yet
  std::int64_t held = 0;     // posts that are deleted as a whole and stay held until that is done
  std::int64_t damaged = 0;  // recipients left alone because it cannot be read who they are
  std::int64_t kept = 0;     // posts that a release leaves held, for something else than an operator's hold
  std::string kept_by;       // what holds the first of these
  std::int64_t failed =
      0;              // posts left as they were, for an error; of a delete of whole posts: they are in `held`
  std::string error;  // the first of these
  std::vector<Id> unknown;           // of the ids that were named: they do not exist (any more)
  std::vector<std::string> refused;  // of the posts that were named: which cannot be sent again, and why
  std::int64_t forgiven = 0;         // bounces that were taken back
};

std::string to_json(const QueueChange& change);  // the answer of the server, and of --json

}  // namespace essaim::smtpd::operate
