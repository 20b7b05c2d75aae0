// Rules only look: each says what is to become of a message, or nothing, and then the next one is asked. The
// order stands in table.cc, the one place to read what a list does. Rules are pure functions of what is in
// their context; what they need from the database is read before (facts.h), so that the same can be checked
// again when the post is stored.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "core/smtp/reply.h"
#include "lists/facts.h"
#include "lists/incoming.h"
#include "lists/recipients.h"

namespace essaim::lists {

struct Disposition {
  enum class Kind { kAccept, kReject };
  Kind kind = Kind::kAccept;
  smtp::Reply reply;      // of a rejection: names the rule
  std::string_view rule;  // which decided
};

struct RuleContext {
  const Submission& submission;
  const Incoming& incoming;
  const Target& target;
  const Facts& facts;
};

struct Rule {
  std::string_view name;  // in replies, logs and the manual
  std::string_view help;  // one line
  // A rejection, or nothing: the next rule is asked.
  std::optional<smtp::Reply> (*check)(const RuleContext& context, std::string_view name);
};

const std::vector<Rule>& post_rules();     // for the list's address
const std::vector<Rule>& forward_rules();  // for owners, editors, postmaster, abuse
const std::vector<Rule>& relay_rules();    // for mail of accounts to the outside
const std::vector<Rule>& command_rules();  // for commands, joining and leaving by mail

// The first rejection, or acceptance.
Disposition decide(const std::vector<Rule>& rules, const RuleContext& context);

}  // namespace essaim::lists
