// A list whose posts wait: of ann@x.example, owned by own@o.example, moderated by eve@e.example and ed@e.example.
#pragma once

#include <string>
#include <vector>

#include "lists/held/answer.h"
#include "storage/held_store.h"
#include "tests/lists/mailbox.h"

namespace essaim::test {

struct Moderated : TestSite {
  explicit Moderated(const std::string& scenario = "editorkey", lists::Settings settings = {}) {
    settings["send"] = scenario;
    make_list("dev", settings, {"ann@x.example"}, {"own@o.example"});
    join("dev", {"eve@e.example", "ed@e.example"}, storage::Role::kEditor);
  }
  smtp::Reply post(const std::string& from = "ann@x.example", const std::string& id = "<p1@x>",
                   const std::string& more = "") {
    return send(from, {"dev@lists.example"}, a_post(from, id, more));
  }
  smtp::Reply answer(const std::string& from, const std::string& to, const std::string& text = "yes\n",
                     const std::string& more = "") {
    return send(from, {to}, a_mail(from, "Re: x", text, more));
  }
  std::vector<storage::HeldRecord> held(bool decided = false) {
    std::vector<storage::HeldRecord> out;
    read([&](storage::Connection& c) {
      storage::HeldFilter filter;
      filter.decided = decided;
      auto found = storage::HeldStore(c).search(filter);
      require(found);
      out = *found;
    });
    return out;
  }
  // Both read the same, then answer one after the other, as two nodes do.
  lists::Response decide(const storage::HeldRecord& held, lists::Verdict verdict, const std::string& by) {
    lists::Response out;
    lists::Requester who;
    who.address = address(by);
    who.language = "en";
    lists::Answer answer;
    answer.verdict = verdict;
    require(database->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      lists::WriteContext context{services, c, clock.wall_now(), 1};
      auto response = lists::answer_held(context, held, answer, who);
      if (!response.ok()) return response.error();
      out = *response;
      return {};
    }));
    return out;
  }
};

}  // namespace essaim::test
