#include "lists/scenario/scenario.h"

#include <array>

#include "core/base/text.h"

namespace essaim::lists::scenario {
namespace {

constexpr std::array kAuths = {"smtp", "dkim", "md5", "smtp_auth", "smime", "pgp"};
constexpr std::array kActions = {"do_it",     "reject",     "request_auth", "owner", "editor",
                                 "editorkey", "listmaster", "ham",          "spam",  "unsure"};

}  // namespace

const char* to_string(Auth auth) {
  return kAuths[static_cast<std::size_t>(auth)];
}

std::optional<Auth> parse_auth(std::string_view text) {
  for (std::size_t i = 0; i < kAuths.size(); ++i) {
    if (equals_ignoring_case(text, kAuths[i])) return static_cast<Auth>(i);
  }
  return std::nullopt;
}

std::string AuthSet::to_string() const {
  std::string out;
  for (std::size_t i = 0; i < kAuths.size(); ++i) {
    if (!has(static_cast<Auth>(i))) continue;
    if (!out.empty()) out += ',';
    out += kAuths[i];
  }
  return out;
}

const char* to_string(ActionKind kind) {
  return kActions[static_cast<std::size_t>(kind)];
}

std::string Action::to_string() const {
  std::string out = scenario::to_string(kind);
  if (!reason.empty()) out += "(reason='" + reason + "')";
  if (!reject_template.empty()) out += "(tt2='" + reject_template + "')";
  if (confirmed_by_email) out += "([email])";
  if (then) out += "," + std::string(scenario::to_string(*then));
  if (notify) out += ",notify";
  if (quiet) out += ",quiet";
  return out;
}

std::string with_domain(std::string pattern, std::string_view quoted) {
  for (const std::string_view name : {"[domain]", "[host]"}) {
    for (auto at = pattern.find(name); at != pattern.npos; at = pattern.find(name, at + quoted.size()))
      pattern.replace(at, name.size(), quoted);
  }
  return pattern;
}

std::string Scenario::title(std::string_view language) const {
  for (const std::string& wanted :
       {std::string(language), std::string("en"), std::string("gettext"), std::string()}) {
    if (const auto found = titles.find(wanted); found != titles.end()) return found->second;
  }
  return titles.empty() ? name : titles.begin()->second;
}

}  // namespace essaim::lists::scenario
