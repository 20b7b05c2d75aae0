// Whether the domain in From stands behind a message, and what it wants done if not (RFC 9989): policy discovery and
// organisational domains by walking up the DNS tree, alignment, np, psd and t. No list of public suffixes.
//
// Pure functions over Answers: while answers are missing, the result means nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mailauth/answers.h"
#include "core/mailauth/dmarc_record.h"

namespace essaim::mailauth {

enum class DmarcStatus { kNone, kPass, kFail, kTempError, kPermError };
const char* to_string(DmarcStatus status);

// What is known to be authentic.
struct Authenticated {
  std::vector<std::string> dkim;  // d= of signatures that pass
  std::string spf;                // domain of MAIL (of HELO for the null sender), if SPF passes
};

struct DmarcResult {
  DmarcStatus status = DmarcStatus::kNone;
  std::string domain;         // of the author, or of_sender()
  std::string policy_domain;  // where the record is; "" if there is none, or which policy holds is not known
  DmarcPolicy published = DmarcPolicy::kNone;  // for this author: p, sp or np
  DmarcPolicy policy = DmarcPolicy::kNone;     // the same, one step down while the domain tests (t=y, §4.7)
  // "dkim example.org", "spf example.org"; "" if it fails. Without a policy, or while it is not known, of the very domain.
  std::string aligned_by;
  std::vector<std::string> aligned_dkim;  // d= of signatures that pass, those that align
  std::string reason;                     // of errors, or kOfSender

  // It is not known whether the domain disowns the message: a name server does not answer, and what is known leaves it open.
  bool may_disown() const {
    return status == DmarcStatus::kTempError && aligned_by.empty() &&
           (policy_domain.empty() || policy != DmarcPolicy::kNone);
  }
  // `domain` is not in From, but in Sender beside several authors (message_check.h).
  static constexpr std::string_view kOfSender = "of the domain in Sender";
  bool of_sender() const { return reason == kOfSender; }
  // Where `domain` stands (RFC 8601 §2.3).
  const char* property() const { return of_sender() ? "header.sender" : "header.from"; }
};

// Both in the same form: lower case, A-labels.
bool is_or_is_below(std::string_view name, std::string_view domain);

// §4.10.2; nothing: a name server failed, or answers are missing.
std::optional<std::string> organizational_domain(const std::string& domain, Answers& answers);

// `domain`: of the author, lower case, A-labels.
DmarcResult evaluate_dmarc(const std::string& domain, const Authenticated& authenticated, Answers& answers);

}  // namespace essaim::mailauth
