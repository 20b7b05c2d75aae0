// STARTTLS, AUTH and mail in every order: all dialogues of so many steps on a listener for submission, against a model that is a few
// lines long. Nobody logs in in clear, no mail comes from who has not logged in, and what was said before TLS is forgotten.
#include <array>

#include <boost/test/unit_test.hpp>

#include "tests/smtpd/session/session_runner.h"

using namespace essaim;
using namespace essaim::test;

namespace {

enum Verb {
  kEhlo,
  kStartTls,
  kGoodLogin,
  kBadLogin,
  kCancelledLogin,
  kMail,
  kRcpt,
  kMessage,
  kReset,
  kVerbs
};
constexpr std::array<const char*, kVerbs> kWords = {"EHLO x",
                                                    "STARTTLS",
                                                    "AUTH PLAIN AGFubkBhLnRlc3QAc2VjcmV0",
                                                    "AUTH PLAIN AGFubkBhLnRlc3QAd3Jvbmc=",
                                                    "AUTH LOGIN",
                                                    "MAIL FROM:<ann@a.test>",
                                                    "RCPT TO:<l@lists.test>",
                                                    "DATA",
                                                    "RSET"};

// What RFC 3207 §4.2, RFC 4954 §4 and RFC 5321 §4.1.4 make of each step; the code of the last reply to it.
struct Model {
  bool tls = false, greeted = false, login = false, mail = false, rcpt = false;
  int failed = 0, messages = 0;

  int login_refused() const {
    if (!greeted || login || mail) return 503;
    return tls ? 0 : 538;
  }
  int failing(int code) { return ++failed == 3 ? 421 : code; }

  int step(Verb verb) {
    switch (verb) {
      case kEhlo:
        greeted = true;
        mail = rcpt = false;
        return 250;
      case kStartTls:
        if (tls) return 503;
        *this = Model{.tls = true, .messages = messages};
        return 220;
      case kGoodLogin:
        if (const int code = login_refused()) return code;
        login = true;
        failed = 0;
        return 235;
      case kBadLogin:
        if (const int code = login_refused()) return code;
        return failing(535);
      case kCancelledLogin:
        if (const int code = login_refused()) return code;
        return failing(501);
      case kMail:
        if (!greeted || mail) return 503;
        if (!login) return 530;
        mail = true;
        return 250;
      case kRcpt:
        if (!mail) return 503;
        rcpt = true;
        return 250;
      case kMessage:
        if (!mail) return 503;
        if (!rcpt) return 554;
        mail = rcpt = false;
        ++messages;
        return 250;
      case kReset:
        mail = rcpt = false;
        return 250;
      case kVerbs:
        break;
    }
    return 0;
  }
};

class Dialogue {
 public:
  explicit Dialogue(const Setup& setup)
      : budget_(setup.memory), actions_(setup), session_(setup.settings, setup.tls, budget_, actions_) {
    smtpd::ClientInfo client;
    client.ip = "192.0.2.1";
    session_.on_connected(client);
    actions_.output.clear();
  }

  int step(Verb verb) {
    say(kWords[verb]);
    if (verb == kCancelledLogin && last() == 334) say("*");
    if (verb == kMessage && last() == 354) say("Subject: x\r\n\r\nx\r\n.");
    if (actions_.tls_started) {
      const int code = last();
      actions_.tls_started = false;
      session_.on_tls_established({"TLSv1.3", "TLS_AES_256_GCM_SHA384", {"exporter", "", ""}, {}});
      return code;
    }
    return last();
  }
  bool closed() const { return session_.closed(); }
  const std::vector<Stored>& stored() const { return actions_.stored; }
  std::size_t logins() const { return actions_.logins.size(); }

 private:
  void say(const std::string& line) {
    actions_.output.clear();
    session_.receive(line + "\r\n");
    while (actions_.answer_one(&session_)) {
    }
  }
  int last() const {
    const std::string& out = actions_.output;
    if (out.size() < 5) return 0;
    const std::size_t begin = out.rfind('\n', out.size() - 2);
    return std::atoi(out.c_str() + (begin == std::string::npos ? 0 : begin + 1));
  }

  smtp::MemoryBudget budget_;
  FakeActions actions_;
  smtpd::ServerSession session_;
};

std::string words_of(const std::vector<Verb>& verbs) {
  std::string out;
  for (const Verb verb : verbs) out += std::string(out.empty() ? "" : " / ") + kWords[verb];
  return out;
}

// The dialogue is played from its beginning: the session cannot be copied.
void play(const Setup& setup, const std::vector<Verb>& verbs) {
  Dialogue dialogue(setup);
  Model model;
  for (std::size_t i = 0; i < verbs.size(); ++i) {
    const bool tls_before = model.tls;
    const std::size_t logins_before = dialogue.logins();
    const int code = dialogue.step(verbs[i]);
    const int expected = model.step(verbs[i]);
    if (code != expected)
      BOOST_FAIL(words_of({verbs.begin(), verbs.begin() + static_cast<long>(i) + 1})
                 << ": " << code << ", not " << expected);
    if (!tls_before && dialogue.logins() != logins_before)
      BOOST_FAIL(words_of(verbs) << ": a login was looked at in clear");
    if (dialogue.closed() != (code == 421)) BOOST_FAIL(words_of(verbs) << ": closed or not");
    if (dialogue.closed()) break;
  }
  if (dialogue.stored().size() != static_cast<std::size_t>(model.messages))
    BOOST_FAIL(words_of(verbs) << ": messages");
  for (const Stored& stored : dialogue.stored())
    if (stored.transaction.client.login == nullptr || !stored.transaction.client.tls)
      BOOST_FAIL(words_of(verbs) << ": mail of a stranger");
}

void play_all(const Setup& setup, std::vector<Verb>* begun, int more) {
  if (more == 0) return play(setup, *begun);
  for (int verb = 0; verb < kVerbs; ++verb) {
    begun->push_back(static_cast<Verb>(verb));
    play_all(setup, begun, more - 1);
    begun->pop_back();
  }
}

Setup submission() {
  Setup setup;
  setup.tls = true;
  setup.settings.login.required = true;
  setup.settings.login.mechanisms = {sasl::Mechanism::kPlain, sasl::Mechanism::kLogin};
  setup.passwords = {{"ann@a.test", "secret"}};
  return setup;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(orders)

BOOST_AUTO_TEST_CASE(every_dialogue_of_four_steps_from_the_beginning) {
  std::vector<Verb> begun;
  play_all(submission(), &begun, 4);
}

BOOST_AUTO_TEST_CASE(every_dialogue_of_four_steps_behind_tls_and_behind_a_login) {
  for (std::vector<Verb> begun :
       {std::vector<Verb>{kEhlo, kStartTls, kEhlo}, std::vector<Verb>{kEhlo, kStartTls, kEhlo, kGoodLogin},
        std::vector<Verb>{kEhlo, kStartTls, kEhlo, kBadLogin, kBadLogin}})
    play_all(submission(), &begun, 4);
}

BOOST_AUTO_TEST_SUITE_END()
