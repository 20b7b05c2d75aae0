// Whom delivery has failed for good within a time, summed up by provider, domain or list and by reply: what an operator asks when
// somebody refuses us. Reads the database only; blocking. A post at a time, in reads that are short each, and no more lines than
// kMostLines are kept, so that it needs little memory however many have failed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/post_store.h"

namespace essaim::smtpd::operate {

enum class FailuresBy { kProvider, kDestination, kList, kReply };

struct FailureSum {
  std::string key;      // provider, domain or list; "" for kReply
  std::string pattern;  // the reply without what differs from one recipient to the next (reason_pattern.h)
  std::int64_t recipients = 0;
  std::int64_t posts = 0;
  std::int64_t again = 0;    // of the recipients: the text of their post is kept, so it can be sent again
  std::int64_t bounces = 0;  // of the recipients: it was said of them, not of us or the message
  std::set<std::string> lists;
  static constexpr std::size_t kMostLists = 20;
  bool more_lists = false;
  WallTime first{}, last{};  // when they failed
  // One of them.
  Id post_id = 0;
  std::string recipient, reply, host;
};

struct FailureSums {
  std::vector<FailureSum> lines;  // most recipients first
  std::int64_t recipients = 0, posts = 0, again = 0;
  // Posts that cannot be read, or not all of them, and why.
  std::vector<std::pair<Id, std::string>> unread;
  static constexpr std::size_t kMostLines =
      5000;  // the rest of a key is summed up in one, and those of other keys, too
};

// `filter.failed` is taken as set: see storage/failure_search.h for what its parts mean then.
Result<FailureSums> sum_up_failures(storage::Database& database, storage::PostFilter filter, FailuresBy by);

// Who runs a host, by its name as far as names tell: "mx1.mail.example.org[192.0.2.1]:25 TLSv1.3" is example.org's. "" without one.
std::string provider_of(std::string_view host);

}  // namespace essaim::smtpd::operate
