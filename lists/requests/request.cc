#include "lists/requests/request.h"

#include <array>

#include "core/base/check.h"

namespace essaim::lists {
namespace {

using Right = VerbRow::Right;

// Names of details that are changes of settings, to a value and to the default.
const std::string kSetting = "set:", kDefault = "unset:";

constexpr std::array kVerbs = {
    VerbRow{Verb::kSubscribe, "subscribe", "subscribe", Right::kAnyone, "subscribe {{email}} to {{list}}"},
    VerbRow{Verb::kUnsubscribe, "unsubscribe", "unsubscribe", Right::kAnyone, "take {{email}} off {{list}}"},
    VerbRow{Verb::kAdd, "add", "add", Right::kAnyone, "add {{email}} to {{list}}"},
    VerbRow{Verb::kDelete, "delete", "del", Right::kAnyone, "remove {{email}} from {{list}}"},
    VerbRow{Verb::kInvite, "invite", "invite", Right::kAnyone, "invite {{email}} to {{list}}"},
    VerbRow{Verb::kSet, "set", "", Right::kMember, "change the options of {{email}} on {{list}}"},
    VerbRow{Verb::kReview, "review", "review", Right::kAnyone, "see the members of {{list}}"},
    VerbRow{Verb::kInfo, "info", "info", Right::kAnyone, "see what {{list}} is for"},
    VerbRow{Verb::kStats, "stats", "review", Right::kAnyone, "see the members of {{list}}"},
    VerbRow{Verb::kRemind, "remind", "remind", Right::kAnyone, "remind the members of {{list}}"},
    VerbRow{Verb::kRemindAll, "remind-all", "global_remind", Right::kAnyone,
            "remind the members of all lists"},
    VerbRow{Verb::kModIndex, "modindex", "", Right::kEditor, "see the members of {{list}}"},
    VerbRow{Verb::kWhich, "which", "", Right::kAnyone, "see the members of {{list}}"},
    VerbRow{Verb::kLists, "lists", "", Right::kAnyone, "see the members of {{list}}"},
    VerbRow{Verb::kCreate, "create", "create_list", Right::kAnyone, "create the list {{list}}"},
    VerbRow{Verb::kConfigure, "configure", "", Right::kOwner, "change the settings of {{list}}"},
    VerbRow{Verb::kDeleteList, "delete-list", "", Right::kListmaster, "delete the list {{list}}"},
    VerbRow{Verb::kClose, "close", "", Right::kPrivilegedOwner, "close the list {{list}}"},
    VerbRow{Verb::kOpen, "open", "", Right::kPrivilegedOwner, "open the list {{list}}"},
    VerbRow{Verb::kRename, "rename", "", Right::kPrivilegedOwner, "call the list {{list}} {{name}}"},
    VerbRow{Verb::kForgetName, "forget-name", "", Right::kPrivilegedOwner, "give up the name {{name}}"},
    VerbRow{Verb::kMoveUser, "move_user", "move_user", Right::kAnyone,
            "move {{previous}} to {{email}} on all lists"},
    VerbRow{Verb::kCreateDomain, "create-domain", "", Right::kSiteListmaster, "create the domain {{list}}"},
    VerbRow{Verb::kConfigureDomain, "configure-domain", "", Right::kListmaster,
            "change the settings of {{list}}"},
    VerbRow{Verb::kDeleteDomain, "delete-domain", "", Right::kSiteListmaster, "delete the domain {{list}}"},
    VerbRow{Verb::kAddListmaster, "add-listmaster", "", Right::kSiteListmaster,
            "make {{email}} a listmaster"},
    VerbRow{Verb::kRemoveListmaster, "remove-listmaster", "", Right::kSiteListmaster,
            "make {{email}} no listmaster"},
    VerbRow{Verb::kSetText, "set-text", "", Right::kOwner, "keep the text {{name}}"},
    VerbRow{Verb::kDeleteText, "delete-text", "", Right::kOwner, "take the text {{name}} away"},
    VerbRow{Verb::kBlock, "block", "", Right::kOwner, "block {{name}}"},
    VerbRow{Verb::kUnblock, "unblock", "", Right::kOwner, "block {{name}} no longer"},
};

}  // namespace

const char* to_string(Response::Status status) {
  switch (status) {
    case Response::Status::kDone:
      return "done";
    case Response::Status::kAlready:
      return "already";
    case Response::Status::kWaits:
      return "waits";
    case Response::Status::kRefused:
      return "refused";
  }
  return "?";
}

const VerbRow& row_of(Verb verb) {
  for (const VerbRow& row : kVerbs) {
    if (row.verb == verb) return row;
  }
  ESSAIM_CHECK(false);
  return kVerbs.front();
}

std::optional<Verb> verb_named(std::string_view name) {
  for (const VerbRow& row : kVerbs) {
    if (row.name == name) return row.verb;
  }
  return std::nullopt;
}

std::string described(const Request& request, std::string_view language) {
  return phrase(language, row_of(request.verb).phrase,
                {{"email", request.email.to_string()},
                 {"list", request.list.local.empty() ? request.list.domain : request.list.address()},
                 {"previous", request.previous.to_string()},
                 {"name", request.name}});
}

std::map<std::string, std::string> details_of(const Request& request) {
  std::map<std::string, std::string> out;
  out["verb"] = row_of(request.verb).name;
  if (request.list.id == 0) {
    out["local"] = request.list.local;
    out["domain"] = request.list.domain;
  }
  if (!request.email.empty()) out["email"] = request.email.to_string();
  if (!request.previous.empty()) out["previous"] = request.previous.to_string();
  if (!request.name.empty()) out["name"] = request.name;
  if (request.reception) out["delivery"] = std::to_string(static_cast<int>(*request.reception));
  if (request.options.conceal) out["conceal"] = *request.options.conceal ? "1" : "0";
  if (request.role != storage::Role::kMember) out["role"] = to_string(request.role);
  for (const auto& [name, value] : request.changes)
    out[(value ? kSetting : kDefault) + name] = value.value_or("");
  if (request.kind != storage::TextKind::kScenario)
    out["kind"] = std::to_string(static_cast<int>(request.kind));
  if (request.quiet) out["quiet"] = "1";
  return out;
}

Result<Request> request_of(const std::map<std::string, std::string>& details,
                           const storage::ListRecord& list) {
  const auto value = [&details](const char* name) {
    const auto found = details.find(name);
    return found == details.end() ? std::string() : found->second;
  };
  Request out;
  const auto verb = verb_named(value("verb"));
  if (!verb) return Error{ErrorCode::kDamaged, "a request that waits has no verb"};
  out.verb = *verb;
  out.list = list;
  if (list.id == 0) {
    out.list.local = value("local");
    out.list.domain = value("domain");
  }
  for (const auto& [name, address] : {std::pair{"email", &out.email}, std::pair{"previous", &out.previous}}) {
    const std::string text = value(name);
    if (text.empty()) continue;
    auto parsed = smtp::parse_mailbox(text, smtp::LocalPart::kUtf8);
    if (!parsed.ok()) return Error{ErrorCode::kDamaged, "a request that waits has no address: " + text};
    *address = std::move(*parsed);
  }
  out.name = value("name");
  if (const std::string reception = value("delivery"); !reception.empty()) {
    if (reception.size() != 1 || reception[0] < '0' || reception[0] > '9')
      return Error{ErrorCode::kDamaged, "a request that waits has no such reception: " + reception};
    out.reception = static_cast<storage::Reception>(reception[0] - '0');
  }
  if (!value("conceal").empty()) out.options.conceal = value("conceal") == "1";
  if (const std::string role = value("role"); !role.empty()) {
    const auto parsed = parse_role(role);
    if (!parsed.ok()) return Error{ErrorCode::kDamaged, "a request that waits has no such role: " + role};
    out.role = *parsed;
  }
  for (const auto& [name, text] : details) {
    if (name.starts_with(kSetting)) out.changes[name.substr(kSetting.size())] = text;
    if (name.starts_with(kDefault)) out.changes[name.substr(kDefault.size())] = std::nullopt;
  }
  if (const std::string kind = value("kind"); !kind.empty()) {
    if (kind != "1" && kind != "2")
      return Error{ErrorCode::kDamaged, "a request that waits has no such kind: " + kind};
    out.kind = kind == "1" ? storage::TextKind::kFilter : storage::TextKind::kTemplate;
  }
  out.quiet = value("quiet") == "1";
  return out;
}

}  // namespace essaim::lists
