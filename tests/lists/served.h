// A site that serves requests by mail: two lists, their people, and what they are asked and told. For the tests of lists/.
#pragma once

#include "storage/held_store.h"
#include "tests/lists/mailbox.h"

namespace essaim::test {

inline constexpr const char* kRobot = "sympa@lists.example";

struct Served : TestSite {
  explicit Served(lists::Settings settings = {}) {
    settings.emplace("subscribe", "open");
    make_list("dev", settings, {"ann@x.example"}, {"own@o.example"});
    join("dev", {"eve@e.example"}, storage::Role::kEditor);
    make_list("other", {{"subscribe", "open"}}, {"ann@x.example"}, {"own@o.example"});
  }
  smtp::Reply command(const std::string& from, const std::string& text, const std::string& more = "",
                      const std::string& to = kRobot) {
    return send(from, {to}, a_mail(from, "", text, more));
  }
  // The answer to one command.
  Letter ask(const std::string& from, const std::string& text, const std::string& more = "") {
    const std::size_t before = letters_to(*this, from).size();
    const auto reply = command(from, text, more);
    BOOST_TEST(reply.positive(), reply.to_string());
    BOOST_TEST(letters_to(*this, from).size() > before, text);
    return last_letter(*this, from);
  }
  Letter question(const std::string& who) { return last_question(*this, who); }
  smtp::Reply confirm(const std::string& who, const std::string& from) {
    return send(from, {question(who).field("Reply-To")}, a_mail(from, "Re: ", "approve\n"));
  }
  bool is_member(const std::string& who) { return member("dev", who).has_value(); }
};

}  // namespace essaim::test
