#include "delivery/tls/sts_policy.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/dns/packet.h"
#include "core/net/tls.h"
#include "core/smtp/idn.h"

namespace essaim::delivery {
namespace {

constexpr std::chrono::seconds kLongest{31'557'600};  // §3.2: about a year
constexpr std::size_t kMostHosts = 100;

Error wrong(const std::string& what) {
  return {ErrorCode::kInvalid, what};
}

bool is_id(std::string_view text) {
  return !text.empty() && text.size() <= 32 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
}

// "v=STSv1" ends there or with ";", so that "v=STSv10" is something else.
bool is_announcement(std::string_view text) {
  constexpr std::string_view kVersion = "v=STSv1";
  if (!text.starts_with(kVersion)) return false;
  text.remove_prefix(kVersion.size());
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return text.empty() || text.front() == ';';
}

std::string host_pattern(std::string_view value) {
  const bool below = value.starts_with("*.");
  if (below) value.remove_prefix(2);
  if (value.ends_with('.')) value.remove_suffix(1);
  auto ascii = smtp::domain_to_ascii(std::string(value));
  if (!ascii.ok() || !dns::is_host_name(*ascii)) return {};
  return (below ? "*." : "") + ascii_lowered(*ascii);
}

}  // namespace

const char* to_string(StsPolicy::Mode mode) {
  switch (mode) {
    case StsPolicy::Mode::kEnforce:
      return "enforce";
    case StsPolicy::Mode::kTesting:
      return "testing";
    case StsPolicy::Mode::kNone:
      break;
  }
  return "none";
}

Result<std::string> announced_id(const std::vector<std::string>& texts) {
  const std::string* only = nullptr;
  for (const std::string& text : texts) {
    if (!is_announcement(text)) continue;
    if (only != nullptr) return Error{ErrorCode::kNotFound, "more than one record announces a policy"};
    only = &text;
  }
  if (only == nullptr) return Error{ErrorCode::kNotFound, "no record announces a policy"};
  std::string id;
  for (std::string_view field : split(*only, ';')) {
    field = trimmed(field);
    if (!field.starts_with("id=")) continue;
    if (!id.empty()) return wrong("the record has two ids");
    id = field.substr(3);
  }
  if (!is_id(id)) return wrong("the record has no id of 1 to 32 letters and digits");
  return id;
}

Result<StsPolicy> parse_sts_policy(std::string_view text) {
  StsPolicy policy;
  bool version = false, mode = false, age = false;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trimmed(line).empty()) continue;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return wrong("a line without a colon");
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    // §3.2: of a key that may stand once, the first one counts.
    if (key == "version" && !version) {
      if (value != "STSv1") return wrong("\"version\" is not STSv1");
      version = true;
    } else if (key == "mode" && !mode) {
      if (value == "enforce")
        policy.mode = StsPolicy::Mode::kEnforce;
      else if (value == "testing")
        policy.mode = StsPolicy::Mode::kTesting;
      else if (value != "none")
        return wrong("\"mode\" is neither enforce, testing nor none");
      mode = true;
    } else if (key == "max_age" && !age) {
      const auto seconds = parse_u64(value);
      if (!seconds || value.size() > 10) return wrong("\"max_age\" is no number of seconds");
      policy.max_age = std::min(kLongest, std::chrono::seconds(*seconds));
      age = true;
    } else if (key == "mx") {
      std::string pattern = host_pattern(value);
      if (pattern.empty()) return wrong("\"mx\" is no host name");
      if (policy.hosts.size() == kMostHosts) return wrong("more than 100 hosts");
      policy.hosts.push_back(std::move(pattern));
    }
  }
  if (!version) return wrong("\"version\" is missing");
  if (!mode) return wrong("\"mode\" is missing");
  if (!age) return wrong("\"max_age\" is missing");
  if (policy.hosts.empty() && policy.mode != StsPolicy::Mode::kNone) return wrong("no \"mx\" is named");
  return policy;
}

std::string to_text(const StsPolicy& policy) {
  std::string text = std::string("version: STSv1\r\nmode: ") + to_string(policy.mode) + "\r\n";
  for (const std::string& host : policy.hosts) text += "mx: " + host + "\r\n";
  return text + "max_age: " + std::to_string(policy.max_age.count()) + "\r\n";
}

bool names_host(const StsPolicy& policy, const std::string& host) {
  const auto ascii = smtp::domain_to_ascii(host);
  const std::string name = ascii.ok() ? ascii_lowered(*ascii) : ascii_lowered(host);
  return std::any_of(policy.hosts.begin(), policy.hosts.end(), [&](const std::string& pattern) {
    return net::certificate_name_matches(pattern, name);
  });
}

std::string sts_host(const std::string& domain) {
  return "mta-sts." + domain;
}

std::string sts_url(const std::string& domain) {
  return "https://" + sts_host(domain) + "/.well-known/mta-sts.txt";
}

bool is_policy_type(std::string_view content_type) {
  return equals_ignoring_case(trimmed(content_type.substr(0, content_type.find(';'))), "text/plain");
}

}  // namespace essaim::delivery
