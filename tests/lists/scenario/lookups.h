// Roles, filters and attributes as a test says they are, and what was asked.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/base/text.h"
#include "lists/scenario/decide.h"

namespace essaim::test {

struct TestLookups : lists::scenario::Lookups {
  // "member dev ann@x.example", "owner dev ...", "editor dev ..."
  std::set<std::string> roles;
  std::set<std::string> lists{"dev"};
  std::set<std::string> listmasters;
  std::map<std::string, std::set<std::string>> filters;
  std::map<std::string, std::string> attributes;  // "list lang"
  bool broken = false;
  ErrorCode trouble = ErrorCode::kTemporary;
  int asked = 0;

  Result<std::optional<bool>> has_role(storage::Role role, std::string_view list,
                                       std::string_view who) override {
    ++asked;
    if (broken) return Error{trouble, "the database is away"};
    if (lists.count(std::string(list)) == 0) return std::optional<bool>();
    const char* name = role == storage::Role::kMember  ? "member "
                       : role == storage::Role::kOwner ? "owner "
                                                       : "editor ";
    return std::optional<bool>(roles.count(name + std::string(list) + " " + std::string(who)) > 0);
  }
  Result<bool> is_listmaster(std::string_view who) override {
    return listmasters.count(std::string(who)) > 0;
  }
  Result<std::optional<bool>> search(const std::string& filter, std::string_view who) override {
    ++asked;
    const auto found = filters.find(filter);
    if (found == filters.end()) return std::optional<bool>();
    return std::optional<bool>(found->second.count(std::string(who)) > 0);
  }
  Result<std::optional<std::string>> attribute(lists::scenario::Variable of,
                                               const std::string& name) override {
    const char* kind = of == lists::scenario::Variable::kList   ? "list "
                       : of == lists::scenario::Variable::kConf ? "conf "
                                                                : "user ";
    const auto found = attributes.find(kind + name);
    if (found == attributes.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
  }
};

}  // namespace essaim::test
