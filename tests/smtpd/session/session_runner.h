// Runs transcripts against a ServerSession with scripted answers: whole, byte by byte and at random splits,
// with answers at once and late. Everything the session does is recorded; what it must never do fails the
// case.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "smtpd/session/server_session.h"

namespace essaim::test {

struct Stored {
  std::string reverse_path;
  std::vector<std::string> recipients;
  std::string content;
  std::vector<smtp::DsnRcptParameters> dsn;  // by recipient
  smtpd::TransactionInfo transaction;
};

// What the session runs with. `answers` is by recipient; others are accepted.
struct Setup {
  smtpd::SessionSettings settings;
  bool tls = false;
  smtpd::ListenerRole role = smtpd::ListenerRole::kMx;
  std::map<std::string, smtpd::RecipientAnswer> answers;
  smtp::Reply submit_reply;  // code 0: 250 2.0.0
  std::string refused_sender;
  std::map<std::string, std::string> passwords;  // who may log in; a test's "trouble" is answered with 454
  bool silent_intake = false;                    // never answers
  std::optional<smtp::Reply> no_mail, no_recipient;  // what the guard says
  std::uint64_t memory = 10'000'000;

  // The plain protocol; what is more is switched on by those who test it.
  Setup() {
    settings.hostname = "mx.test";
    settings.extensions = {
        .chunking = false, .limits = false, .smtputf8 = false, .dsn = false, .require_tls = false};
  }
};

class FakeActions final : public smtpd::SessionActions {
 public:
  explicit FakeActions(const Setup& setup) : setup_(setup) {}

  void send(std::string_view bytes) override;
  void start_tls() override;
  void close() override;
  void set_deadline(Duration from_now) override;
  void pause_input() override;
  void resume_input() override;
  void set_client_deadline(Duration from_now, Duration under_stress) override;
  std::optional<smtp::Reply> admit_mail() override { return setup_.no_mail; }
  std::optional<smtp::Reply> admit_recipient() override {
    ++counted;
    return setup_.no_recipient;
  }
  std::optional<smtp::Reply> check_sender(const smtpd::TransactionInfo& transaction) override;
  void ask_recipient(smtpd::Ticket ticket, const smtpd::TransactionInfo&,
                     const smtp::Address& recipient) override;
  void ask_login(smtpd::Ticket ticket, smtpd::LoginQuestion question) override;
  void submit(smtpd::Ticket ticket, std::unique_ptr<smtpd::IncomingMessage> message) override;
  Id new_post_id() override { return ++last_id; }
  WallTime wall_now() override { return now; }
  void on_rejected(const smtpd::Rejection& rejection) override;
  void on_received(const smtpd::Reception&) override { ++received; }
  void on_not_taken(const smtp::Reply& answer) override { not_taken.push_back(answer.code); }
  void on_incident(std::string_view what, std::string_view) override { incidents.emplace_back(what); }
  void trace(char direction, std::string_view line) override;

  // Answers the oldest question; false when there is none.
  bool answer_one(smtpd::ServerSession* session);

  std::string output;
  std::vector<Stored> stored;
  std::vector<std::string> asked;
  std::vector<smtpd::LoginQuestion> logins;
  std::vector<std::string> rejected;  // "RCPT 550"
  std::vector<int> not_taken;         // replies to messages that were read
  std::vector<std::string> incidents;
  std::string traced;
  Duration deadline{};
  Duration stress_deadline{};  // zero: the present deadline has none
  int junk = 0;
  Id last_id = 0;
  WallTime now = from_millis(1'790'000'000'000);
  int received = 0;
  int counted = 0;  // recipients, for the rates
  int pauses = 0;
  bool paused = false;
  bool closed = false;
  bool tls_started = false;

 private:
  void still_open(const char* what) const;

  const Setup& setup_;
  std::deque<std::function<void(smtpd::ServerSession*)>> questions_;
};

using Check = std::function<void(const FakeActions& actions, const smtpd::ServerSession& session)>;

// `check` runs at the end of each way.
void run_transcript(const Setup& setup, std::string_view transcript, const Check& check = nullptr);

}  // namespace essaim::test
