// A site that serves requests by mail: two lists, their people, and what they are asked and told. For the tests of lists/.
#pragma once

#include <string>

#include "storage/held_store.h"
#include "tests/lists/mailbox.h"

namespace essaim::test {

inline constexpr const char* kRobot = "sympa@lists.example";

// The lists are dev (ann@x.example, owned by own@o.example, moderated by eve@e.example) and other (ann and own).
struct Served : TestSite {
  explicit Served(lists::Settings settings = {});

  smtp::Reply command(const std::string& from, const std::string& text, const std::string& more = "",
                      const std::string& to = kRobot);
  // The answer to one command.
  Letter ask(const std::string& from, const std::string& text, const std::string& more = "");
  Letter question(const std::string& who);
  // Says yes to the last question to `who`.
  smtp::Reply confirm(const std::string& who, const std::string& from);
  bool is_member(const std::string& who);  // of dev
};

}  // namespace essaim::test
