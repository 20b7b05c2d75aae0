// The settings in force as a flat table, for `config show --json`.
#pragma once

#include <string>
#include <vector>

#include "core/config/values.h"

namespace essaim::smtpd {

struct ShownValue {
  std::string name;                // "delivery.port", "listen[0].address"
  std::vector<std::string> texts;  // one, or those of a list; secrets are hidden
  bool list = false;
  bool by_default = false;
};
std::vector<ShownValue> shown_values(const config::Values& values);

}  // namespace essaim::smtpd
