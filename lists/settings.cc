#include "lists/settings.h"

#include <tuple>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/values.h"
#include "core/mail/header_block.h"
#include "core/smtp/idn.h"
#include "lists/admin.h"
#include "lists/policies.h"
#include "lists/scenario/shipped.h"
#include "lists/setting_words.h"
#include "lists/templates/catalogue.h"

namespace essaim::lists {
namespace {

const config::Setting* find_setting(const std::string& name) {
  for (const config::Setting& setting : list_settings_table()) {
    if (setting.name == name) return &setting;
  }
  return nullptr;
}

// The text in force, and where it stands.
std::pair<std::string, const char*> lookup(const storage::ListRecord& list, const config::Setting& setting) {
  const auto usable = [&](const std::map<std::string, std::string>& from, std::string* out) {
    const auto found = from.find(setting.name);
    if (found == from.end()) return false;
    if (const auto checked = check_setting(setting.name, found->second); !checked.ok()) {
      log::warning("bad-list-setting", {{"list", list.address()}, {"error", checked.error().message}});
      return false;
    }
    *out = found->second;
    return true;
  };
  std::string value;
  if (!is_of_domains_alone(setting.name) && usable(list.settings, &value)) return {value, "list"};
  if (usable(list.domain_settings, &value)) return {value, "domain"};
  return {setting.default_value, "default"};
}

}  // namespace

bool is_of_domains_alone(std::string_view name) {
  return name == "robot";
}

std::vector<std::string> set_in_vain(const storage::ListRecord& list,
                                     const std::map<std::string, std::optional<std::string>>& changes) {
  std::vector<std::string> out;
  for (const auto& [name, value] : changes) {
    const scenario::Function* const function = scenario::find_function(name);
    if (value && function != nullptr && !function->used)
      out.push_back(name + " is kept, and nothing asks for it yet");
  }
  const ListSettings settings = settings_of(list);
  for (const auto& [name, html, text] : {std::tuple{"header", settings.header_html, settings.header},
                                         std::tuple{"footer", settings.footer_html, settings.footer}}) {
    const std::string of_html = std::string(name) + "_html";
    if ((changes.contains(name) || changes.contains(of_html)) && !html.empty() && text.empty())
      out.push_back(of_html + " does nothing where " + name + ", the words for plain text, is empty");
  }
  return out;
}

Result<void> check_setting(const std::string& name, const std::string& value) {
  // What "send" was called before there were scenarios.
  if (name == "post") {
    for (const char* known : {"members", "anyone", "owners", "nobody"}) {
      if (value == known) return {};
    }
    return Error{ErrorCode::kInvalid,
                 "post: it must be one of members, anyone, owners, nobody; better set send, to a scenario"};
  }
  const config::Setting* const setting = find_setting(name);
  if (setting == nullptr) {
    std::vector<std::string> names;
    for (const config::Setting& known : list_settings_table()) names.push_back(known.name);
    std::string message = "there is no setting '" + escaped_for_display(name, 80) + "'";
    if (const std::string near = nearest(name, names); !near.empty()) {
      message += "; did you mean '" + near + "'?";
    } else {
      message += "; there are:";
      for (const std::string& known : names) message += " " + known;
    }
    return Error{ErrorCode::kInvalid, message};
  }
  // Texts of several lines are allowed here, so they are judged by their own check alone.
  const std::string wrong =
      setting->check != nullptr ? setting->check(value) : config::wrong_with(*setting, value);
  if (!wrong.empty()) return Error{ErrorCode::kInvalid, name + ": " + wrong};
  return {};
}

ListSettings settings_of(const storage::ListRecord& list) {
  std::map<std::string, std::string> text;
  for (const config::Setting& setting : list_settings_table()) {
    if (setting.check != check_scenario_name) text[setting.name] = lookup(list, setting).first;
  }

  ListSettings out;
  out.description = text["description"];
  out.nobody_posts = scenario_name(list, "send") == "closed";
  const std::string subscribe = scenario_name(list, "subscribe");
  out.nobody_subscribes = subscribe == "closed" || subscribe == "invitation" || subscribe == "smime";
  out.language = text["language"];
  out.robot = text["robot"];
  out.welcome = text["welcome"] == "true";
  out.tell_held = text["tell_held"] == "true";
  out.tell_approved = text["tell_approved"] == "true";
  out.tell_rejected = text["tell_rejected"] == "true";
  for (const auto& [name, span] :
       {std::pair{"held_expire", &out.held_expire}, std::pair{"confirm_expire", &out.confirm_expire},
        std::pair{"approval_expire", &out.approval_expire},
        std::pair{"approval_remind", &out.approval_remind}})
    ESSAIM_CHECK(parse_duration(text[name], span));
  out.subject_tag = text["subject_tag"];
  const std::string& reply_to = text["reply_to"];
  if (reply_to == "list") {
    out.reply_to = ReplyTo::kList;
  } else if (reply_to == "none") {
    out.reply_to = ReplyTo::kNone;
  } else if (reply_to != "author") {
    out.reply_to = ReplyTo::kAddress;
    const auto address = smtp::parse_mailbox(reply_to);  // a domain may be written with U-labels
    out.reply_to_address = address.ok() ? address->to_string() : reply_to;
  }
  if (const auto size = config::parse_size(text["max_size"]); size.ok()) out.max_size = *size;
  for (const std::string_view line : lines_of(text["add_headers"])) {
    const auto colon = line.find(':');
    out.add_headers.emplace_back(trimmed(line.substr(0, colon)), trimmed(line.substr(colon + 1)));
  }
  out.remove_headers = names_of(text["remove_headers"]);
  out.header = text["header"];
  out.header_html = text["header_html"];
  out.footer = text["footer"];
  out.footer_html = text["footer_html"];
  out.words_as_part = text["footer_style"] == "mime";
  out.envelope = text["envelope"] == "common" ? storage::CopyMode::kCommon : storage::CopyMode::kPersonal;
  ESSAIM_CHECK(parse_duration(text["expire"], &out.expire));
  if (const auto schedule = parse_schedule(text["digest"]); schedule.ok()) out.digest = *schedule;
  if (const auto posts = parse_u64(text["digest_max_posts"]))
    out.digest_max_posts = static_cast<std::size_t>(*posts);
  if (const auto days = parse_u64(text["bounce_days"])) out.bounce_days = static_cast<std::int64_t>(*days);
  out.goodbye = text["goodbye"] == "true";
  out.tell_left = text["tell_left"] == "true";
  out.report_failures = text["report_failures"] == "true";
  const std::string& tls = text["require_tls"];
  out.require_tls = tls == "always"   ? RequireTls::kAlways
                    : tls == "never"  ? RequireTls::kNever
                    : tls == "refuse" ? RequireTls::kRefuse
                                      : RequireTls::kKeep;
  const std::string& failure = text["dmarc_failure"];
  out.dmarc_failure = failure == "accept"   ? DmarcFailure::kAccept
                      : failure == "hold"   ? DmarcFailure::kHold
                      : failure == "refuse" ? DmarcFailure::kRefuse
                                            : DmarcFailure::kMark;
  out.authenticated_only = text["authenticated_only"] == "true";
  out.automatic_replies_pass = text["automatic_replies"] == "accept";
  out.commands_pass = text["misaddressed_commands"] == "accept";
  out.anonymous = text["anonymous"] == "true";
  out.author_treatment = treatment_of(text["author_protection"]).value_or(Treatment::kRewriteFrom);
  const std::string& from = text["author_protection_from"];
  out.author_policy = from == "none"     ? mailauth::DmarcPolicy::kNone
                      : from == "reject" ? mailauth::DmarcPolicy::kReject
                                         : mailauth::DmarcPolicy::kQuarantine;
  for (const std::string& word : names_of(text["author_exceptions"])) {
    if (auto exception = exception_of(word)) out.author_exceptions.push_back(*std::move(exception));
  }
  const std::string& broken = text["broken_signatures"];
  out.broken_signatures = broken == "rename" ? BrokenSignatures::kRename
                          : broken == "keep" ? BrokenSignatures::kKeep
                                             : BrokenSignatures::kRemove;
  out.arc_seal = text["arc_seal"] == "true";
  return out;
}

std::vector<ShownSetting> shown_settings(const storage::ListRecord& list) {
  std::vector<ShownSetting> out;
  for (const config::Setting& setting : list_settings_table()) {
    auto [value, from] = lookup(list, setting);
    if (setting.name == "send" && value == setting.default_value && scenario_name(list, "send") != value) {
      value = scenario_name(list, "send");
      from = list.settings.contains("post") ? "list" : "domain";
    }
    out.push_back({setting.name, std::move(value), from});
  }
  return out;
}

}  // namespace essaim::lists
