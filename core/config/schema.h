// Settings as a table: each setting is declared once, as a row, with all that loading, checking, the sample
// file, the manual page and `config show` need. The rows of Essaim are in smtpd/settings; this is the
// machinery.
//
// Names are paths of TOML keys: "hostname", "delivery.smarthost", and for arrays of tables
// "listen[].address". Values are immutable and shared between threads; a reload makes new ones.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace essaim::config {

enum class Type {
  kString,
  kBool,
  kInteger,    // minimum..maximum
  kDuration,   // "90s", "1h30m"; minimum and maximum in milliseconds
  kSize,       // "25M", "64K", "1G", or a number of bytes; minimum and maximum in bytes
  kEnum,       // one of `choices`
  kStrings,    // a list of strings
  kAddress,    // "127.0.0.1:25", "[::1]:25"
  kAddresses,  // a list of them
};

struct Setting {
  std::string name{};
  Type type = Type::kString;
  // As in the file but without quotes: "25M", "true", lists "a, b"; see `required`.
  std::string default_value{};
  std::string help{};     // one sentence or more, plain text
  std::string example{};  // for the sample, if there is no default; else the default is shown
  std::string unit{};     // for integers: "connections"; shown in the manual
  std::int64_t minimum = 0;
  std::int64_t maximum = std::numeric_limits<std::int64_t>::max();
  std::vector<std::string> choices{};
  bool optional = false;    // a number or a switch that may be unset: then another setting holds
  bool required = false;    // no default; in an array of tables: required in each element
  bool reloadable = false;  // SIGHUP applies it; else a restart is needed
  bool host_names = false;  // kAddress(es): a host name will do too, not only an IP address
  bool secret = false;      // `config show` hides the value
  // May refuse what the type allows: gives what is wrong, or "" (not called for defaults).
  std::string (*check)(const std::string& value) = nullptr;
};

// A table or an array of tables, with the sentence that introduces it.
struct Section {
  std::string name{};  // "delivery", "listen[]"
  std::string help{};
  bool optional = false;  // commented out as a whole in the sample
};

struct Schema {
  std::vector<Section> sections{};
  std::vector<Setting> settings{};
};

const char* to_string(Type type);

// Aborts if the table contradicts itself (twice the same name, a default outside its limits ...): called by
// loading and rendering, so no wrong table survives its first use.
void check_schema(const Schema& schema);

// What is wrong with one text for this setting (one element of it for lists); "" if nothing. The message
// names neither the setting nor the place.
std::string wrong_with(const Setting& setting, const std::string& text);

// "a, b" -> {"a", "b"}; {""} for "".
std::vector<std::string> default_texts(const Setting& setting);
bool is_list(Type type);

// "listen[].address" -> "listen[]", "address"; "hostname" -> "", "hostname".
std::string table_of(const std::string& name);
std::string key_of(const std::string& name);

}  // namespace essaim::config
