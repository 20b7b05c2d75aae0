// The settings of lists: one table, from which `list set`, its errors, the manual and export come. Values are
// text as stored in ListRecord.settings; what a list does not set comes from its domain, then from the table.
// Pure functions.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/schema.h"
#include "core/smtp/address.h"
#include "storage/records.h"

namespace essaim::lists {

enum class WhoPosts {
  kMembers,  // members, owners and editors, by the address in From
  kAnyone,
  kOwners,  // owners and editors
  kNobody,
};
enum class ReplyTo { kAuthor, kList, kNone, kAddress };

// A list's settings, read.
struct ListSettings {
  std::string description;
  WhoPosts post = WhoPosts::kMembers;
  std::string subject_tag;
  ReplyTo reply_to = ReplyTo::kAuthor;
  std::string reply_to_address;  // for kAddress
  std::uint64_t max_size = 0;    // octets; 0: only the server's limit
  std::vector<std::pair<std::string, std::string>> add_headers;
  std::vector<std::string> remove_headers;
  std::string header, header_html, footer, footer_html;  // words over and under each post
  bool words_as_part = false;                            // in a MIME part of their own, in nobody's text
  storage::CopyMode envelope = storage::CopyMode::kPersonal;
  Duration expire{};
  bool goodbye = true;
  bool report_failures = true;
};

const std::vector<config::Setting>& list_settings_table();

// Of a list, over its domain's, over the defaults. A stored value that no longer fits the table (written by
// another version) is as if not set; the log says so.
ListSettings settings_of(const storage::ListRecord& list);
// The text in force for each name, with where it comes from: "list", "domain" or "default"; in the table's
// order.
struct ShownSetting {
  std::string name;
  std::string value;
  std::string from;
};
std::vector<ShownSetting> shown_settings(const storage::ListRecord& list);

// kInvalid names the setting, what is wrong with the value, or the nearest name when there is none such.
Result<void> check_setting(const std::string& name, const std::string& value);

}  // namespace essaim::lists
