// The checks that the tables in table.cc are made of, by file. Each gives a rejection or nothing.
#pragma once

#include "lists/rules/rule.h"

namespace essaim::lists::rules {

using Verdict = std::optional<smtp::Reply>;

// loop.cc
Verdict own_mark(const RuleContext& context, std::string_view name);
Verdict too_many_hops(const RuleContext& context, std::string_view name);
// sender.cc
Verdict null_sender(const RuleContext& context, std::string_view name);
Verdict automatic_reply(const RuleContext& context, std::string_view name);
Verdict command(const RuleContext& context, std::string_view name);
Verdict automatic(const RuleContext& context, std::string_view name);
Verdict no_author(const RuleContext& context, std::string_view name);
Verdict several_authors(const RuleContext& context, std::string_view name);
// authentication.cc
Verdict dmarc_failure(const RuleContext& context, std::string_view name);    // as the list's setting says
Verdict disowned_author(const RuleContext& context, std::string_view name);  // whatever it says
// Why a verified message fails DMARC in a way that its author's domain wants to have consequences; "" if it does not.
std::string disowned(const Submission& submission, const Incoming& incoming);
// 451: name servers that have a say in it are silent.
smtp::Reply try_later(const mailauth::Authentication& authentication, std::string_view name);
Verdict unauthenticated(const RuleContext& context, std::string_view name);
// size.cc
Verdict too_large(const RuleContext& context, std::string_view name);
// require_tls.cc
Verdict requires_tls(const RuleContext& context, std::string_view name);
// who_posts.cc
Verdict closed_list(const RuleContext& context, std::string_view name);

}  // namespace essaim::lists::rules
