// A list whose posts wait: of ann@x.example, owned by own@o.example, moderated by eve@e.example and ed@e.example.
#pragma once

#include <string>
#include <vector>

#include "lists/held/answer.h"
#include "storage/held_store.h"
#include "tests/lists/mailbox.h"

namespace essaim::test {

struct Moderated : TestSite {
  explicit Moderated(const std::string& scenario = "editorkey", lists::Settings settings = {});

  smtp::Reply post(const std::string& from = "ann@x.example", const std::string& id = "<p1@x>",
                   const std::string& more = "");
  // By mail, to the address of a question.
  smtp::Reply answer(const std::string& from, const std::string& to, const std::string& text = "yes\n",
                     const std::string& more = "");
  std::vector<storage::HeldRecord> held(bool decided = false);
  // Both read the same, then answer one after the other, as two nodes do.
  lists::Response decide(const storage::HeldRecord& held, lists::Verdict verdict, const std::string& by);
};

}  // namespace essaim::test
