// What looks like a limit of recipients, and is none.
#include <boost/test/unit_test.hpp>

#include "delivery/client/recipient_limits.h"
#include "tests/delivery/client/extension_cases.h"

using namespace essaim::delivery;
using namespace essaim::delivery::bench;

BOOST_AUTO_TEST_SUITE(limits_of_recipients)

namespace {

const std::string kPeer = "mx[192.0.2.1]:25";
const std::string kMail = "C: MAIL FROM:<l-bounces@lists.example>\n";

// Each letter is a recipient, whose index in its batch is `first` and following: all are taken.
std::string taken(const std::string& letters, int first = 0) {
  std::string script = kMail, replies = "S: 250 ok\n", outcomes;
  for (const char letter : letters) {
    script += std::string("C: RCPT TO:<") + letter + "@x.example>\n";
    replies += "S: 250 ok\n";
    outcomes += "O: " + std::to_string(first++) + " delivered final-dot 250 ok\n";
  }
  return script + "C: DATA\n" + replies + "S: 354 go\nC: (20 octets)\nC: .\nS: 250 ok\n" + outcomes;
}

std::string named(const std::string& letters) {
  std::string all;
  for (const char letter : letters) all += std::string(all.empty() ? "" : " ") + letter + "@x.example";
  return all;
}

const std::string kOthers = "452 4.5.3 Recipients belong to multiple regions";

// Of three the first and, if so said, the last one is accepted.
std::string envelope_of_three(bool last_as_well) {
  return kMail + "C: RCPT TO:<a@x.example>\nC: RCPT TO:<b@x.example>\nC: RCPT TO:<c@x.example>\nC: DATA\n" +
         "S: 250 ok\nS: 250 ok\nS: " + kOthers + "\nS: " + (last_as_well ? "250 ok" : kOthers) + "\n";
}

std::string returned_of_three(bool last_as_well) {
  return "O: 1 returned rcpt " + kOthers + "\n" +
         (last_as_well ? "" : "O: 2 returned rcpt " + kOthers + "\n");
}

std::string first_of_three(bool last_as_well) {
  return envelope_of_three(last_as_well) + "S: 354 go\n" + returned_of_three(last_as_well) +
         "C: (20 octets)\nC: .\nS: 250 ok\nO: 0 delivered final-dot 250 ok\n" +
         (last_as_well ? "O: 2 delivered final-dot 250 ok\n" : "");
}

}  // namespace

BOOST_AUTO_TEST_CASE(where_one_is_accepted_behind_the_refused_it_is_no_limit) {
  check({{make_transaction("a@x.example b@x.example c@x.example"), make_transaction(named("defg"))}},
        greeting("PIPELINING") + first_of_three(true) + taken("defg") + kIdle);
}

BOOST_AUTO_TEST_CASE(where_none_is_more_is_tried_after_some_messages) {
  std::string script = greeting("PIPELINING") + first_of_three(false);
  const std::string ten = "defghijklm";
  for (std::size_t i = 0; i < ten.size(); ++i) script += taken(ten.substr(i, 1), static_cast<int>(i));
  check({{make_transaction("a@x.example b@x.example c@x.example"), make_transaction(named(ten + "nopq"))}},
        script + taken("no", 10) + taken("pq", 12) + kIdle);
}

// Rows: what it says and does behind it. The next connection knows of it only if the host ended this one over a limit.
BOOST_AUTO_TEST_CASE(only_a_host_that_ends_the_connection_is_remembered) {
  const struct {
    bool last_as_well, closes;
    std::size_t known;
  } rows[] = {{false, false, 0}, {false, true, 1}, {true, true, 0}};
  for (const auto& row : rows) {
    CourierSettings settings;
    settings.helo = "us.example";
    settings.recipient_limits = std::make_shared<RecipientLimits>();
    SessionBench session(settings);
    session.give(make_transaction("a@x.example b@x.example c@x.example"));
    const bool last = row.last_as_well;
    play(
        &session,
        greeting("PIPELINING") + (row.closes ? envelope_of_three(last) + returned_of_three(last) + "! close\n"
                                             : first_of_three(last) + kIdle),
        Feed::kWhole);
    BOOST_TEST(session.done());
    BOOST_TEST(session.violation() == "");
    BOOST_TEST(settings.recipient_limits->of(kPeer, session.now()) == row.known);
  }
}

BOOST_AUTO_TEST_SUITE_END()
