#include "lists/setting_rights.h"

#include <algorithm>
#include <array>

#include "lists/scenario/shipped.h"

namespace essaim::lists {
namespace {

using Right = VerbRow::Right;

constexpr std::array kOwners = {
    std::string_view("description"),   std::string_view("subject_tag"),     std::string_view("header"),
    std::string_view("header_html"),   std::string_view("footer"),          std::string_view("footer_html"),
    std::string_view("footer_style"),  std::string_view("goodbye"),         std::string_view("welcome"),
    std::string_view("tell_left"),     std::string_view("tell_held"),       std::string_view("tell_approved"),
    std::string_view("tell_rejected"), std::string_view("report_failures"), std::string_view("language"),
};
constexpr std::array kPrivilegedOwners = {
    std::string_view("post"),
    std::string_view("reply_to"),
    std::string_view("dmarc_failure"),
    std::string_view("authenticated_only"),
    std::string_view("automatic_replies"),
    std::string_view("misaddressed_commands"),
    std::string_view("anonymous"),
    std::string_view("author_protection"),
    std::string_view("author_protection_from"),
    std::string_view("author_exceptions"),
    std::string_view("use_blocklist"),
    std::string_view("held_expire"),
    std::string_view("confirm_expire"),
    std::string_view("approval_expire"),
    std::string_view("approval_remind"),
};
template <typename Table>
bool holds(const Table& table, std::string_view name) {
  return std::find(table.begin(), table.end(), name) != table.end();
}

}  // namespace

VerbRow::Right right_to_set(std::string_view setting) {
  if (holds(kOwners, setting)) return Right::kOwner;
  if (holds(kPrivilegedOwners, setting)) return Right::kPrivilegedOwner;
  const scenario::Function* const function = scenario::find_function(setting);
  return function != nullptr && function->of_list ? Right::kPrivilegedOwner : Right::kListmaster;
}

}  // namespace essaim::lists
