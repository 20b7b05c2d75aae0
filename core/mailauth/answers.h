// What DNS said, as the verifiers see it. They ask no server: they look into Answers, and a question that is not
// there is remembered as missing. Whoever drives them resolves what is missing, adds it, and lets them look again
// (lookups.h), until nothing is missing. So they are pure and run on any thread; nothing here waits.
//
// Bounded: more than kMaxQuestions for one message, and what is missing stays a temporary error.
// A value; one thread at a time.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace essaim::mailauth {

enum class RecordType { kText, kIpv4, kIpv6, kMx, kPointer };

struct Question {
  RecordType type = RecordType::kText;
  std::string name;  // lower case, A-labels, without the final dot; an address for kPointer
  friend auto operator<=>(const Question&, const Question&) = default;
};

struct Answer {
  enum class Status { kOk, kNoData, kNoName, kTemporary };
  Status status = Status::kTemporary;
  std::vector<std::string> values;  // texts, addresses, names; MX hosts by preference
  std::string problem;              // of kTemporary
  bool none() const { return status == Status::kNoData || status == Status::kNoName; }
};

class Answers {
 public:
  static constexpr std::size_t kMaxQuestions = 150;

  // Null: it is not known yet, and is missing from now on unless it was taken. Names that DNS cannot have are answered by
  // kNoName, those beyond the limit by kTemporary.
  const Answer* find(RecordType type, std::string_view name);
  void add(const Question& question, Answer answer);
  // From now on so many of the questions are left for what is asked after the next call.
  void keep_back(std::size_t questions) { kept_back_ = questions; }
  bool complete() const { return missing_.empty(); }
  // What is to be resolved next; it is not missing any more, but known only when it is added.
  std::vector<Question> take_missing();
  std::size_t asked() const { return asked_; }

 private:
  std::map<Question, Answer> known_;
  std::vector<Question> missing_;
  std::set<Question> taken_;  // and not added yet
  std::size_t asked_ = 0;
  std::size_t kept_back_ = 0;
};

}  // namespace essaim::mailauth
