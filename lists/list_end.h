// A list that is deleted, and those who wait for something there: they are told that they have nothing to do.
#pragma once

#include <cstdint>
#include <string>

#include "lists/service_mail.h"
#include "storage/list_rest.h"
#include "storage/records.h"

namespace essaim::lists {

// What waited on a list that was deleted, as far as it was declined with it.
struct Dropped {
  std::int64_t posts = 0;     // for its moderators, or for their authors' confirmation
  std::int64_t requests = 0;  // for an approval or a confirmation; and invitations
  std::int64_t told = 0;      // people
  bool more = false;          // the job `held` declines the rest, and tells its people
  bool any() const { return posts + requests > 0; }

  Dropped& operator+=(const Dropped& other) {
    posts += other.posts;
    requests += other.requests;
    told += other.told;
    more = more || other.more;
    return *this;
  }
};

// Deletes it, inside the caller's transaction. What waits is declined in the name of `by`, and who waits for the answer of
// others is told so, each once however much of theirs waits, unless `quiet`. Of more than one transaction bears
// (storage::kHeldTogether) the rest is left to finish_end(). kNotFound: it is gone already.
Result<Dropped> end_list(WriteContext& context, const storage::ListRecord& list, const std::string& by,
                         bool quiet);

// Declines the rest, and tells its people but for those who were told before, by one mail to those of a transaction. Blocks; of the
// job `held`. *posted: there is a new post, also when it ends with an error.
Result<void> finish_end(const Services& services, const storage::EndedList& ended, bool* posted);

}  // namespace essaim::lists
