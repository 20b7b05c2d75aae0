// What senders are told about their mail (RFC 3464, as RFC 3461 §5.2 asks): composed here, for an address as the
// sender named it. Nothing that only stands behind that address is shown: neither the people nor what their
// servers said, which often names them (RFC 3461 §5.2.7.4). Always from the null reverse-path; asked to report to
// it, add_sender_report() does nothing. Functions run inside the caller's transaction.
#pragma once

#include <string>
#include <string_view>

#include "core/mail/report.h"
#include "lists/acceptance.h"
#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct SenderReport {
  // sender, target, dsn, tls, message_id, accepted, list and smtputf8 are read; expires for a delay.
  const storage::PostRecord* about = nullptr;
  mail::DsnAction action = mail::DsnAction::kFailed;
  std::string status;         // "5.1.1"; "" for the general one
  std::string text;           // for people; "" for the usual words
  std::string host, reply;    // who said what, where the sender named the very recipient (relay.h); "" else
  std::string_view original;  // the message or its beginning
  bool whole = false;         // `original` is all of it
};
Result<void> add_sender_report(const Services& services, storage::Connection& connection,
                               const SenderReport& report, WallTime now, std::int64_t rank);

// NOTIFY=SUCCESS of who wrote to something that ends here (a list: RFC 3461 §5.2.7.3, a request to us): whether
// it was asked for by a sender who is vouched for, and the report, which belongs into the transaction of acceptance.
bool wants_delivered(const Submission& submission, const Submission::Recipient& recipient);
Result<void> add_delivered_report(const Services& services, storage::Connection& connection,
                                  const Submission& submission, const Submission::Recipient& recipient,
                                  const std::string& message_id, WallTime now, std::int64_t rank);

// One of several recipients was refused at the end of data, where others were not: for a sender who has logged in.
Result<void> add_refused_report(const Services& services, storage::Connection& connection,
                                const Submission& submission, const Submission::Recipient& recipient,
                                const smtp::Reply& reply, const std::string& message_id, WallTime now,
                                std::int64_t rank);

}  // namespace essaim::lists
