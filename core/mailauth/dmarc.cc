#include "core/mailauth/dmarc.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

constexpr std::size_t kMaxLabels = 8;  // §4.10: at most eight questions

struct Found {
  std::string domain;
  DmarcRecord record;
};

struct Walk {
  std::vector<Found> found;  // from the domain upwards
  bool temporary = false;    // some answer is not known
};

// The names that a walk asks, longest first.
std::vector<std::string> walk_names(const std::string& domain) {
  std::vector<std::string> names{domain};
  const std::vector<std::string_view> labels = split(domain, '.');
  // From eight labels on, the next name has seven.
  std::size_t left = labels.size() >= kMaxLabels ? kMaxLabels - 1 : labels.size() - 1;
  for (; left > 0; --left) {
    const std::string_view first = labels[labels.size() - left];
    names.push_back(domain.substr(static_cast<std::size_t>(first.data() - labels.front().data())));
  }
  return names;
}

Walk walk(const std::string& domain, Answers& answers) {
  Walk out;
  const std::vector<std::string> names = walk_names(domain);
  // All at once: a round trip instead of one for each label; those above a record that ends the walk are few.
  for (const std::string& name : names) answers.find(RecordType::kText, "_dmarc." + name);
  for (const std::string& name : names) {
    const Answer* answer = answers.find(RecordType::kText, "_dmarc." + name);
    if (answer == nullptr || answer->status == Answer::Status::kTemporary) {
      out.temporary = true;
      return out;
    }
    std::optional<DmarcRecord> record;
    std::size_t records = 0;
    for (const std::string& text : answer->values) {
      if (auto parsed = parse_dmarc_record(text)) {
        record = parsed;
        ++records;
      }
    }
    if (records != 1) continue;  // several are as none
    out.found.push_back({name, *record});
    if (record->suffix != DmarcRecord::Suffix::kUnknown) break;
  }
  return out;
}

// The domain one label longer than `suffix` on the way to `domain`.
std::string one_below(const std::string& domain, const std::string& suffix) {
  const std::size_t dot = domain.rfind('.', domain.size() - suffix.size() - 2);
  return dot == std::string::npos ? domain : domain.substr(dot + 1);
}

std::string organizational(const std::string& domain, const Walk& walk) {
  if (walk.found.empty()) return domain;
  const Found& top = walk.found.back();
  if (top.record.suffix == DmarcRecord::Suffix::kYes && top.domain != domain)
    return one_below(domain, top.domain);
  return top.domain;
}

const Found* policy_record(const std::string& domain, const Walk& walk) {
  const std::string organization = organizational(domain, walk);
  for (const Found& found : walk.found) {
    const bool suffix = &found == &walk.found.back() && found.record.suffix == DmarcRecord::Suffix::kYes;
    if (found.domain == domain || found.domain == organization || suffix) return &found;
  }
  return nullptr;
}

// RFC 9989 §3.2.13: no address and no mail exchanger. Nothing: not known yet.
std::optional<bool> exists(const std::string& domain, Answers& answers) {
  bool known = true;
  bool any = false;
  for (const RecordType type : {RecordType::kIpv4, RecordType::kIpv6, RecordType::kMx}) {
    const Answer* answer = answers.find(type, domain);
    known &= answer != nullptr && answer->status != Answer::Status::kTemporary;
    any |= answer != nullptr && answer->status == Answer::Status::kOk;
  }
  if (any) return true;
  return known ? std::optional<bool>(false) : std::nullopt;
}

std::optional<DmarcPolicy> published_policy(const std::string& domain, const Found& found, Answers& answers) {
  const DmarcRecord& record = found.record;
  if (found.domain == domain) return record.policy;
  const DmarcPolicy below = record.subdomain.value_or(record.policy);
  if (!record.not_existing || *record.not_existing == below) return below;
  const auto there = exists(domain, answers);
  if (!there) return std::nullopt;
  return *there ? below : *record.not_existing;
}

DmarcPolicy one_step_down(DmarcPolicy policy) {
  return policy == DmarcPolicy::kReject ? DmarcPolicy::kQuarantine : DmarcPolicy::kNone;
}

// Nothing: not known. A name outside of the author's organisation cannot have the same one.
std::optional<bool> aligned(const std::string& identifier, const std::string& author,
                            const std::string& organization, bool strict, Answers& answers) {
  if (identifier == author) return true;
  if (strict || !is_or_is_below(identifier, organization)) return false;
  const auto own = organizational_domain(identifier, answers);
  if (!own) return std::nullopt;
  return *own == organization;
}

// Without a record there is nothing to align by but the name itself, and that aligns under any.
void align_by_name(const Authenticated& authenticated, DmarcResult* out) {
  const auto& dkim = authenticated.dkim;
  if (std::find(dkim.begin(), dkim.end(), out->domain) != dkim.end()) {
    out->aligned_by = "dkim " + out->domain;
    out->aligned_dkim = {out->domain};
  } else if (authenticated.spf == out->domain) {
    out->aligned_by = "spf " + out->domain;
  }
}

}  // namespace

bool is_or_is_below(std::string_view name, std::string_view domain) {
  return name == domain || (name.ends_with(domain) && name.size() > domain.size() &&
                            name[name.size() - domain.size() - 1] == '.');
}

const char* to_string(DmarcStatus status) {
  switch (status) {
    case DmarcStatus::kNone:
      return "none";
    case DmarcStatus::kPass:
      return "pass";
    case DmarcStatus::kFail:
      return "fail";
    case DmarcStatus::kTempError:
      return "temperror";
    case DmarcStatus::kPermError:
      return "permerror";
  }
  return "none";
}

std::optional<std::string> organizational_domain(const std::string& domain, Answers& answers) {
  const Walk found = walk(domain, answers);
  if (found.temporary) return std::nullopt;
  return organizational(domain, found);
}

DmarcResult evaluate_dmarc(const std::string& domain, const Authenticated& authenticated, Answers& answers) {
  DmarcResult out;
  out.domain = domain;
  const auto failed = [&out](std::string why) {
    out.status = DmarcStatus::kTempError;
    out.reason = std::move(why);
    return out;
  };
  const Walk found = walk(domain, answers);
  const Found* policy = found.temporary ? nullptr : policy_record(domain, found);
  const auto published = policy != nullptr ? published_policy(domain, *policy, answers) : std::nullopt;
  if (!published) {
    align_by_name(authenticated, &out);
    if (found.temporary) return failed("the policy cannot be looked up");
    if (policy != nullptr) return failed("it cannot be found out whether the domain exists");
    return out;
  }
  out.policy_domain = policy->domain;
  out.published = *published;
  out.policy = policy->record.testing ? one_step_down(*published) : *published;
  const std::string organization = organizational(domain, found);
  bool unknown = false;
  const auto accept = [&](const std::string& identifier, bool strict, const char* by) {
    const auto verdict = aligned(identifier, domain, organization, strict, answers);
    unknown |= !verdict.has_value();
    if (!verdict.value_or(false)) return false;
    if (out.status != DmarcStatus::kPass) out.aligned_by = std::string(by) + " " + identifier;
    out.status = DmarcStatus::kPass;
    return true;
  };
  out.status = DmarcStatus::kFail;
  for (const std::string& identifier : authenticated.dkim) {
    if (accept(identifier, policy->record.strict_dkim, "dkim")) out.aligned_dkim.push_back(identifier);
  }
  if (!authenticated.spf.empty()) accept(authenticated.spf, policy->record.strict_spf, "spf");
  if (unknown && out.status != DmarcStatus::kPass) return failed("alignment cannot be looked up");
  return out;
}

}  // namespace essaim::mailauth
