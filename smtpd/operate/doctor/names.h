// Looking into Answers, with what could not be answered. Internal to the doctor.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "core/mailauth/answers.h"

namespace essaim::smtpd::operate::doctor {

struct Addresses {
  std::vector<std::string> all;
  std::string problem;  // one of the two families did not answer; "" if both did, or while they are missing
  bool has(const std::string& ip) const { return std::find(all.begin(), all.end(), ip) != all.end(); }
};

inline Addresses addresses_of(mailauth::Answers& answers, const std::string& host) {
  Addresses out;
  for (const auto type : {mailauth::RecordType::kIpv6, mailauth::RecordType::kIpv4}) {
    const mailauth::Answer* const answer = answers.find(type, host);
    if (answer == nullptr) continue;
    if (answer->status == mailauth::Answer::Status::kTemporary) out.problem = answer->problem;
    out.all.insert(out.all.end(), answer->values.begin(), answer->values.end());
  }
  return out;
}

// "name servers do not answer for NAME: timeout"
inline std::string silent(const std::string& name, const std::string& problem) {
  return "the name servers do not answer for " + name +
         (problem.empty() ? std::string() : ": " + escaped_for_display(problem, 200));
}

}  // namespace essaim::smtpd::operate::doctor
