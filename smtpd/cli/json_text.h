// JSON output of commands. Included by .cc files only.
#pragma once

#include "core/base/json.h"
#include "smtpd/cli/shell.h"

namespace essaim::smtpd::cli {

// A line; gives kOk.
inline int print_json(const Json& json) {
  print_line(json_text(json));
  return kOk;
}

// The elements of an array one by one, so that long ones need no memory.
class JsonArray {
 public:
  void add(const Json& element) {
    print(first_ ? "[" : ",\n");
    print(json_text(element));
    first_ = false;
  }
  void end() { print(first_ ? "[]" : "]"); }

 private:
  bool first_ = true;
};

}  // namespace essaim::smtpd::cli
