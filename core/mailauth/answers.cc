#include "core/mailauth/answers.h"

#include <algorithm>
#include <utility>

#include "core/base/text.h"
#include "core/dns/packet.h"

namespace essaim::mailauth {

const Answer* Answers::find(RecordType type, std::string_view name) {
  static const Answer no_such_name{Answer::Status::kNoName, {}, {}};
  static const Answer too_many{Answer::Status::kTemporary, {}, "too many questions for one message"};
  if (name.ends_with('.')) name.remove_suffix(1);
  Question question{type, ascii_lowered(name)};
  if (type != RecordType::kPointer && !dns::is_host_name(question.name)) return &no_such_name;
  if (const auto found = known_.find(question); found != known_.end()) return &found->second;
  if (taken_.contains(question) || std::find(missing_.begin(), missing_.end(), question) != missing_.end())
    return nullptr;
  if (asked_ + kept_back_ >= kMaxQuestions) return &too_many;
  ++asked_;
  missing_.push_back(std::move(question));
  return nullptr;
}

void Answers::add(const Question& question, Answer answer) {
  taken_.erase(question);
  known_[question] = std::move(answer);
}

std::vector<Question> Answers::take_missing() {
  taken_.insert(missing_.begin(), missing_.end());
  return std::exchange(missing_, {});
}

}  // namespace essaim::mailauth
