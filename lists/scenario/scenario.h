// The rule language of Sympa, compiled: who may do what on a list. A scenario decides one function (send, subscribe ...)
// and is a list of rules; the first whose authentication level and condition fit gives the action, and when none fits
// the request is refused:
//
//   title.fr  réservé aux abonnés
//   # the editors need no confirmation
//   is_editor([listname],[sender])      smtp,md5   -> do_it
//   match([sender],/\.example\.edu$/)   smtp       -> request_auth,editorkey
//   true()                              smtp,md5   -> reject(reason='send_subscriber')
//
// Levels, by which the requester is known: smtp (From only), dkim (an aligned signature), md5 (a confirmed key or a web
// session), smtp_auth (the password of a submission), smime. A level that a scenario names nowhere is judged as the next
// lower one: dkim as smtp, smtp_auth as md5. "pgp" is read and never reached.
//
// "request_auth,editorkey" is ours: confirm, and then to the moderators. Values, immutable once compiled; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/network.h"
#include "core/base/regex.h"

namespace essaim::lists::scenario {

enum class Auth : std::uint8_t { kSmtp, kDkim, kMd5, kSmtpAuth, kSmime, kPgp };
const char* to_string(Auth auth);
std::optional<Auth> parse_auth(std::string_view text);  // ignoring case

class AuthSet {
 public:
  void add(Auth auth) { bits_ = static_cast<std::uint8_t>(bits_ | 1U << static_cast<unsigned>(auth)); }
  void add(AuthSet other) { bits_ = static_cast<std::uint8_t>(bits_ | other.bits_); }
  bool has(Auth auth) const { return (bits_ >> static_cast<unsigned>(auth) & 1U) != 0; }
  bool empty() const { return bits_ == 0; }
  std::string to_string() const;

 private:
  std::uint8_t bits_ = 0;
};

enum class ActionKind : std::uint8_t {
  kDoIt,
  kReject,
  kRequestAuth,  // the requester confirms by a key
  kOwner,        // the owners approve
  kEditor,       // passed on to the editors as a mail, and that was it
  kEditorKey,    // held until an editor approves
  kListmaster,   // a listmaster approves
  kHam,          // of the function spam_status
  kSpam,
  kUnsure,
};
const char* to_string(ActionKind kind);  // as written in rules

struct Action {
  ActionKind kind = ActionKind::kReject;
  bool notify = false;              // the owners are told
  bool quiet = false;               // the requester is not told
  std::string reason;               // of a rejection: a key ("send_subscriber") or words
  std::string reject_template;      // reject(tt2='...')
  bool confirmed_by_email = false;  // request_auth([email]): whom it concerns confirms, not who asks
  std::optional<ActionKind> then;   // what follows the confirmation; none: the rules are asked again
  std::string to_string() const;
};

enum class Variable : std::uint8_t {
  kSender,
  kEmail,
  kListName,
  kDomain,
  kConf,
  kList,
  kEnv,
  kUser,
  kUserAttributes,
  kSubscriber,
  kCustomVars,
  kFamily,
  kHeader,
  kBody,
  kPartType,
  kPartBody,
  kMessage,
  kIsBcc,
  kEncrypted,
  kTopic,
  kTopicAuto,
  kTopicSender,
  kTopicEditor,
  kTopicNeeded,
  kRemoteHost,
  kRemoteAddress,
  kCurrentDate,
  kPreviousEmail,
  kTopicName,
};

struct Piece {
  std::optional<Variable> variable;  // none: the text stands for itself
  std::string text;                  // or what stands behind "->"
  std::optional<int> index;          // [header->X][0]; from the end when negative
};
using Operand = std::vector<Piece>;  // what they give is put together

enum class ConditionKind : std::uint8_t {
  kTrue,
  kEqual,
  kMatch,
  kLessThan,
  kNewer,
  kOlder,
  kIsSubscriber,
  kIsOwner,
  kIsEditor,
  kIsListmaster,
  kSearch,
  kNetmask,
};

struct Condition {
  ConditionKind kind = ConditionKind::kTrue;
  bool negated = false;
  std::vector<Operand> operands;  // without the expression of match, the filter of search, the network
  std::optional<Regex> regex;  // of match; none if it names the domain (with_domain), which differs by list
  std::string pattern;         // as written; "" matches nothing, as in Perl's split
  std::string filter;          // of search: "blocklist.txt"
  std::optional<Network> network;  // of verify_netmask
};

// An expression with `quoted`, the domain as an expression, in place of "[domain]" and "[host]".
std::string with_domain(std::string pattern, std::string_view quoted);

struct Rule {
  Condition condition;
  AuthSet auths;
  Action action;
  std::string file;  // where it stands: "send.private"
  int line = 0;
  std::string text;  // the line, trimmed and without its comment
  std::string where() const { return file + ":" + std::to_string(line); }
};

struct Scenario {
  std::string function, name;                 // "send", "private"
  std::map<std::string, std::string> titles;  // by language; "" and "gettext" among them
  std::vector<Rule> rules;
  AuthSet named;                     // levels that any rule names
  std::vector<std::string> filters;  // that its rules search, each once
  std::string file() const { return function + "." + name; }
  // In the language, or English, or any; else the name.
  std::string title(std::string_view language) const;
};

}  // namespace essaim::lists::scenario
