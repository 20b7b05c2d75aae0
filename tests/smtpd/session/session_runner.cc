#include "tests/smtpd/session/session_runner.h"

#include <boost/test/unit_test.hpp>

#include "tests/support/feeding.h"
#include "tests/support/transcript.h"

namespace essaim::test {

using smtpd::ServerSession;

void FakeActions::still_open(const char* what) const {
  BOOST_TEST(!closed, what << " after close");
}

void FakeActions::send(std::string_view bytes) {
  still_open("send");
  BOOST_TEST(!tls_started, "clear text under way to TLS");
  output += bytes;
}

void FakeActions::start_tls() {
  still_open("start_tls");
  tls_started = true;
}

void FakeActions::close() {
  still_open("close");
  closed = true;
}

void FakeActions::set_deadline(Duration from_now) {
  still_open("set_deadline");
  BOOST_TEST((from_now > Duration::zero()));
  deadline = from_now;
  stress_deadline = {};
}

void FakeActions::set_client_deadline(Duration from_now, Duration under_stress) {
  BOOST_TEST((under_stress > Duration::zero() && under_stress <= from_now));
  set_deadline(from_now);
  stress_deadline = under_stress;
}

void FakeActions::pause_input() {
  BOOST_TEST(!paused);
  paused = true;
  ++pauses;
}

void FakeActions::resume_input() {
  BOOST_TEST(paused);
  paused = false;
}

std::optional<smtp::Reply> FakeActions::check_sender(const smtpd::TransactionInfo& transaction) {
  still_open("check_sender");
  if (setup_.refused_sender.empty() || transaction.reverse_path.to_string() != setup_.refused_sender)
    return {};
  return smtp::reply(550, "5.7.1", "Not you");
}

void FakeActions::ask_recipient(smtpd::Ticket ticket, const smtpd::TransactionInfo&,
                                const smtp::Address& recipient) {
  still_open("ask_recipient");
  asked.push_back(recipient.to_string());
  const auto found = setup_.answers.find(recipient.to_string());
  auto answer = found != setup_.answers.end()
                    ? found->second
                    : smtpd::RecipientAnswer{smtp::reply(250, "2.1.5", "OK"), nullptr, 0};
  questions_.push_back(
      [ticket, answer](ServerSession* session) { session->on_recipient_answer(ticket, answer); });
}

void FakeActions::ask_login(smtpd::Ticket ticket, smtpd::LoginQuestion question) {
  still_open("ask_login");
  smtpd::LoginAnswer answer;
  const sasl::Question& what = question.asked;
  const auto known = setup_.passwords.find(what.authcid);
  if (what.authcid == "trouble") {
    answer.trouble = smtp::reply(454, "4.7.0", "Not now");
  } else if (what.kind == sasl::Question::Kind::kVerifier) {
    answer.verifier = sasl::make_scram_verifier("x", "saltsaltsaltsalt", 1);
  } else if (known != setup_.passwords.end() && known->second == what.secret) {
    answer.login = std::make_shared<const sasl::Login>(
        sasl::Login{what.authcid, sasl::to_string(question.mechanism), {what.authcid}, false});
  }
  logins.push_back(std::move(question));
  questions_.push_back(
      [ticket, answer](ServerSession* session) { session->on_login_answer(ticket, answer); });
}

void FakeActions::submit(smtpd::Ticket ticket, std::unique_ptr<smtpd::IncomingMessage> message) {
  still_open("submit");
  Stored stored_message;
  stored_message.reverse_path = message->transaction.reverse_path.to_string();
  for (const auto& recipient : message->recipients)
    stored_message.recipients.push_back(recipient.address.to_string());
  for (const auto& recipient : message->recipients) stored_message.dsn.push_back(recipient.dsn);
  auto content = message->content->read_all();
  BOOST_REQUIRE(content.ok());
  stored_message.content = std::move(content).value();
  stored_message.transaction = message->transaction;
  stored.push_back(std::move(stored_message));
  const auto answer = setup_.submit_reply.code != 0
                          ? setup_.submit_reply
                          : smtp::reply(250, "2.0.0", "queued as " + format_id(message->transaction.post_id));
  questions_.push_back(
      [ticket, answer](ServerSession* session) { session->on_submit_answer(ticket, answer); });
}

void FakeActions::on_rejected(const smtpd::Rejection& rejection) {
  if (rejection.junk) ++junk;
  rejected.push_back(std::string(rejection.command) + " " + std::to_string(rejection.reply->code));
}

void FakeActions::trace(char direction, std::string_view line) {
  traced += std::string(1, direction) + ": " + std::string(line) + "\n";
}

bool FakeActions::answer_one(ServerSession* session) {
  if (questions_.empty() || setup_.silent_intake) return false;
  const auto question = std::move(questions_.front());
  questions_.pop_front();
  question(session);
  return true;
}

namespace {

struct Way {
  std::size_t split;  // index into all_splits()
  bool late_answers;
};

class Run {
 public:
  Run(const Setup& setup, Way way)
      : way_(way),
        role_(setup.role),
        budget_(setup.memory),
        actions_(setup),
        session_(setup.settings, setup.tls, budget_, actions_) {}

