#include "tests/lists/moderated.h"

namespace essaim::test {

Moderated::Moderated(const std::string& scenario, lists::Settings settings) {
  settings["send"] = scenario;
  make_list("dev", settings, {"ann@x.example"}, {"own@o.example"});
  join("dev", {"eve@e.example", "ed@e.example"}, storage::Role::kEditor);
}
smtp::Reply Moderated::post(const std::string& from, const std::string& id, const std::string& more) {
  return send(from, {"dev@lists.example"}, a_post(from, id, more));
}
smtp::Reply Moderated::answer(const std::string& from, const std::string& to, const std::string& text,
                              const std::string& more) {
  return send(from, {to}, a_mail(from, "Re: x", text, more));
}
std::vector<storage::HeldRecord> Moderated::held(bool decided) {
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
lists::Response Moderated::decide(const storage::HeldRecord& held, lists::Verdict verdict,
                                  const std::string& by) {
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

}  // namespace essaim::test
