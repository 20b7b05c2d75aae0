// Mail that we write ourselves: always with the null reverse-path and Auto-Submitted, to each person alone, so that
// nothing can answer it and its failure ends in the log. Functions run inside the caller's transaction.
#pragma once

#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/mail/notice.h"
#include "core/smtp/address.h"
#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct NoticePost {
  Id id = 0;
  smtp::Address to;  // or several:
  std::vector<storage::BatchRecipient> recipients{};
  // Or: to all members of `list` at its revision, so many; delivery makes the batches.
  std::size_t members = 0;
  std::string shown_to{};  // in the field To, of several
  const storage::ListRecord* list =
      nullptr;         // it is from the list's owners; null: from the site's postmaster
  std::string from{};  // an address; "": the list's owners, or the postmaster
  std::string subject;
  std::string text;
  std::string_view attachment{};  // a message of its own
  std::string reply_to;           // "" for none
  std::string in_reply_to;        // Message-ID; "" for none
  bool require_tls = false;       // it is about mail with REQUIRETLS (RFC 8689 §6)
  bool expendable = false;        // nobody is told when it comes back
  mail::AutoSubmitted automatic = mail::AutoSubmitted::kReplied;
};

// PostRecord::explanation of one that is expendable.
inline constexpr std::string_view kExpendable = "nobody is told when it comes back";

// Any message of ours, as it is: under its id, with the null reverse-path. `post` has id, list,
// author, Message-ID and subject; the rest is filled here.
Result<void> store_notice(storage::Connection& connection, storage::PostRecord post,
                          const std::string& message, std::vector<storage::BatchRecipient> to, WallTime now,
                          std::int64_t rank);

Result<void> add_notice(const Services& services, storage::Connection& connection, const NoticePost& notice,
                        WallTime now, std::int64_t rank);

// The same in two steps, of a notice that is large and not to members: it is made without the database, and stored later.
struct ReadyNotice {
  storage::PostRecord post;
  std::string message, seven_bit;  // the latter "" where the former is for everybody
  std::vector<storage::BatchRecipient> to;
};
Result<ReadyNotice> make_notice(const Services& services, const NoticePost& notice, WallTime now);
// `staged`: its forms may be there already (staging.h).
Result<void> store_notice(storage::Connection& connection, const ReadyNotice& ready, std::int64_t rank,
                          bool staged);

}  // namespace essaim::lists