  void play(const std::vector<Step>& steps, const Check& check) {
    smtpd::ClientInfo client;
    client.ip = "192.0.2.1";
    client.port = 12345;
    client.role = role_;
    session_.on_connected(client);
    std::string sending;
    for (const Step& step : steps) {
      if (step.kind == Step::Kind::kClient) {
        expect_no_more(step.line);
        sending += step.text;
        continue;
      }
      feed(&sending);
      if (step.kind == Step::Kind::kServer) {
        expect(step);
      } else {
        expect_no_more(step.line);
        happen(step);
      }
    }
    feed(&sending);
    expect_no_more(0);
    if (check) check(actions_, session_);
  }

 private:
  void feed(std::string* bytes) {
    if (bytes->empty()) return;
    const auto ways = all_splits(*bytes, 6);
    for (const std::string_view piece : ways[way_.split]) {
      session_.receive(piece);
      while (!way_.late_answers && actions_.answer_one(&session_)) {
      }
    }
    while (actions_.answer_one(&session_)) {
    }
    bytes->clear();
    collect();
  }

  void collect() {
    for (std::string& line : take_lines(&actions_.output)) lines_.push_back(std::move(line));
  }

  void expect(const Step& step) {
    collect();
    BOOST_TEST_CONTEXT("transcript line " << step.line << ": S: " << step.text) {
      BOOST_REQUIRE_MESSAGE(!lines_.empty(), "the server says nothing");
      BOOST_REQUIRE_MESSAGE(lines_.front().starts_with(step.text), "the server says: " << lines_.front());
      lines_.pop_front();
    }
  }

  void expect_no_more(int line) {
    collect();
    if (!lines_.empty())
      BOOST_FAIL("before transcript line " << line << " the server says also: " << lines_.front());
  }

  void happen(const Step& step) {
    if (step.text == "timeout") {
      session_.on_timeout();
    } else if (step.text == "an hour later") {
      actions_.now += std::chrono::hours(1);
    } else if (step.text == "shutdown") {
      session_.shut_down();
    } else if (step.text == "tls") {
      BOOST_REQUIRE(actions_.tls_started);
      actions_.tls_started = false;
      session_.on_tls_established({"TLSv1.3", "TLS_AES_256_GCM_SHA384", {"exporter", "", "end"}, {}});
    } else if (step.text == "closed") {
      BOOST_TEST(actions_.closed, "line " << step.line << ": not closed");
      BOOST_TEST(session_.closed());
    } else if (step.text == "open") {
      BOOST_TEST(!actions_.closed, "line " << step.line << ": closed");
    } else {
      BOOST_FAIL("unknown event " << step.text);
    }
  }

  const Way way_;
  const smtpd::ListenerRole role_;
  smtp::MemoryBudget budget_;
  FakeActions actions_;
  ServerSession session_;
  std::deque<std::string> lines_;
};

}  // namespace

void run_transcript(const Setup& setup, std::string_view transcript, const Check& check) {
  const auto steps = parse_transcript(transcript);
  for (const bool late : {false, true}) {
    for (std::size_t split = 0; split < 8; ++split) {
      BOOST_TEST_CONTEXT("split " << split << (late ? ", late answers" : ", answers at once")) {
        Run(setup, Way{split, late}).play(steps, check);
      }
    }
  }
}

}  // namespace essaim::test
