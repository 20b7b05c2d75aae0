// What a sink does when it is not simply friendly. A rule: STAGE[@PATTERN]=[first:N:|every:N:]ACTION
//   STAGE    connect ehlo starttls mail rcpt data dot quit idle
//   PATTERN  shell pattern on the address of MAIL and RCPT, elsewhere on the sink's own address; "*" if not
//   given first:N  only the first N times for the same text (greylisting); first:1 is "the first time"
//   every:N   each N-th time for the same text
//   ACTION
//   "450 4.7.1 text" a reply | close | reset | hang | flood | garbage | nul | delay:MS (and go on) |
//            accept-close (at dot: count it as accepted, close without the reply)
// The first rule that matches decides.
#pragma once

#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fnmatch.h>

namespace sink {

struct Action {
  enum class Kind { kReply, kClose, kReset, kHang, kFlood, kGarbage, kNul, kDelay, kAcceptClose };
  Kind kind = Kind::kReply;
  std::string reply;
  int milliseconds = 0;
};

class Rules {
 public:
  // False when the text is not a rule.
  bool add(const std::string& text) {
    std::size_t equals = text.find('=');
    if (equals == std::string::npos) return false;
    Rule rule;
    std::string left = text.substr(0, equals);
    std::string right = text.substr(equals + 1);
    std::size_t at = left.find('@');
    rule.stage = left.substr(0, at);
    rule.pattern = at == std::string::npos ? "*" : left.substr(at + 1);
    for (const auto& [word, number] : {std::pair{"first:", &rule.first}, std::pair{"every:", &rule.every}}) {
      if (right.rfind(word, 0) != 0) continue;
      char* end = nullptr;
      *number = std::strtol(right.c_str() + 6, &end, 10);
      if (*end != ':' || *number < 1) return false;
      right = end + 1;
    }
    using Kind = Action::Kind;
    static const std::map<std::string, Kind> kNames = {{"close", Kind::kClose},
                                                       {"reset", Kind::kReset},
                                                       {"hang", Kind::kHang},
                                                       {"flood", Kind::kFlood},
                                                       {"nul", Kind::kNul},
                                                       {"garbage", Kind::kGarbage},
                                                       {"accept-close", Kind::kAcceptClose}};
    if (auto name = kNames.find(right); name != kNames.end()) {
      rule.action.kind = name->second;
    } else if (right.rfind("delay:", 0) == 0) {
      rule.action.kind = Kind::kDelay;
      rule.action.milliseconds = std::atoi(right.c_str() + 6);
    } else if (right.size() > 3 && right[0] >= '2' && right[0] <= '5') {
      rule.action.reply = right;
    } else {
      return false;
    }
    rules_.push_back(std::move(rule));
    return true;
  }

  bool empty() const { return rules_.empty(); }

  const Action* match(const char* stage, const std::string& subject) {
    for (Rule& rule : rules_) {
      if (rule.stage != stage || fnmatch(rule.pattern.c_str(), subject.c_str(), FNM_CASEFOLD) != 0) continue;
      if (rule.first >= 0 && rule.seen[subject]++ >= rule.first) continue;
      if (rule.every > 0 && ++rule.seen[subject] % rule.every != 0) continue;
      return &rule.action;
    }
    return nullptr;
  }

 private:
  struct Rule {
    std::string stage;
    std::string pattern;
    long first = -1;
    long every = 0;
    Action action;
    std::map<std::string, long> seen;
  };
  std::vector<Rule> rules_;
};

}  // namespace sink
