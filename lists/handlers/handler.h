// Handlers only change: each edits the header or body of what goes out, in the order of table.cc. Header
// edits are textual and the author's bytes stay where nothing is to change. Archived-At stays as it came;
// what becomes of From, Sender and DKIM-Signature the planner decides (lists/author_plan.h). Pure functions of the draft; no database, no clock but the time of
// acceptance in it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/header_block.h"
#include "lists/incoming.h"
#include "lists/recipients.h"

namespace essaim::lists {

struct Draft {
  const Submission& submission;
  const Incoming& incoming;
  const Target& target;
  const Site& site;
  bool is_signed = false;  // copies will be, by the list's domain
  WallTime now{};
  mail::HeaderBlock header;                // begins as the author's
  std::string_view body;                   // what goes out: the author's, or new_body
  std::string new_body;                    // owns a changed body
  std::string private_header;              // of personal copies, with slots
  Treatment treatment = Treatment::kKeep;  // of the author, as the planner decided
  bool long_lines = false;                 // stay: without them no signature would protect the author
  bool hidden = false;                     // the author is: nothing over the header tells of the way here
};

struct Handler {
  std::string_view name;
  std::string_view help;
  Result<void> (*change)(Draft& draft);
};

const std::vector<Handler>& post_handlers();
const std::vector<Handler>& forward_handlers();
const std::vector<Handler>& relay_handlers();
const std::vector<Handler>& digest_handlers();  // of what we have made of posts (lists/digests)

struct Rendered {
  std::string rendering;  // Received lines, header, body
  std::string private_header;
  bool eight_bit = false;
  bool smtputf8 = false;  // the header has UTF-8, and came with SMTPUTF8 (RFC 6531 §3.2)
  // The rendering in ASCII, for hosts without 8BITMIME or SMTPUTF8; "" if it needs none, or cannot be had
  // (signed parts, addresses in UTF-8 ...: core/mail/downgrade.h).
  std::string seven_bit;
  bool author_unknown = false;  // PostRecord::author_unknown
  std::string message_id;       // of what goes out, where the author is hidden; "": the author's
};
// Runs the handlers on the draft. An error says that a field cannot be written (a word longer than a line ...): 554.
Result<void> run_handlers(const std::vector<Handler>& handlers, Draft* draft);
Draft begin_draft(const Submission& submission, const Incoming& incoming, const Target& target,
                  const Site& site, WallTime now);
// The draft as it is stored; `seal` makes the fields that go on top of all, from a whole message.
using Seal = std::function<std::string(std::string_view message)>;
Rendered finished(Draft& draft, const Seal& seal);
// All three, for mail that is only passed on.
Result<Rendered> render(const std::vector<Handler>& handlers, const Submission& submission,
                        const Incoming& incoming, const Target& target, const Site& site, WallTime now);

}  // namespace essaim::lists
