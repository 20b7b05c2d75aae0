// Refusals that people get to read, in a report of their own server: what is refused and why come first, then what they can do and
// whom they can ask; the rule, for the postmaster, last. English and ASCII (RFC 5321 §4.2). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/smtp/reply.h"
#include "storage/records.h"

namespace essaim::lists {

// "550 5.7.2 <words>; <advice>; questions: dev-owner@lists.example [rule: send.private:6]". `advice` may be "". What has no room in
// a line of SMTP (RFC 5321 §4.5.3.1.5) is left out: the advice first. Of a domain (id 0) it is the listmasters who are asked.
smtp::Reply advised_refusal(int code, std::string_view enhanced, const std::string& words,
                            const std::string& advice, const storage::ListRecord& list,
                            std::string_view rule);

// What somebody can do whom a scenario refuses for this reason (templates/phrases.h); "": only ask. `author`: who they are for the
// list, "" if that is not known.
std::string advice_for(std::string_view reason, const storage::ListRecord& list, bool nobody_subscribes,
                       const std::string& author);

}  // namespace essaim::lists
