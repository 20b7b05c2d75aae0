// The settings as loaded: from the file, or by default. Getters abort (ESSAIM_CHECK) on a name or type that
// the schema does not have: that is a mistake in the program, never in a file. Immutable after loading; safe
// to share.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/config/schema.h"

namespace essaim::config {

// "host:port" taken apart; the host is an IP address without brackets, or, where names are allowed, a host
// name.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};
Result<HostPort> parse_host_port(std::string_view text, bool allow_names = false);
std::string to_string(const HostPort& address);           // as it is parsed; "" for none
Result<std::uint64_t> parse_size(std::string_view text);  // "25M", "64K", "1G", "100"
std::string format_size(std::uint64_t bytes);             // the shortest form that parse_size reads

// One value: its checked text ("25M"), or texts for lists.
struct Value {
  std::vector<std::string> texts;
  bool from_file = false;
  int line = 0;  // in the file, 0 if by default
  bool empty() const { return texts.empty() || (texts.size() == 1 && texts[0].empty()); }
};

class Values;

// The settings below one table: the whole file, or one element of an array of tables. Names are relative to
// it: for elements("listen[]"), get "address". Valid as long as the Values.
class View {
 public:
  bool is_set(std::string_view name) const;  // in the file, or by a default that is not empty
  bool from_file(std::string_view name) const;
  std::string string(std::string_view name) const;  // also for kEnum; "" if not set
  // Of an optional one that is not set: false and 0; ask is_set() first.
  bool boolean(std::string_view name) const;
  std::int64_t integer(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  std::uint64_t size(std::string_view name) const;
  std::vector<std::string> strings(std::string_view name) const;
  HostPort address(std::string_view name) const;  // port 0 and empty host if not set
  std::vector<HostPort> addresses(std::string_view name) const;

 private:
  friend class Values;
  View(const Values* values, std::string prefix, const std::map<std::string, Value, std::less<>>* held)
      : values_(values), prefix_(std::move(prefix)), held_(held) {}
  const Value& held(std::string_view name, std::initializer_list<Type> types) const;

  const Values* values_;
  std::string prefix_;
  const std::map<std::string, Value, std::less<>>* held_;
};

class Values {
 public:
  View root() const { return View(this, "", &root_); }
  // Of an array of tables, in the order of the file: elements("listen[]").
  std::vector<View> elements(std::string_view array) const;
  const Schema& schema() const { return *schema_; }
  // What holds after a reload: settings that are reloadable as in `fresh`, which has the same schema, all others as here. An array
  // of tables that is reloadable in all its settings is that of `fresh`. Of another one the elements stay, and each takes from the
  // one there that says the same in all that is not reloadable; of several that do, in the order of the file.
  Values reloaded(const Values& fresh) const;

 private:
  friend class View;
  friend class Loader;
  using Held = std::map<std::string, Value, std::less<>>;  // by the name in its table
  static void reload_elements(const std::vector<const Setting*>& settings, const std::vector<Held>& fresh,
                              std::vector<Held>* elements);

  std::shared_ptr<const Schema> schema_;
  Held root_;
  std::map<std::string, std::vector<Held>, std::less<>> arrays_;
};

}  // namespace essaim::config
