#include "lists/scenario/shipped.h"

#include "core/base/text.h"
#include "lists/scenario/shipped/tables.h"

namespace essaim::lists::scenario {

const std::vector<Shipped>& shipped() {
  static const std::vector<Shipped> all = [] {
    std::vector<Shipped> out;
    for (const auto& table : {shipped_send(), shipped_membership(), shipped_lists()})
      out.insert(out.end(), table.begin(), table.end());
    return out;
  }();
  return all;
}

std::optional<std::string_view> shipped_text(std::string_view function, std::string_view name) {
  for (const Shipped& one : shipped()) {
    if (one.function == function && one.name == name) return one.text;
  }
  return std::nullopt;
}

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"send", "private", "who may post"},
      {"subscribe", "auth", "who may subscribe, and who has to agree"},
      {"unsubscribe", "auth", "how people leave"},
      {"invite", "private", "who may invite others"},
      {"add", "owner", "who may add others"},
      {"del", "owner", "who may remove others"},
      {"review", "owner", "who may see the members"},
      {"info", "open", "who may see what the list is for"},
      {"remind", "owner", "who may have members reminded"},
      {"visibility", "conceal", "who sees that the list exists"},
      {"archive_mail_access", "closed", "who may ask for the archive by mail", true, false},
      {"archive_web_access", "closed", "who may read the archive on the web", true, false},
      {"tracking", "owner", "who may see what became of a post", true, false},
      {"d_read", "private", "who may read the shared documents", true, false},
      {"d_edit", "owner", "who may change the shared documents", true, false},
      {"create_list", "public_listmaster", "who may create lists", false},
      {"move_user", "auth", "who may move an address on all lists", false},
      {"global_remind", "listmaster", "who may have the members of all lists reminded", false},
      {"family_signoff", "auth", "how people leave a family of lists", false, false},
      {"automatic_list_creation", "public", "who may have a list made by its first post", false, false},
      {"spam_status", "x-spam-status", "which posts count as spam", false, false},
      {"topics_visibility", "noconceal", "who sees a topic of lists", false, false},
  };
  return all;
}

const Function* find_function(std::string_view name) {
  for (const Function& function : functions()) {
    if (function.name == name) return &function;
  }
  return nullptr;
}

std::string canonical_name(std::string_view function, std::string_view name) {
  std::string out;
  for (const char c : trimmed(name)) {
    if (c == ',') {
      out.push_back('_');
    } else if (c != ' ') {
      out.push_back(c);
    }
  }
  if (out == "default") {
    if (const Function* known = find_function(function)) return std::string(known->default_name);
  }
  if (function == "visibility" && out == "public") return "noconceal";
  if (function == "visibility" && out == "private") return "conceal";
  return out;
}

}  // namespace essaim::lists::scenario
