// A list that is deleted, and those who wait for something there: they were told that they have nothing to do. Runs inside
// the caller's transaction.
#pragma once

#include <cstdint>
#include <string>

#include "lists/service_mail.h"
#include "storage/records.h"

namespace essaim::lists {

// What waited on a list that was deleted.
struct Dropped {
  std::int64_t posts = 0;     // for its moderators, or for their authors' confirmation
  std::int64_t requests = 0;  // for an approval or a confirmation; and invitations
  std::int64_t told = 0;      // people

  Dropped& operator+=(const Dropped& other) {
    posts += other.posts;
    requests += other.requests;
    told += other.told;
    return *this;
  }
};

// Deletes it. What waits is declined in the name of `by`, and who waits for the answer of others is told so, each once
// however much of theirs waits, unless `quiet`: one mail to all of them, so that ten thousand posts are no ten thousand mails
// in one transaction. kNotFound: it is gone already.
Result<Dropped> end_list(WriteContext& context, const storage::ListRecord& list, const std::string& by,
                         bool quiet);

}  // namespace essaim::lists
