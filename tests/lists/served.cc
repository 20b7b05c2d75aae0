#include "tests/lists/served.h"

#include <cstddef>

#include <boost/test/unit_test.hpp>

namespace essaim::test {

Served::Served(lists::Settings settings) {
  settings.emplace("subscribe", "open");
  make_list("dev", settings, {"ann@x.example"}, {"own@o.example"});
  join("dev", {"eve@e.example"}, storage::Role::kEditor);
  make_list("other", {{"subscribe", "open"}}, {"ann@x.example"}, {"own@o.example"});
}
smtp::Reply Served::command(const std::string& from, const std::string& text, const std::string& more,
                            const std::string& to) {
  return send(from, {to}, a_mail(from, "", text, more));
}
Letter Served::ask(const std::string& from, const std::string& text, const std::string& more) {
  const std::size_t before = letters_to(*this, from).size();
  const auto reply = command(from, text, more);
  BOOST_TEST(reply.positive(), reply.to_string());
  BOOST_TEST(letters_to(*this, from).size() > before, text);
  return last_letter(*this, from);
}
Letter Served::question(const std::string& who) {
  return last_question(*this, who);
}
smtp::Reply Served::confirm(const std::string& who, const std::string& from) {
  return send(from, {question(who).field("Reply-To")}, a_mail(from, "Re: ", "approve\n"));
}
bool Served::is_member(const std::string& who) {
  return member("dev", who).has_value();
}

}  // namespace essaim::test
