// The settings of lists: one table, from which `list set`, its errors, the manual and export come. Values are
// text as stored in ListRecord.settings; what a list does not set comes from its domain, then from the table.
// Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/schema.h"
#include "core/mailauth/dmarc_record.h"
#include "core/smtp/address.h"
#include "lists/digests/schedule.h"
#include "storage/records.h"

namespace essaim::lists {

enum class ReplyTo { kAuthor, kList, kNone, kAddress };

enum class DmarcFailure { kAccept, kMark, kHold, kRefuse };
enum class BrokenSignatures { kRemove, kRename, kKeep };

// What becomes of REQUIRETLS and of "TLS-Required: No" (RFC 8689) at a list.
enum class RequireTls { kKeep, kAlways, kNever, kRefuse };

// What is done about an author whose signature the list's changes break (author_plan.h).
enum class Treatment { kKeep, kRewriteFrom, kWrap, kRefuse };
struct AuthorException {
  std::string who;  // an address or a domain
  Treatment treatment = Treatment::kKeep;
};

// A list's settings, read.
struct ListSettings {
  std::string description;
  std::string subject_tag;
  ReplyTo reply_to = ReplyTo::kAuthor;
  std::string reply_to_address;  // for kAddress
  std::uint64_t max_size = 0;    // octets; 0: only the server's limit
  std::vector<std::pair<std::string, std::string>> add_headers;
  std::vector<std::string> remove_headers;
  std::string header, header_html, footer, footer_html;  // words over and under each post
  bool words_as_part = false;                            // in a MIME part of their own, in nobody's text
  storage::CopyMode envelope = storage::CopyMode::kPersonal;
  Duration expire{};
  bool goodbye = true;
  bool tell_left = false;  // the owners
  DmarcFailure dmarc_failure = DmarcFailure::kMark;
  bool authenticated_only = false;
  bool anonymous = false;               // authors are hidden
  bool automatic_replies_pass = false;  // automatic_reply.h
  bool commands_pass = false;           // posts whose whole subject is one
  Treatment author_treatment = Treatment::kRewriteFrom;
  mailauth::DmarcPolicy author_policy = mailauth::DmarcPolicy::kQuarantine;  // from which on
  std::vector<AuthorException> author_exceptions;
  BrokenSignatures broken_signatures = BrokenSignatures::kRemove;
  bool arc_seal = true;
  RequireTls require_tls = RequireTls::kKeep;
  bool report_failures = true;
  std::string language = "en";
  std::string robot = "sympa";     // local part of the command robot
  bool nobody_posts = false;       // the scenario "send" is closed: List-Post says NO
  bool nobody_subscribes = false;  // by mail, by the scenario "subscribe": there is no List-Subscribe
  bool welcome = true;
  bool tell_held = true;       // an author, that a post waits for a moderator
  bool tell_approved = false;  // ... that it passed
  bool tell_rejected = true;   // ... that it did not
  DigestSchedule digest;       // of those who have several posts at once; off: they have each
  std::size_t digest_max_posts = 25;
  std::int64_t bounce_days = 5;  // on which copies to a member came back before it is stopped; 0: it is not
  Duration held_expire{};        // what waits for moderators
  Duration confirm_expire{};     // ... for a confirmation
  Duration approval_expire{};    // ... for owners or listmasters, and invitations
  Duration approval_remind{};    // owners and moderators are reminded so often; 0: never
};

// The scenario of each function (scenario/shipped.h) is a setting of its name.
const std::vector<config::Setting>& list_settings_table();

// Of a list, over its domain's, over the defaults. A stored value that no longer fits the table (written by
// another version) is as if not set; the log says so.
ListSettings settings_of(const storage::ListRecord& list);
// The text in force for each name, with where it comes from: "list", "domain" or "default"; in the table's
// order.
struct ShownSetting {
  std::string name;
  std::string value;
  std::string from;
};
std::vector<ShownSetting> shown_settings(const storage::ListRecord& list);

// What a domain sets for all that is in it (robot): an address that takes mail for all lists. A list that has one in its
// settings, from an earlier version or a text, goes by its domain's all the same.
bool is_of_domains_alone(std::string_view name);

// What `changes` has set in vain, as the settings of the list (id 0: of its domain) are then; a line each, for who set it.
std::vector<std::string> set_in_vain(const storage::ListRecord& list,
                                     const std::map<std::string, std::optional<std::string>>& changes);

// kInvalid names the setting, what is wrong with the value, or the nearest name when there is none such.
Result<void> check_setting(const std::string& name, const std::string& value);

}  // namespace essaim::lists
