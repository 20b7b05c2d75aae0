#include "lists/scenario/decide.h"

#include <cstdlib>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/smtp/address.h"
#include "lists/scenario/values.h"

namespace essaim::lists::scenario {
namespace {

// Addresses that one condition looks up: what a stranger writes into a field must not cost more.
constexpr std::size_t kMostNamed = 20;

// Holds, does not, or the rule cannot be judged and is passed over, negated or not.
enum class Verdict { kHolds, kNot, kSkip };

Verdict verdict(bool holds) {
  return holds ? Verdict::kHolds : Verdict::kNot;
}

class Judge {
 public:
  Judge(const Question& question, Lookups& lookups) : question_(question), lookups_(lookups) {}

  Result<Verdict> judge(const Condition& condition) {
    if (condition.kind == ConditionKind::kNetmask) {
      const auto address = parse_network(question_.remote_address);
      if (!address) return Verdict::kSkip;
      return negated(condition, condition.network->contains(*address));
    }
    auto holds = holds_as_written(condition);
    if (!holds.ok()) return holds.error();
    return negated(condition, *holds);
  }
  // The error is of a regular expression that met its limits, which it will again. All other errors are of the moment.
  bool gave_up() const { return gave_up_; }

 private:
  static Verdict negated(const Condition& condition, bool holds) {
    return verdict(holds != condition.negated);
  }

  Result<bool> holds_as_written(const Condition& condition) {
    if (condition.kind == ConditionKind::kTrue) return true;
    std::vector<std::vector<std::string>> operands;
    for (const Operand& operand : condition.operands) {
      auto values = values_of(operand, question_, lookups_);
      if (!values.ok()) return values.error();
      if (!values->has_value()) return false;
      operands.push_back(std::move(**values));
    }
    switch (condition.kind) {
      case ConditionKind::kEqual:
        return any_pair(
            operands, [](const std::string& a, const std::string& b) { return equals_ignoring_case(a, b); });
      case ConditionKind::kLessThan:
        return any_pair(operands, [](const std::string& a, const std::string& b) {
          return std::strtod(a.c_str(), nullptr) < std::strtod(b.c_str(), nullptr);
        });
      case ConditionKind::kNewer:
      case ConditionKind::kOlder: {
        const bool newer = condition.kind == ConditionKind::kNewer;
        return any_pair(operands, [this, newer](const std::string& a, const std::string& b) {
          const auto left = time_of(a, question_.now), right = time_of(b, question_.now);
          return left && right && (newer ? *left > *right : *left <= *right);
        });
      }
      case ConditionKind::kMatch:
        return matches(condition, operands.front());
      case ConditionKind::kIsSubscriber:
        return has_role(storage::Role::kMember, operands);
      case ConditionKind::kIsOwner:
        return has_role(storage::Role::kOwner, operands);
      case ConditionKind::kIsEditor:
        return has_role(storage::Role::kEditor, operands);
      case ConditionKind::kIsListmaster:
        return any_address(operands[0],
                           [this](const std::string& who) { return lookups_.is_listmaster(who); });
      case ConditionKind::kSearch:
        return search(condition, operands);
      case ConditionKind::kTrue:
      case ConditionKind::kNetmask:
        break;
    }
    return false;
  }

  template <typename Test>
  static bool any_pair(const std::vector<std::vector<std::string>>& operands, Test test) {
    for (const std::string& a : operands[0]) {
      for (const std::string& b : operands[1]) {
        if (test(a, b)) return true;
      }
    }
    return false;
  }

  template <typename Test>
  static Result<bool> any_of(const std::vector<std::string>& values, Test test) {
    for (const std::string& value : values) {
      Result<bool> holds = test(value);
      if (!holds.ok() || *holds) return holds;
    }
    return false;
  }

  // An address, or as [msg_header->X-Sender] gives it: "Ann <ann@a.example>, bob@b.example".
  template <typename Test>
  static Result<bool> any_address(const std::vector<std::string>& values, Test test) {
    std::vector<std::string> who;
    for (const std::string& value : values) {
      who.push_back(value);
      if (value.find_first_of("<,( ") == value.npos) continue;
      for (const mail::Mailbox& one : mail::parse_address_list(value, kMostNamed).mailboxes)
        who.push_back(smtp::Address{one.local, one.domain}.to_string());
    }
    if (who.size() > kMostNamed) who.resize(kMostNamed);
    return any_of(who, test);
  }

