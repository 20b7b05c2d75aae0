// Failures and whom they are told to: of members, recorded on the member; of owners and postmaster, the log
// and a notice to the postmaster; of our own notices, the log only, so that nothing ever goes round (but who was to decide about
// a message that their server does not want is asked without it). What a
// message itself is to blame for is no bounce of the member: it stays in the ledger and the log.
//
// Functions run inside the caller's transaction on a database thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/smtp/address.h"
#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

// A recipient that failed for good at delivery; no DSN has to be parsed for it.
struct DeliveryFailure {
  const storage::PostRecord* post = nullptr;
  Id member_id = 0;
  smtp::Address address;
  std::string reply;  // "550 5.1.1 no such user"; of the peer or our own words
  std::string host;
  bool about_message = false;  // nothing against the recipient: it takes other mail
  bool unclear = false;        // something came back that says nothing we can read: nothing is counted
};

struct RecordedFailures {
  int members = 0;       // bounces counted on members
  int notices = 0;       // posts of ours added: ring the bell after the commit
  bool reports = false;  // there may be reports to make (reports.h): after the commit
};
Result<RecordedFailures> record_failures(const Services& services, storage::Connection& connection,
                                         const std::vector<DeliveryFailure>& failures);

// Takes back the bounce that such a failure was counted as: it was not the member's. False: it was none, or the member has none any more.
Result<bool> forgive_failure(storage::Connection& connection, const DeliveryFailure& failure);

// The revision of its list that a post's copies are of, as MemberStore::record_bounce() takes it.
std::int64_t bounce_revision(const storage::PostRecord& post);

}  // namespace essaim::lists
