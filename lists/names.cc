#include "lists/names.h"

#include "core/base/text.h"
#include "lists/admin.h"

namespace essaim::lists {

const char* to_string(storage::Role role) {
  switch (role) {
    case storage::Role::kMember:
      return "member";
    case storage::Role::kOwner:
      return "owner";
    case storage::Role::kEditor:
      return "editor";
    case storage::Role::kListmaster:
      return "listmaster";
  }
  return "?";
}

Result<storage::Role> parse_role(const std::string& text) {
  for (const auto role : {storage::Role::kMember, storage::Role::kOwner, storage::Role::kEditor}) {
    if (text == to_string(role)) return role;
  }
  return Error{ErrorCode::kInvalid,
               "'" + escaped_for_display(text, 80) + "' is no role: there are member, owner and editor"};
}

std::string wrong_with_list_name(const std::string& local) {
  constexpr std::string_view kLongest = "-unsubscribe";
  if (local.empty()) return "it is empty";
  const auto letter_or_digit = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!letter_or_digit(local.front())) return "it must begin with a letter or digit";
  for (const char c : local) {
    if (!letter_or_digit(c) && c != '.' && c != '+' && c != '_' && c != '-')
      return "it may have letters, digits and . + _ - only";
  }
  if (local.ends_with('.') || local.find("..") != std::string::npos)
    return "a dot must stand between other characters";
  if (local.size() + kLongest.size() > smtp::kMaxLocalPart)
    return "it is longer than " + std::to_string(smtp::kMaxLocalPart - kLongest.size()) +
           " characters, and -unsubscribe has to fit behind it";
  return taken_by_the_site(local);
}

std::string taken_by_the_site(const std::string& local) {
  for (const std::string_view suffix : {"-request", "-owner", "-editor", "-subscribe", "-unsubscribe"}) {
    if (local.ends_with(suffix))
      return "names in " + std::string(suffix) + " belong to another list's addresses";
  }
  if (local.find("-unsubscribe+") != std::string::npos)
    return "-unsubscribe+ belongs to another list's addresses";
  for (const std::string_view prefix :
       {"bounce+", "obounce+", "confirm+", "approve+", "reject+", "ban+", "answer+", "leave+"}) {
    if (local.starts_with(prefix))
      return "names in " + std::string(prefix) + " are kept for return addresses and answers";
  }
  if (local == "postmaster" || local == "abuse" || local == "listmaster")
    return "it belongs to those who run the site";
  return "";
}

Result<std::string> checked_domain(const std::string& name) {
  const auto address = smtp::parse_mailbox("x@" + name);
  if (!address.ok() || address->domain.starts_with('['))
    return Error{ErrorCode::kInvalid, "'" + escaped_for_display(name, 260) + "' is not a domain name"};
  return address->domain;
}

Result<smtp::Address> checked_list(const std::string& address) {
  auto parsed = smtp::parse_mailbox(address);
  if (!parsed.ok())
    return Error{ErrorCode::kInvalid,
                 parsed.error().message + " (a list is named like dev@lists.example.org)"};
  parsed->local = parsed->local_key();
  return parsed;
}

}  // namespace essaim::lists
