// Asks the rules. A decision costs microseconds: what the question does not hold is looked up only when a rule asks for
// it. As in Sympa, a condition on what is not known (no message, no such list) does not hold, and its negation does.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/mail/header_block.h"
#include "lists/scenario/scenario.h"
#include "storage/records.h"

namespace essaim::lists::scenario {

// What is asked. Views must live as long as the decision takes.
struct Question {
  std::string_view sender;    // who asks, in lower case; "nobody" where nobody is known
  std::string_view email;     // whom it concerns; "" is the sender
  std::string_view listname;  // local part; "" for what concerns no list
  std::string_view domain;
  std::string_view written_to;  // local part that a post came to: as listname, or that of a former name
  Auth auth = Auth::kSmtp;
  // Who has answered with a key: no rule asks for that again.
  bool sender_confirmed = false;
  bool email_confirmed = false;
  const mail::HeaderBlock* header = nullptr;  // of the message, if there is one
  std::string_view body;
  std::string_view remote_address, previous_email;  // "" for unknown
  WallTime now{};
};

// What has to be looked up. An error ends the decision with it.
class Lookups {
 public:
  virtual ~Lookups() = default;
  // `list` is as the rule names it: "dev", "dev@lists.example", or the list in question. Nothing: there is none.
  virtual Result<std::optional<bool>> has_role(storage::Role role, std::string_view list,
                                               std::string_view address) = 0;
  virtual Result<bool> is_listmaster(std::string_view address) = 0;
  // Whether a filter ("blocklist.txt") holds the address. Nothing: there is no such filter.
  virtual Result<std::optional<bool>> search(const std::string& filter, std::string_view address) = 0;
  // [conf->x], [list->x], [user->x], [subscriber->x] ...; nothing: not known.
  virtual Result<std::optional<std::string>> attribute(Variable of, const std::string& name) = 0;
};

struct Decision {
  Action action;
  const Rule* rule = nullptr;  // of the scenario; null: none matched
  std::string where;           // "send.private:5", "send.private" when none matched
};

// How it came about, for people.
struct Step {
  enum class Result { kOtherLevel, kDoesNotHold, kDecides, kTrouble };
  const Rule* rule = nullptr;
  Result result = Result::kOtherLevel;
};
struct Trace {
  Auth judged_as = Auth::kSmtp;
  std::vector<Step> steps;
};

// What a variable gives where one text is wanted: the first one if there are several. Nothing: it is not known. Errors are
// those of the look-ups.
Result<std::optional<std::string>> text_of(const Piece& variable, const Question& question, Lookups& lookups);

// Errors are those of the look-ups; a regular expression that was given up refuses, with the reason
// "error-performing-condition".
Result<Decision> decide(const Scenario& scenario, const Question& question, Lookups& lookups,
                        Trace* trace = nullptr);

}  // namespace essaim::lists::scenario
