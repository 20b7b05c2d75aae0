// A name server in tests: what it has, and the loop in which answers come until nothing is missing.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/mailauth/answers.h"

namespace essaim::mailauth {

struct Zone {
  std::map<Question, std::vector<std::string>> records;
  std::vector<std::string> broken;  // names that get no answer
  std::vector<Question> asked;

  Zone& text(const std::string& name, const std::string& value) {
    return add(RecordType::kText, name, value);
  }
  Zone& ipv4(const std::string& name, const std::string& value) {
    return add(RecordType::kIpv4, name, value);
  }
  Zone& ipv6(const std::string& name, const std::string& value) {
    return add(RecordType::kIpv6, name, value);
  }
  Zone& mx(const std::string& name, const std::string& value) { return add(RecordType::kMx, name, value); }
  Zone& pointer(const std::string& ip, const std::string& value) {
    return add(RecordType::kPointer, ip, value);
  }
  Zone& add(RecordType type, const std::string& name, const std::string& value) {
    records[{type, name}].push_back(value);
    return *this;
  }

  // Calls `look` until it misses nothing.
  template <typename Look>
  auto resolve(const Look& look, int most_rounds = 20) {
    Answers answers;
    for (;;) {
      auto out = look(answers);
      const std::vector<Question> missing = answers.take_missing();
      if (missing.empty() || most_rounds-- == 0) return out;
      for (const Question& question : missing) {
        asked.push_back(question);
        answers.add(question, answer(question));
      }
    }
  }

 private:
  Answer answer(const Question& question) const {
    for (const std::string& name : broken) {
      if (name == question.name) return {Answer::Status::kTemporary, {}, "timed out"};
    }
    if (const auto found = records.find(question); found != records.end())
      return {Answer::Status::kOk, found->second, {}};
    for (const auto& [key, values] : records) {
      if (key.name == question.name || key.name.ends_with("." + question.name))
        return {Answer::Status::kNoData, {}, {}};
    }
    return {Answer::Status::kNoName, {}, {}};
  }
};

}  // namespace essaim::mailauth
