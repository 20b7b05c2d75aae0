// Requests: everything that somebody may ask of a list or a domain, each one verb with its arguments. There is one door
// for all of them, carry_out(): mail commands, confirmations, approvals and the command line come through it, and the web
// will. It decides by the scenario of the verb (authorisation.h), does what was asked, or makes it wait for whoever has to
// confirm or approve; doing the same twice is no mistake. Each is logged with who asked, how they are known, and the rule.
//
// Runs inside the caller's transaction. Values.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/smtp/address.h"
#include "lists/admin.h"
#include "lists/list_end.h"
#include "lists/scenario/scenario.h"
#include "lists/service_mail.h"
#include "storage/records.h"
#include "storage/text_store.h"

namespace essaim::lists {

enum class Verb {
  kSubscribe,    // list, email, name
  kUnsubscribe,  // list, email
  kAdd,          // list, email, name, role; or people at once
  kDelete,       // list, email, role
  kInvite,       // list, email, name
  kSet,          // list, email, role, options
  kReview,       // list
  kInfo,         // list
  kStats,        // list
  kRemind,       // list
  kRemindAll,    // of the domain
  kModIndex,     // list
  kWhich,        // of the requester
  kLists,        // of the domain
  kCreate,       // list (not yet there), name is its description, changes; email or people own it
  kConfigure,    // list, changes
  kClose,        // list
  kOpen,         // list
  kDeleteList,   // list
  kRename,       // list, name is the new local part, or the new address in another domain of ours
  kForgetName,   // list, name is an address that it had before
  kMoveUser,     // previous -> email, on all lists of the domain

  kCreateDomain,      // list.domain, not yet there
  kConfigureDomain,   // of the domain, changes
  kDeleteDomain,      // of the domain, which has no lists
  kAddListmaster,     // of the domain or the site, email
  kRemoveListmaster,  // likewise
  // Of the list, the domain or the site:
  kSetText,     // kind, name, text
  kDeleteText,  // kind, name
  kBlock,       // name is the address, domain or pattern
  kUnblock,     // likewise
};

struct VerbRow {
  Verb verb;
  std::string_view name;      // in logs and where requests wait
  std::string_view function;  // the scenario that decides; "": see `right`
  // Who may where there is no scenario.
  enum class Right {
    kAnyone,
    kMember,
    kEditor,
    kOwner,
    kPrivilegedOwner,
    kListmaster,      // of the domain or the site
    kSiteListmaster,  // of the site
  } right = Right::kAnyone;
  std::string_view phrase;  // what is asked, for people
};
const VerbRow& row_of(Verb verb);
std::optional<Verb> verb_named(std::string_view name);

struct Request {
  Verb verb = Verb::kWhich;
  storage::ListRecord list;  // id 0: of its domain alone; no domain_id either: of the site
  smtp::Address email;       // whom it concerns
  smtp::Address previous;
  std::string name;
  storage::Role role = storage::Role::kMember;  // in which somebody is added, deleted, changed
  std::optional<storage::Reception> reception;
  std::optional<std::string> new_name;
  MemberOptions options;
  SettingChanges changes;
  std::vector<NewMember> people;  // the operator's only, as they cannot wait
  storage::TextKind kind = storage::TextKind::kScenario;
  std::string text;                   // cannot wait either
  std::optional<std::string> answer;  // of kLists: named_lists() gave it before
  bool quiet = false;                 // nobody else is told
  bool dry_run = false;               // of kRename: whether it could be; nothing is changed or logged
};

struct Requester {
  smtp::Address address;
  scenario::Auth auth = scenario::Auth::kSmtp;
  bool is_operator = false;  // of the command line: everything is allowed
  bool sender_confirmed = false, email_confirmed = false;
  bool is_vouched_for = true;  // false: of a mail whose From anybody may have written
  bool is_not_told = false;    // a refusal: the mail came to LIST-unsubscribe@ from such a From
  std::string
      approved_by;  // the owners have approved it, a token of ours says it, or a rule said what follows a confirmation: no
                    // rule is asked
  std::string then;    // after a confirmation, as the rule said: "owner", "listmaster"; "": rules are asked
  std::string client;  // for the log
  std::string remote_address;
  std::string language;  // of answers
  // Nothing tells which language they want: it is the one of where they wrote to, and mail about a list is in the list's.
  bool language_is_assumed = false;
  std::string in_reply_to;  // Message-ID of what asked
  std::string name() const { return is_operator ? "the operator" : address.to_string(); }
  // What they wrote, or an address that they named, as an answer to them may repeat it: not to a From that anybody may have
  // written, for it would carry the words of one to another.
  std::string repeated(std::string_view text) const { return is_vouched_for ? std::string(text) : "..."; }
  std::string repeated(const smtp::Address& email) const {
    return email == address ? email.to_string() : repeated(email.to_string());
  }
};

struct Response {
  enum class Status { kDone, kAlready, kWaits, kRefused };
  Status status = Status::kDone;
  std::string text;      // for the requester, in their language; one or more lines without the last line end
  std::string rule;      // that decided
  bool decided = false;  // of an answer to what waits: it waits no more, by this answer
  std::int64_t changed = 0, unchanged = 0;  // of people at once
  Dropped dropped{};                        // of kDeleteList
};

// "done", "already", "waits", "refused"
const char* to_string(Response::Status status);

// Whoever would come in under an address that looks like another one is refused (unseen_in()). Errors are those of the
// database; kInvalid: a setting is wrong, or to the operator such an address, and how.
Result<Response> carry_out(WriteContext& context, const Request& request, const Requester& who);

// The same for the operator at the command line, who is told the outcome and nobody else but the log; of kDeleteList also
// those who wait there, unless it is quiet.
Result<Response> carry_out_for_operator(WriteContext& context, Request request);

// What kLists tells of this domain, which is thousands of decisions: by a reader, before the transaction that answers.
Result<std::string> named_lists(const Services& services, storage::Connection& connection,
                                const storage::ListRecord& domain, const Requester& who);

// What is asked, in words.
std::string described(const Request& request, std::string_view language);

// As kept while it waits, and back; kDamaged if it is not one.
std::map<std::string, std::string> details_of(const Request& request);
Result<Request> request_of(const std::map<std::string, std::string>& details,
                           const storage::ListRecord& list);

}  // namespace essaim::lists
