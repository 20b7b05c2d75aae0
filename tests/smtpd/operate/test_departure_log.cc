// Who has left, as lines of the log tell.
#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include <boost/test/unit_test.hpp>

#include "smtpd/operate/departure_log.h"

using namespace essaim;
using namespace essaim::smtpd::operate;

namespace {

const WallTime kSince = from_millis(1'795'000'000'000);  // 2026-11-18T11:06:40Z
constexpr const char* kBefore = "2026-11-18T11:06:39.999Z ";
constexpr const char* kThen = "2026-11-18T11:06:40.000Z ";

std::string request(const std::string& verb, const std::string& email, const std::string& result = "done",
                    const std::string& what = "\"\"") {
  return "request verb=" + verb + " list=dev@lists.example email=" + email + " what=" + what +
         " by=ann@a.example auth=md5 client=192.0.2.1 rule=open:1 result=" + result;
}

std::string left_by(const DepartureLog& log) {
  std::string out;
  for (const DepartureLog::Person& person : log.left())
    out += (out.empty() ? "" : " ") + person.list + "/" + person.address.to_string();
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(departure_log)

BOOST_AUTO_TEST_CASE(a_line_says_that_somebody_left_or_does_not) {
  const std::string ann = "dev@lists.example/ann@a.example";
  const struct {
    std::string line, left;
    std::int64_t lines;
  } rows[] = {
      {kThen + request("unsubscribe", "ann@a.example"), ann, 1},
      {kThen + request("delete", "ann@A.example"), ann, 1},
      {kBefore + request("unsubscribe", "ann@a.example"), "", 1},
      {kThen + request("unsubscribe", "ann@a.example", "waits"), "", 1},
      {kThen + request("unsubscribe", "ann@a.example", "already"), "", 1},
      {kThen + request("delete", "ann@a.example", "done", "owner"), "", 1},
      {kThen + request("subscribe", "ann@a.example"), "", 1},
      {kThen + request("close", "\"\""), "", 1},
      // The shell's, as the server was told.
      {std::string(kThen) + "shell did=\"request verb=delete list=dev@lists.example email=ann@a.example "
                            "what=\\\"\\\" by=operator "
                            "auth=operator client=\\\"the shell\\\" rule=operator result=done\"",
       ann, 1},
      {std::string(kThen) +
           "shell did=\"request verb=apply list=site what=\\\"- member dev@lists.example ann@a.example\\\" "
           "result=done\"",
       "", 1},
      {R"({"time":"2026-11-18T11:06:40.000Z","level":"info","event":"request","verb":"unsubscribe",)"
       R"("list":"dev@lists.example","email":"ann@a.example","what":"","result":"done"})",
       ann, 1},
      {R"({"time":"2026-11-18T11:06:39.000Z","level":"info","event":"request","verb":"unsubscribe",)"
       R"("list":"dev@lists.example","email":"ann@a.example","what":"","result":"done"})",
       "", 1},
      {R"({"time":"2026-11-18T11:06:40.000Z","level":"info","event":"shell","did":"request verb=delete )"
       R"(list=dev@lists.example email=ann@a.example what=\"\" result=done"})",
       ann, 1},
      // What people name themselves does not become a field.
      {kThen + request("unsubscribe", "\"\\\"a result=done x=\\\"@evil.example\"", "refused"), "", 1},
      {kThen + request("unsubscribe", "\"\\\"john smith\\\"@a.example\""),
       "dev@lists.example/\"john smith\"@a.example", 1},
      // None of ours.
      {"Nov 18 11:06:40 mx1 essaim[7]: " + (kThen + request("unsubscribe", "ann@a.example")), "", 0},
      {"-- Boot 0123456789 --", "", 0},
      {"{\"time\":7}", "", 0},
      {"{\"time\"", "", 0},
      {"[]", "", 0},
      {kThen, "", 0},
      {"", "", 0},
  };
  for (const auto& row : rows) {
    DepartureLog log(kSince);
    log.take(row.line);
    BOOST_TEST_CONTEXT(row.line) {
      BOOST_TEST(left_by(log) == row.left);
      BOOST_TEST(log.lines() == row.lines);
      BOOST_TEST(log.unread() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(of_each_person_the_last_line_counts) {
  DepartureLog log(kSince);
  for (const char* verb : {"unsubscribe", "subscribe"}) log.take(kThen + request(verb, "back@a.example"));
  for (const char* verb : {"add", "delete", "delete"}) log.take(kThen + request(verb, "gone@a.example"));
  // The same one, as MemberStore knows them.
  log.take(kThen + request("delete", "GONE@a.example"));
  BOOST_TEST(log.left().size() == 1u);
  BOOST_TEST(log.lines() == 6);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_used_is_counted) {
  DepartureLog log(kSince);
  log.take(kThen + request("delete", "nobody"));
  log.take(kThen + request("add", "\"12 people\""));
  log.take(kThen + request("move_user", "new@a.example"));
  log.take(kBefore + request("move_user", "new@a.example"));
  BOOST_TEST(left_by(log).empty());
  BOOST_TEST(log.unread() == 1);
  BOOST_TEST(log.together() == 1);
  BOOST_TEST(log.moved() == 1);
}

BOOST_AUTO_TEST_CASE(of_who_was_added_with_others_the_log_tells_nothing_and_that_is_told) {
  DepartureLog log(kSince);
  const auto take = [&log](const std::string& list, const char* verb, const char* email) {
    log.take(std::string(kThen) + "request verb=" + verb + " list=" + list + "@lists.example email=" + email +
             " what=\"\" result=done");
  };
  take("dev", "unsubscribe", "ann@a.example");
  take("bees", "unsubscribe", "ann@a.example");
  take("dev", "add", "\"12 people\"");
  take("dev", "delete", "bob@a.example");
  std::string perhaps;
  for (const DepartureLog::Person& person : log.left())
    if (person.perhaps_back) perhaps += person.list + "/" + person.address.to_string();
  BOOST_TEST(perhaps == "dev@lists.example/ann@a.example");
  BOOST_TEST(log.left().size() == 3u);
  // Of the whole truth again.
  take("dev", "unsubscribe", "ann@a.example");
  for (const DepartureLog::Person& person : log.left()) BOOST_TEST(!person.perhaps_back);
}

// The backup has lists by the names that they had then.
BOOST_AUTO_TEST_CASE(who_left_a_list_after_it_was_renamed_left_the_one_of_the_backup) {
  const struct {
    const char* renames;  // and then Ann leaves what is called bees, dev and wasps
    const char* lists;
  } rows[] = {
      {"", "bees dev wasps"},
      {"dev bees", "dev wasps"},                // of what is called dev now the backup knows nothing
      {"dev bees@lists.example", "dev wasps"},  // the whole address
      {"dev Bees", "dev wasps"},
      {"dev bees,bees wasps", "dev"},
      {"dev bees,bees dev", "dev wasps"},  // back again
      {"dev tmp,bees dev,tmp bees", "bees dev wasps"},
      {"dev bees@team.example", "bees wasps"},
      {"dev dev", "bees dev wasps"},
      {"dev not@a@name", "bees dev wasps"},
  };
  for (const auto& row : rows) {
    DepartureLog log(kSince);
    std::string_view renames = row.renames;
    while (!renames.empty()) {
      const std::string_view one = renames.substr(0, renames.find(','));
      renames.remove_prefix(std::min(renames.size(), one.size() + 1));
      const auto blank = one.find(' ');
      log.take(std::string(kThen) + "request verb=rename list=" + std::string(one.substr(0, blank)) +
               "@lists.example email=\"\" what=" + std::string(one.substr(blank + 1)) + " result=done");
    }
    for (const char* list : {"bees", "dev", "wasps"})
      log.take(std::string(kThen) + "request verb=unsubscribe list=" + list +
               "@lists.example email=ann@a.example what=\"\" result=done");
    std::string lists;
    for (const DepartureLog::Person& person : log.left())
      lists += (lists.empty() ? "" : " ") + person.list.substr(0, person.list.find('@'));
    BOOST_TEST(lists == row.lists, row.renames);
  }
  // To another domain.
  DepartureLog log(kSince);
  log.take(std::string(kThen) +
           "shell did=\"request verb=rename list=dev@lists.example email=\\\"\\\" what=bees@team.example "
           "result=done\"");
  log.take(std::string(kThen) +
           "request verb=unsubscribe list=bees@team.example email=ann@a.example what=\"\" result=done");
  // Before the backup: it has the new name.
  log.take(std::string(kBefore) +
           "request verb=rename list=dev@lists.example email=\"\" what=wasps result=done");
  log.take(std::string(kThen) +
           "request verb=unsubscribe list=wasps@lists.example email=bob@a.example what=\"\" result=done");
  BOOST_TEST(left_by(log) == "dev@lists.example/ann@a.example wasps@lists.example/bob@a.example");
}

BOOST_AUTO_TEST_CASE(who_was_erased_is_named_of_whatever_list) {
  const std::string told = "person verb=erase address=ann@a.example erased=1 left=2 result=done";
  const std::string json = R"({"time":"2026-11-18T11:06:40.000Z","level":"info","event":"shell","did":")";
  const std::set<std::string> ann = {"ann@a.example"}, nobody;
  const struct {
    std::string line;
    std::set<std::string> erased;
  } rows[] = {
      {kThen + ("shell did=\"" + told + "\""), ann},
      {json + told + "\"}", ann},
      // It stopped on its way.
      {std::string(kThen) + "shell did=\"person verb=erase address=ann@a.example erased=1 left=0 "
                            "result=\\\"the database is busy\\\"\"",
       ann},
      {kBefore + ("shell did=\"" + told + "\""), nobody},
      {std::string(kThen) + "shell did=\"person verb=erase address= erased=0 left=0 result=done\"", nobody},
      {kThen + request("delete", "ann@a.example"), nobody},
  };
  for (const auto& row : rows) {
    DepartureLog log(kSince);
    log.take(row.line);
    BOOST_TEST_CONTEXT(row.line) {
      BOOST_TEST((log.erased() == row.erased));
      BOOST_TEST(log.lines() == 1);
    }
  }
  // It says nothing of single lists.
  DepartureLog log(kSince);
  log.take(kThen + ("shell did=\"" + told + "\""));
  BOOST_TEST(log.left().empty());
}

BOOST_AUTO_TEST_SUITE_END()
