#include "lists/verified.h"

#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/mailauth/kept.h"
#include "lists/rules/checks.h"
#include "lists/templates/phrases.h"

namespace essaim::lists {
namespace {

constexpr const char* kField = "authentication";
constexpr const char* kAll = "verified";
constexpr const char* kDisowned = "disowned";
constexpr const char* kPolicy = "policy";
constexpr const char* kFilter = "filter";
constexpr const char* kBodyChanged = "body_changed";

}  // namespace

Result<mailauth::AuthenticationResults> results_in(std::string_view field) {
  const auto colon = field.find(':');
  if (colon == field.npos) return Error{ErrorCode::kInvalid, "no field"};
  return mailauth::parse_results(mail::unfolded(field.substr(colon + 1)));
}

void keep_verified(const Submission& submission, const Incoming& incoming, storage::HeldRecord* held) {
  held->details[kField] = submission.authentication_header;
  if (submission.body_changed) held->details[kBodyChanged] = "1";
  if (!submission.held_by.empty()) {
    held->details[kFilter] = submission.held_by;
    if (!submission.held_because.empty()) held->details[kFilter] += ": " + submission.held_because;
  }
  if (!submission.authentication) return;
  held->details[kAll] = base64_encoded(mailauth::kept_authentication(*submission.authentication));
  if (rules::disowned(submission, incoming).empty()) return;
  const mailauth::DmarcResult& dmarc = submission.authentication->dmarc;
  held->details[kDisowned] = dmarc.domain;
  held->details[kPolicy] = mailauth::to_string(dmarc.published);
}

void restore_verified(const storage::HeldRecord& held, Submission* submission) {
  submission->authentication_header = held.detail(kField);
  submission->body_changed = !held.detail(kBodyChanged).empty();
  const std::string kept = held.detail(kAll);
  if (kept.empty()) return;
  const auto octets = base64_decoded(kept);
  const auto header = mail::HeaderBlock::parse(submission->content);
  if (!header.ok()) return;
  auto found = mailauth::authentication_kept(octets.value_or(""), *header);
  if (!found.ok()) {
    log::warning("held-unverified", {{"id", format_id(held.id)}, {"error", found.error().message}});
    return;
  }
  submission->authentication = std::make_shared<const mailauth::Authentication>(*std::move(found));
}

std::string doubt_about_author(const storage::HeldRecord& held, std::string_view language) {
  const std::string domain = held.detail(kDisowned);
  if (domain.empty()) return "";
  return phrase(language,
                "{{domain}} does not stand behind this message: DMARC fails, its policy is {{policy}}",
                {{"domain", domain}, {"policy", held.detail(kPolicy)}});
}

std::vector<std::string> checks_of(const storage::HeldRecord& held) {
  std::vector<std::string> out;
  if (const std::string filter = held.detail(kFilter); !filter.empty()) out.push_back("filter " + filter);
  const auto found = results_in(held.detail(kField));
  if (!found.ok()) return out;
  for (const mailauth::MethodResult& result : found->results) {
    std::string line = result.method + "=" + result.result;
    if (!result.reason.empty()) line += " (" + result.reason + ")";
    for (const auto& [name, value] : result.properties) line += " " + name + "=" + value;
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace essaim::lists
