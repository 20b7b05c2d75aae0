// What an examination found (docs/operating.md, "In DNS"). A plain value, in words for operators.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace essaim::smtpd::operate {

enum class Health {
  kGood,
  kNote,     // good enough, or not for us to judge
  kBad,      // others refuse our mail, sort it out, or do not find us
  kUnknown,  // a name server did not answer
};

struct Finding {
  Health health = Health::kGood;
  std::string about;  // "192.0.2.1", "lists.example.org"
  std::string check;  // "PTR", "SPF" ...
  std::string words;  // what there is, and where it is not good what to do
};

inline const char* to_string(Health health) {
  switch (health) {
    case Health::kGood:
      return "good";
    case Health::kNote:
      return "note";
    case Health::kBad:
      return "bad";
    case Health::kUnknown:
      return "unknown";
  }
  return "?";
}

// Findings about one thing, as they come.
class Findings {
 public:
  explicit Findings(std::string about) : about_(std::move(about)) {}
  void add(Health health, std::string check, std::string words) {
    found_.push_back({health, about_, std::move(check), std::move(words)});
  }
  std::vector<Finding> take() { return std::move(found_); }

 private:
  std::string about_;
  std::vector<Finding> found_;
};

}  // namespace essaim::smtpd::operate
