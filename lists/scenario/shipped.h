// The scenarios that come with the program, under the names that Sympa gives its own, and what old names mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::lists::scenario {

struct Shipped {
  std::string_view function, name, text;
};
// By function and name, in the order of the tables.
const std::vector<Shipped>& shipped();
std::optional<std::string_view> shipped_text(std::string_view function, std::string_view name);

struct Function {
  std::string_view name;          // "send"
  std::string_view default_name;  // "private"
  std::string_view help;          // what it decides, for the list of settings
  bool of_list = true;            // else of a domain
  bool used = true;  // else there is nothing yet that asks for it: it is kept for what is to come
};
// Those that a setting of lists or domains names a scenario for.
const std::vector<Function>& functions();
const Function* find_function(std::string_view name);

// As written in old configurations: "open,notify" is open_notify, "authdkim" is auth, "default" the function's default.
std::string canonical_name(std::string_view function, std::string_view name);

}  // namespace essaim::lists::scenario