  Result<bool> matches(const Condition& condition, const std::vector<std::string>& values) {
    if (condition.pattern.empty()) return false;
    std::optional<Regex> by_list;
    if (!condition.regex) {
      auto regex = Regex::compile(with_domain(condition.pattern, regex_quoted(question_.domain)));
      if (!regex.ok()) return regex.error();
      by_list = std::move(*regex);
    }
    const Regex& regex = by_list ? *by_list : *condition.regex;
    return any_of(values, [&](const std::string& value) {
      Result<bool> matched = regex.matches(value);
      gave_up_ = !matched.ok() && matched.error().code == ErrorCode::kExhausted;
      return matched;
    });
  }

  // Listmasters count as owners of every list.
  Result<bool> has_role(storage::Role role, const std::vector<std::vector<std::string>>& operands) {
    if (operands[0].empty()) return false;
    return any_address(operands[1], [&](const std::string& who) -> Result<bool> {
      if (who.empty() || who == "nobody") return false;
      auto has = lookups_.has_role(role, operands[0].front(), who);
      if (!has.ok()) return has.error();
      if (!has->has_value()) return false;
      if (**has || role != storage::Role::kOwner) return **has;
      return lookups_.is_listmaster(who);
    });
  }

  Result<bool> search(const Condition& condition, const std::vector<std::vector<std::string>>& operands) {
    const std::vector<std::string> asker = {std::string(question_.sender)};
    return any_of(operands.empty() ? asker : operands[0], [&](const std::string& who) -> Result<bool> {
      auto found = lookups_.search(condition.filter, who);
      if (!found.ok()) return found.error();
      return found->value_or(false);
    });
  }

  const Question& question_;
  Lookups& lookups_;
  bool gave_up_ = false;
};

bool has_confirmed(const Question& question, const Action& action) {
  if (!action.confirmed_by_email) return question.sender_confirmed;
  const bool same = question.email.empty() || equals_ignoring_case(question.email, question.sender);
  return question.email_confirmed || (same && question.sender_confirmed);
}

// The level under which the scenario judges a requester of this one.
Auth effective(const Scenario& scenario, Auth auth) {
  if (scenario.named.has(auth)) return auth;
  if (auth == Auth::kSmtpAuth && scenario.named.has(Auth::kMd5)) return Auth::kMd5;
  if (auth == Auth::kSmtpAuth && scenario.named.has(Auth::kDkim)) return Auth::kDkim;
  if (auth == Auth::kSmtpAuth || auth == Auth::kDkim) return Auth::kSmtp;
  return auth;
}

}  // namespace

Result<Decision> decide(const Scenario& scenario, const Question& question, Lookups& lookups, Trace* trace) {
  const Auth auth = effective(scenario, question.auth);
  if (trace != nullptr) trace->judged_as = auth;
  Judge judge(question, lookups);
  Decision decision;
  const auto note = [trace](const Rule& rule, Step::Result result) {
    if (trace != nullptr) trace->steps.push_back({&rule, result});
  };
  for (const Rule& rule : scenario.rules) {
    if (!rule.auths.has(auth)) {
      note(rule, Step::Result::kOtherLevel);
      continue;
    }
    auto judged = judge.judge(rule.condition);
    if (!judged.ok()) {
      note(rule, Step::Result::kTrouble);
      if (!judge.gave_up()) return judged.error();
      decision.action.kind = ActionKind::kReject;
      decision.action.reason = "error-performing-condition";
      decision.rule = &rule;
      decision.where = rule.where();
      return decision;
    }
    if (*judged != Verdict::kHolds) {
      note(rule, Step::Result::kDoesNotHold);
      continue;
    }
    note(rule, Step::Result::kDecides);
    decision.action = rule.action;
    if (rule.action.kind == ActionKind::kRequestAuth && has_confirmed(question, rule.action)) {
      decision.action.kind = rule.action.then.value_or(ActionKind::kDoIt);
      decision.action.then.reset();
      decision.action.confirmed_by_email = false;
    }
    decision.rule = &rule;
    decision.where = rule.line == 0 ? rule.file : rule.where();
    return decision;
  }
  decision.action.kind = ActionKind::kReject;
  decision.action.reason = "no-rule-match";
  decision.where = scenario.file();
  return decision;
}

}  // namespace essaim::lists::scenario
