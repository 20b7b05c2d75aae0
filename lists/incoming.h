// A submission as the rules, handlers and requests see it: parsed once, looked at by all targets. Views point
// into the submission's content, which outlives it. Immutable after parsing, so it may be read by any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/address_list.h"
#include "core/mail/header_block.h"
#include "core/mail/loop.h"
#include "core/smtp/address.h"
#include "lists/acceptance.h"
#include "storage/records.h"

namespace essaim::lists {

struct Incoming {
  mail::HeaderBlock header;
  std::string_view body;
  mail::LoopMarks marks;
  std::size_t from_fields = 0;
  bool from_names_others = false;       // may, to people's eyes: somebody who is not among the authors
  std::vector<smtp::Address> authors;   // of the one From field
  std::optional<smtp::Address> author;  // the one in From; of several, the one in Sender (RFC 5322 §3.6.2)
  std::string message_id;               // normalised; "" if there is none
  std::string subject;                  // decoded, cut to 200 octets
  // REQUIRETLS of the envelope, else the field TLS-Required (RFC 8689 §4.1).
  storage::TlsRequest tls = storage::TlsRequest::kNone;
  // SHA-256 of Message-ID (or From, Date, Subject) and body as its author sent them; "": cannot be told.
  std::string seen_key;
  bool is_marked_copy = false;  // of a list of ours: seen_key is what kOriginal says
};

// In what a list passes on with another body (handlers/marks.cc): seen_key in base 64. So a copy that reaches a list of this server
// by way of another one is known for what it is a copy of.
inline constexpr std::string_view kOriginal = "X-Original";

// kInvalid: it is no message (bare CR, NUL, too long a header ...).
Result<Incoming> parse_incoming(const Submission& submission);

// Names what is nobody's business but its author's: Bcc, Resent-Bcc (RFC 5322 §3.6.3).
bool is_bcc(const mail::HeaderField& field);
// The message as others may see it; nothing if that is how it came.
std::optional<std::string> without_bcc(const Incoming& incoming);

// Whether the author is of the domain that was verified. That one is From's: of several authors the one who counts stands
// in Sender, and another domain there has not said that it knows of the message.
bool of_verified_domain(const Submission& submission, const Incoming& incoming);

// How the author is known, for whoever decides by it.
scenario::Auth known_by(const Submission& submission, const Incoming& incoming);

// Answering it would answer a machine (RFC 3834 §2): null sender, automatic, bulk or list mail.
bool is_automatic(const Submission& submission, const Incoming& incoming);

}  // namespace essaim::lists
