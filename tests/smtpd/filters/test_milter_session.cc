// What an MTA says to a filter, and what it makes of the answers. The scenario shows the same with libmilter and rspamd.
#include <boost/test/unit_test.hpp>

#include "smtpd/filters/milter_session.h"

using namespace essaim;
using namespace essaim::smtpd;
using namespace essaim::smtpd::milter;

namespace {

const std::string kMessage = "From: ann@a.example\r\nSubject: Bees\r\n and wasps\r\n\r\none\r\ntwo\r\n";

std::string answer(char what, const std::string& data = "") {
  return octets_of(static_cast<std::uint32_t>(data.size() + 1)) + what + data;
}

// A filter that says the same to everything, but what it is made to say.
class Talk final : private Session::Output {
 public:
  explicit Talk(std::string message = kMessage, std::uint64_t most_octets = 10'000)
      : message_(std::move(message)), header_(mail::HeaderBlock::parse(message_).value()) {
    envelope_.client_ip = "192.0.2.1";
    envelope_.client_port = 4711;
    envelope_.helo = "client.example";
    envelope_.reverse_path = "ann@a.example";
    envelope_.mail_arguments = {"SIZE=70"};
    envelope_.recipients = {"one@lists.example", "two@lists.example"};
    envelope_.at_connect = {{"j", "mx.example"}, {"{client_name}", ""}};
    envelope_.at_mail = {{"i", "4711"}};
    envelope_.at_end = {{"i", "4711"}};
    session_.emplace(envelope_, message_, header_, most_octets, static_cast<Session::Output&>(*this));
    session_->start();
  }

  Result<void> negotiate(std::uint32_t actions = 0xFF, std::uint32_t steps = 0, std::uint32_t version = 6) {
    return say(answer('O', octets_of(version) + octets_of(actions) + octets_of(steps)));
  }
  Result<void> say(const std::string& bytes) { return session_->receive(bytes); }
  // Says "continue" until the last packet is of that kind.
  Result<void> go_on_to(char command) {
    while (told().back().what != command) ESSAIM_TRY(say(answer('c')));
    return {};
  }
  std::vector<Packet> told() {
    PacketReader reader;
    reader.add(sent_);
    std::vector<Packet> out;
    for (auto next = reader.next(); next.ok() && next->has_value(); next = reader.next())
      out.push_back(std::move(**next));
    return out;
  }
  // "OCHMRR...": without macros.
  std::string commands() {
    std::string out;
    for (const Packet& packet : told()) {
      if (packet.what != 'D') out.push_back(packet.what);
    }
    return out;
  }
  std::string data_of(char command, std::size_t number = 0) {
    for (const Packet& packet : told()) {
      if (packet.what == command && number-- == 0) return packet.data;
    }
    return "none";
  }
  bool done() const { return session_->done(); }
  Verdict verdict() { return session_->take_verdict(); }

 private:
  void send(std::string_view bytes) override { sent_ += bytes; }
  void send_content(std::size_t offset, std::size_t length) override {
    sent_ += message_.substr(offset, length);
  }

  const std::string message_;
  const mail::HeaderBlock header_;
  Envelope envelope_;
  std::string sent_;
  std::optional<Session> session_;
};

std::string nul(const std::vector<std::string_view>& texts) {
  return with_nuls(texts);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_message_is_told_in_order_each_step_after_the_answer_to_the_last) {
  Talk talk;
  BOOST_TEST(talk.commands() == "O");
  BOOST_REQUIRE(talk.negotiate().ok());
  BOOST_TEST(talk.commands() == "OC");
  BOOST_TEST(talk.data_of('D') == "C" + nul({"j", "mx.example"}));  // what is unknown is not told
  BOOST_TEST(talk.data_of('C') == nul({"[192.0.2.1]"}) + "4\x12\x67" + nul({"192.0.2.1"}));
  BOOST_REQUIRE(talk.go_on_to('E').ok());
  BOOST_TEST(talk.commands() == "OCHMRRTLLNBE");
  BOOST_TEST(talk.data_of('H') == nul({"client.example"}));
  BOOST_TEST(talk.data_of('M') == nul({"<ann@a.example>", "SIZE=70"}));
  BOOST_TEST(talk.data_of('R', 1) == nul({"<two@lists.example>"}));
  BOOST_TEST(talk.data_of('L', 0) == nul({"From", "ann@a.example"}));
  BOOST_TEST(talk.data_of('L', 1) == nul({"Subject", "Bees\n and wasps"}));
  BOOST_TEST(talk.data_of('B') == "one\r\ntwo\r\n");
  BOOST_TEST(!talk.done());
  BOOST_REQUIRE(talk.say(answer('c')).ok());
  BOOST_TEST(talk.done());
  BOOST_TEST(talk.verdict().reply.code == 0);
}

BOOST_AUTO_TEST_CASE(what_a_filter_does_not_want_is_not_told_and_what_it_does_not_answer_is_not_waited_for) {
  Talk silent;
  BOOST_REQUIRE(silent
                    .negotiate(0, step::kSilentConnect | step::kSilentHelo | step::kSilentMail |
                                      step::kSilentRecipient | step::kSilentData | step::kSilentHeader |
                                      step::kSilentEndOfHeader | step::kSilentBody | step::kLeadingSpace)
                    .ok());
  BOOST_TEST(silent.commands() == "OCHMRRTLLNBE");
  BOOST_TEST(silent.data_of('L', 0) == nul({"From", " ann@a.example"}));
  Talk few;
  BOOST_REQUIRE(few.negotiate(0,
                              step::kNoConnect | step::kNoHelo | step::kNoMail | step::kNoRecipient |
                                  step::kNoData | step::kNoHeaders | step::kNoEndOfHeader | step::kNoBody,
                              2)
                    .ok());
  BOOST_TEST(few.commands() == "OE");
  Talk empty("From: ann@a.example\r\n\r\n");
  BOOST_REQUIRE(empty.negotiate().ok());
  BOOST_REQUIRE(empty.go_on_to('E').ok());
  BOOST_TEST(empty.commands() == "OCHMRRTLNE");
}

BOOST_AUTO_TEST_CASE(a_long_body_comes_in_pieces_until_the_filter_has_seen_enough) {
  const std::string body(200'000, 'x');
  Talk talk("From: a@a.example\r\n\r\n" + body);
  BOOST_REQUIRE(talk.negotiate().ok());
  BOOST_REQUIRE(talk.go_on_to('E').ok());
  BOOST_TEST(talk.commands() == "OCHMRRTLNBBBBE");
  BOOST_TEST(talk.data_of('B', 0).size() == Session::kBodyPiece);
  BOOST_TEST(talk.data_of('B', 3).size() == 200'000 - 3 * Session::kBodyPiece);
  Talk brief("From: a@a.example\r\n\r\n" + body);
  BOOST_REQUIRE(brief.negotiate().ok());
  BOOST_REQUIRE(brief.go_on_to('B').ok());
  BOOST_REQUIRE(brief.say(answer('s')).ok());
  BOOST_TEST(brief.commands() == "OCHMRRTLNBE");
}

BOOST_AUTO_TEST_CASE(a_refusal_at_any_step_is_the_last_word) {
  for (const char step : std::string("CHMRTLNBE")) {
    Talk talk;
    BOOST_REQUIRE(talk.negotiate().ok());
    BOOST_REQUIRE(talk.go_on_to(step).ok());
    BOOST_REQUIRE(talk.say(answer('t')).ok());
    BOOST_TEST(talk.done());
    const Verdict verdict = talk.verdict();
    BOOST_TEST(verdict.reply.to_string() == (step == 'R' ? "451 4.7.1 <one@lists.example>: try again later"
                                                         : "451 4.7.1 try again later"));
  }
  for (const auto& [said, reply] : std::vector<std::pair<std::string, std::string>>{
           {answer('r'), "550 5.7.1 refused"},
           {answer('d'), "550 5.7.1 refused"},
           {answer('4'), "451 4.7.1 try again later"},
           {answer('f'), "451 4.7.1 try again later"},
           {answer('y', nul({"554 5.7.9 no bees"})), "554 5.7.9 no bees"},
           {answer('a'), ""}}) {
    Talk talk;
    BOOST_REQUIRE(talk.negotiate().ok());
    BOOST_REQUIRE(talk.say(said).ok());
    BOOST_TEST(talk.done());
    const Verdict verdict = talk.verdict();
    BOOST_TEST((verdict.reply.code == 0 ? "" : verdict.reply.to_string()) == reply);
  }
}

BOOST_AUTO_TEST_CASE(changes_come_after_the_end_of_the_message) {
  Talk talk;
  BOOST_REQUIRE(talk.negotiate().ok());
  BOOST_REQUIRE(talk.go_on_to('E').ok());
  for (const std::string& change :
       {answer('p'), answer('h', nul({"X-Score", "4"})), answer('i', octets_of(0) + nul({"X-Top", "1"})),
        answer('m', octets_of(1) + nul({"Subject", ""})), answer('b', "an"), answer('b', "other"),
        answer('q', nul({"spam"})), answer('+', nul({"<eve@e.example>"})),
        answer('-', nul({"<one@lists.example>"})), answer('e', nul({"<eve@e.example>"}))})
    BOOST_REQUIRE(talk.say(change).ok());
  BOOST_TEST(!talk.done());
  BOOST_REQUIRE(talk.say(answer('a')).ok());
  BOOST_REQUIRE(talk.done());
  const Verdict verdict = talk.verdict();
  BOOST_REQUIRE_EQUAL(verdict.changes.size(), 3U);
  BOOST_TEST((verdict.changes[1].kind == HeaderChange::Kind::kInsert));
  BOOST_TEST((verdict.changes[2].kind == HeaderChange::Kind::kChange));
  BOOST_TEST(verdict.changes[2].index == 1U);
  BOOST_TEST(verdict.body.value_or("") == "another");
  BOOST_TEST(verdict.held);
  BOOST_TEST(verdict.held_because == "spam");
  BOOST_TEST(
      verdict.left_out == (std::vector<std::string>{"add-recipient", "delete-recipient", "change-sender"}),
      boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_against_the_protocol_is_an_error) {
  const auto error_of = [](const Result<void>& result) { return result.ok() ? "" : result.error().message; };
  for (const std::string& said :
       {answer('c'), answer('O'), answer('O', octets_of(7) + octets_of(0) + octets_of(0)),
        answer('O', octets_of(1) + octets_of(0) + octets_of(0)),
        answer('O', octets_of(6) + octets_of(0) + octets_of(0x10000000)), octets_of(0),
        octets_of(0x7FFFFFFF)}) {
    Talk talk;
    BOOST_TEST(!error_of(talk.say(said)).empty());
  }
  for (const std::string& said : {answer('?'), answer('s'), answer('h', nul({"X-A", "1"})),
                                  answer('y', nul({"250 fine"})), answer('y', nul({"no reply"}))}) {
    Talk talk;
    BOOST_REQUIRE(talk.negotiate().ok());
    BOOST_TEST(!error_of(talk.say(said)).empty());
  }
  const auto at_end = [&](std::uint32_t actions, const std::vector<std::string>& said,
                          std::uint64_t most = 10'000) {
    Talk talk(kMessage, most);
    BOOST_REQUIRE(talk.negotiate(actions).ok());
    BOOST_REQUIRE(talk.go_on_to('E').ok());
    std::string error;
    for (const std::string& one : said) {
      if (error.empty()) error = error_of(talk.say(one));
    }
    return error;
  };
  BOOST_TEST(at_end(0xFF, {answer('h', "X-A")}) == "its change is cut short");
  BOOST_TEST(at_end(0xFF, {answer('m', "12")}) == "its change is cut short");
  BOOST_TEST(at_end(action::kAddHeaders, {answer('b', "x")}) ==
             "it changes what it has not said that it would");
  BOOST_TEST(at_end(0xFF, {answer('b', std::string(101, 'x'))}, 100) == "it makes too much of the message");
  BOOST_TEST(at_end(0xFF, std::vector<std::string>(1001, answer('h', nul({"X-A", "1"})))) ==
             "it makes too much of the message");
}

BOOST_AUTO_TEST_CASE(replies_are_made_fit_to_be_said) {
  const auto said = [](const std::string& text) {
    const auto reply = parse_reply(text);
    return reply ? reply->to_string() : "none";
  };
  BOOST_TEST(said("550 5.7.1 spam") == "550 5.7.1 spam");
  BOOST_TEST(said("550 spam") == "550 5.7.1 spam");
  BOOST_TEST(said("550") == "550 5.7.1 refused");
  BOOST_TEST(said("451 5.7.1 odd") == "451 4.7.1 odd");
  BOOST_TEST(said("421 4.3.0 hang up") == "451 4.3.0 hang up");
  BOOST_TEST(said("550-5.7.1 one\r\n550 5.7.1 two\r\n") == "550 5.7.1 one, two");
  BOOST_TEST(said("550 5.7.1 f\xC3\xBCr\x07") == "550 5.7.1 f??r?");
  BOOST_TEST(said("550 5.7.1 a\rb") == "550 5.7.1 a?b");
  for (const char* text : {"", "55", "250 ok", "354 go", "650 x", "5x0 x", "550x", "550 one\nno reply"})
    BOOST_TEST(said(text) == "none");
  BOOST_TEST(said("550 " + std::string(5000, 'x')).size() < 400U);
}
