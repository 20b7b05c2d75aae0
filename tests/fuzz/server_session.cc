// A whole session of the server: hostile octets from the client, scripted answers from inside. What must hold:
// - nothing that smuggles gets to the intake: lines end with CRLF and nothing else does, no NUL, within the limit;
// - the reply to a message is positive only when it was submitted and the intake said so;
// - what is said and kept does not depend on where segments end, nor on how late the intake answers;
// - nothing happens after the end, and all memory is given back.
#include "smtpd/session/server_session.h"

#include <deque>
#include <functional>

#include "tests/fuzz/target.h"
#include "tests/support/wire_form.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

constexpr std::uint64_t kMaxMessage = 2'000;

class FakeActions final : public SessionActions {
 public:
  void send(std::string_view bytes) override {
    ESSAIM_CHECK(!closed && !in_tls);
    output += bytes;
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t end = bytes.find("\r\n", at);
      ESSAIM_CHECK(end != std::string_view::npos);  // whole lines
      see(bytes.substr(at, end - at));
      at = end + 2;
    }
  }
  void start_tls() override {
    ESSAIM_CHECK(!closed);
    in_tls = true;
  }
  void close() override {
    ESSAIM_CHECK(!closed);
    closed = true;
  }
  void set_deadline(Duration from_now) override { ESSAIM_CHECK(!closed && from_now > Duration::zero()); }
  void pause_input() override {
    ESSAIM_CHECK(!paused);
    paused = true;
  }
  void resume_input() override {
    ESSAIM_CHECK(paused);
    paused = false;
  }
  std::optional<smtp::Reply> check_sender(const TransactionInfo& transaction) override {
    if (transaction.reverse_path.local != "refused") return std::nullopt;
    return smtp::reply(550, "5.7.1", "Not you");
  }
  void ask_recipient(Ticket ticket, const TransactionInfo&, const smtp::Address& recipient) override {
    ESSAIM_CHECK(!closed);
    const bool refused = recipient.local == "nobody";
    questions.emplace_back([ticket, refused](ServerSession* session) {
      session->on_recipient_answer(
          ticket,
          {refused ? smtp::reply(550, "5.1.1", "Nobody") : smtp::reply(250, "2.1.5", "OK"), nullptr, 0});
    });
  }
  void ask_login(Ticket ticket, LoginQuestion question) override {
    ESSAIM_CHECK(!closed && tls);
    LoginAnswer answer;
    if (question.asked.kind == sasl::Question::Kind::kVerifier) {
      answer.verifier = sasl::fake_scram_verifier("secret", question.asked.authcid);
    } else if (question.asked.secret == "good") {
      answer.login = std::make_shared<const sasl::Login>(sasl::Login{question.asked.authcid, "", {}, false});
    }
    questions.emplace_back(
        [ticket, answer](ServerSession* session) { session->on_login_answer(ticket, answer); });
  }
  void submit(Ticket ticket, std::unique_ptr<IncomingMessage> message) override {
    ESSAIM_CHECK(!needs_login || message->transaction.client.login != nullptr);
    ESSAIM_CHECK(!closed && !message->recipients.empty());
    const auto content = message->content->read_all();
    ESSAIM_CHECK(content.ok() && content->size() == message->content->size());
    ESSAIM_CHECK(content->size() <= kMaxMessage && !test::has_bare_line_ends(*content));
    ESSAIM_CHECK(content->find('\0') == std::string::npos);
    ESSAIM_CHECK(content->empty() || content->ends_with("\r\n"));
    stored += message->transaction.reverse_path.to_string() + ">" + *content + "|";
    const bool accepted = ++submitted % 3 != 0;
    questions.emplace_back([ticket, accepted, this](ServerSession* session) {
      answered = accepted;
      session->on_submit_answer(
          ticket, accepted ? smtp::reply(250, "2.0.0", "queued") : smtp::reply(451, "4.3.0", "Not now"));
      answered = false;
    });
  }
  Id new_post_id() override { return ++last_id; }
  WallTime wall_now() override { return from_millis(1'790'000'000'000); }
  void on_rejected(const Rejection&) override {}
  void on_received(const Reception&) override { ESSAIM_CHECK(answered); }
  void on_not_taken(const smtp::Reply& answer) override { ESSAIM_CHECK(!answer.positive()); }
  void on_incident(std::string_view, std::string_view) override {}
  void trace(char, std::string_view) override {}

  void see(std::string_view line) {
    // A challenge holds what the client has sent (RFC 4954 §4).
    ESSAIM_CHECK(line.size() >= 4 && line.size() <= (line.starts_with("334 ") ? 12'288U : 510U));
    for (const char c : line) ESSAIM_CHECK(c >= 32 && c <= 126);
    // The words of acceptance come from the intake alone, and what follows 354 is refused or accepted so.
    const bool queued = line == "250 2.0.0 queued";
    ESSAIM_CHECK(queued == answered || !queued);
    if (in_data) ESSAIM_CHECK(queued || line.front() == '4' || line.front() == '5');
    in_data = line.starts_with("354 ");
    if (queued) answered = false;  // once
  }

  bool answer_one(ServerSession* session) {
    if (questions.empty() || closed) return false;
    const auto question = std::move(questions.front());
    questions.pop_front();
    question(session);
    return true;
  }

  std::string output, stored;
  std::deque<std::function<void(ServerSession*)>> questions;
  Id last_id = 0;
  int submitted = 0;
  bool tls = false, needs_login = false;
  bool answered = false, closed = false, in_tls = false, paused = false, in_data = false;
};

// With the choice of TLS a handshake is over at once; what was dropped for it depends on the segments.
bool with_tls(unsigned char choice) {
  return (choice & 32) != 0;
}

std::string dialogue(unsigned char choice, const fuzz::Pieces& pieces, bool late) {
  SessionSettings settings;
  settings.hostname = "mx.test";
  settings.limits.max_message_octets = kMaxMessage;
  settings.limits.max_errors = 50;
  settings.limits.max_skipped_octets = 8'000;
  settings.limits.max_pending_octets = 500;
  settings.limits.max_recipients = 5;
  settings.extensions = {
      .chunking = (choice & 1) == 0, .limits = true, .smtputf8 = (choice & 2) != 0, .dsn = (choice & 4) != 0};
  settings.login.required = (choice & 64) != 0;
  settings.login.implicit_tls = (choice & 128) != 0 && with_tls(choice);
  settings.login.mechanisms = sasl::all_mechanisms();
  settings.bare_line_ends = (choice & 8) != 0 ? smtp::BareLineEnds::kNormalise : smtp::BareLineEnds::kRefuse;
  // Whether octets came before our reply depends on segments by its nature.
  settings.early_talk.cut_behind_data = false;
  smtp::MemoryBudget budget(100'000);
  std::string result;
  {
    FakeActions actions;
    actions.needs_login = settings.login.required;
    ServerSession session(settings, with_tls(choice), budget, actions);
    session.on_connected({});
    const auto shake_hands = [&] {
      if (!actions.in_tls) return;
      actions.in_tls = false;
      actions.tls = true;
      session.on_tls_established(
          {"TLSv1.3", "TLS_AES_256_GCM_SHA384", {"exporter", "", ""}, {"a@b.example"}});
    };
    shake_hands();
    for (const std::string_view piece : pieces) {
      while (actions.paused && actions.answer_one(&session)) {
      }
      session.receive(piece);
      shake_hands();
      while (!late && actions.answer_one(&session)) {
      }
    }
    while (actions.answer_one(&session)) {
    }
    ESSAIM_CHECK(actions.closed == session.closed());
    result = actions.output + "\n" + actions.stored;
    if ((choice & 16) != 0) {
      session.on_timeout();
      session.shut_down();
    }
  }
  ESSAIM_CHECK(budget.used() == 0);
  return result;
}

}  // namespace

ESSAIM_FUZZ_TARGET(server_session) {
  const unsigned char choice = fuzz::take_choice(&data);
  const std::string expected = dialogue(choice, fuzz::whole(data), false);
  const std::string cut = dialogue(choice, fuzz::at_random(data, choice), true);
  ESSAIM_CHECK(expected.size() <= 1'000 * (data.size() + 1));
  // Version 2 of the PROXY protocol is known by the first segment.
  if (with_tls(choice) || data.starts_with("\r\n")) return;
  ESSAIM_CHECK(cut == expected);
  if (data.size() < 1'000) ESSAIM_CHECK(dialogue(choice, fuzz::by_octet(data), false) == expected);
}
