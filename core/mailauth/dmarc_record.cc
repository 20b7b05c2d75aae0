#include "core/mailauth/dmarc_record.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

std::optional<DmarcPolicy> read_policy(std::string_view value) {
  for (const DmarcPolicy policy : {DmarcPolicy::kNone, DmarcPolicy::kQuarantine, DmarcPolicy::kReject}) {
    if (equals_ignoring_case(value, to_string(policy))) return policy;
  }
  return std::nullopt;
}

void take(std::string_view name, std::string_view value, DmarcRecord* record) {
  const auto is = [&](std::string_view word) { return equals_ignoring_case(name, word); };
  if (is("p")) record->policy = read_policy(value).value_or(DmarcPolicy::kNone);
  if (is("sp")) record->subdomain = read_policy(value);
  if (is("np")) record->not_existing = read_policy(value);
  if (is("adkim")) record->strict_dkim = equals_ignoring_case(value, "s");
  if (is("aspf")) record->strict_spf = equals_ignoring_case(value, "s");
  if (is("t")) record->testing = equals_ignoring_case(value, "y");
  if (!is("psd")) return;
  if (equals_ignoring_case(value, "y")) record->suffix = DmarcRecord::Suffix::kYes;
  if (equals_ignoring_case(value, "n")) record->suffix = DmarcRecord::Suffix::kNo;
}

}  // namespace

const char* to_string(DmarcPolicy policy) {
  switch (policy) {
    case DmarcPolicy::kNone:
      return "none";
    case DmarcPolicy::kQuarantine:
      return "quarantine";
    case DmarcPolicy::kReject:
      return "reject";
  }
  return "none";
}

std::optional<DmarcRecord> parse_dmarc_record(std::string_view text) {
  constexpr std::size_t kMaxParts = 64;
  DmarcRecord record;
  bool first = true;
  const auto parts = split(text, ';');
  for (std::size_t i = 0; i < std::min(parts.size(), kMaxParts); ++i) {
    const std::string_view part = parts[i];
    const std::size_t equals = part.find('=');
    const std::string_view name = trimmed(part.substr(0, equals));
    const std::string_view value =
        equals == std::string_view::npos ? std::string_view{} : trimmed(part.substr(equals + 1));
    if (first && (name != "v" || value != "DMARC1")) return std::nullopt;
    first = false;
    take(name, value, &record);
  }
  return record;
}

}  // namespace essaim::mailauth
