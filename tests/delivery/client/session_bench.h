// A ClientSession on the bench: work to hand out, everything it does recorded as lines, and the contract
// watched: exactly one outcome for each recipient that it took, nothing after the end, no line end but CRLF
// on the wire.
//
//   C: what it writes (the message as "C: (N octets)" and "C: .", the latter not behind BDAT)
//   T: start TLS          R: ready
//   O: index kind stage reply [ours] [message] [dsn]
//   E: ready|unusable [orderly] [retry-in-clear] [next-host] stage reply
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "delivery/client/client_session.h"

namespace essaim::delivery::bench {

// Tokens that tests can foretell: "v<member>", "l<member>" and "w<member>".
class FakeMinter : public TokenMinter {
 public:
  void append_verp(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                   std::string* out) const override {
    out->append("v").append(std::to_string(recipient.member_id));
  }
  void append_leave(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                    std::string* out) const override {
    out->append("l").append(std::to_string(recipient.member_id));
  }
  void append_link(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                   std::string* out) const override {
    out->append("w").append(std::to_string(recipient.member_id));
  }
};

struct PostOptions {
  std::string sender = "l-bounces@lists.example";
  std::string header;
  std::string wire = "Subject: x\r\n\r\nbody\r\n.\r\n";
  bool eight_bit = false;
  std::string plain = "";      // "": none, or the message that `wire` is made of
  std::string wire_7bit = "";  // likewise
  bool smtputf8 = false;
  DsnReturn dsn_return = DsnReturn::kNone;
  std::string dsn_envelope_id = "";
};
std::shared_ptr<const ActivePost> make_post(const PostOptions& options = {});

// "a@x.example b@x.example" -> one transaction; members count from 1.
Transaction make_transaction(const std::string& recipients,
                             std::shared_ptr<const ActivePost> post = make_post());

class SessionBench final : public ClientSession::Output {
 public:
  explicit SessionBench(const CourierSettings& settings, bool tls = true, TlsTerms terms = {});

  ClientSession& session() { return session_; }
  void give(Transaction transaction) { work_.push_back(std::move(transaction)); }
  void set_more_hosts(bool on) { more_hosts_ = on; }
  const ClientSession::End& last_end() const { return last_end_; }
  std::vector<std::string> take_events();  // since the last call
  std::string take_written();              // raw bytes since the last call
  bool done() const { return ends_ > 0; }
  MonoTime now() const { return now_; }
  void feed(std::string_view bytes) {
    settle();
    session_.on_bytes(bytes, now_);
  }
  void pass(Duration time);  // and the timer, when it is due
  void drained() { session_.on_drained(now_); }
  // What is wrong with the contract so far; "" when all is well. Recipients may only be without outcome
  // before the end.
  std::string violation() const;
  struct Key {
    const void* batch;
    std::uint16_t index;
    auto operator<=>(const Key&) const = default;
  };
  const std::map<Key, std::vector<Outcome>>& outcomes() const { return outcomes_; }
  const std::vector<Transaction>& taken() const { return taken_; }

  void write(std::string_view bytes) override;
  void write_shared(const SharedBytes& bytes, std::size_t offset, std::size_t length) override;
  void start_tls() override;
  void on_ready() override;
  bool next(Transaction* transaction) override;
  bool more_hosts() override { return more_hosts_; }
  void on_outcome(const Transaction& transaction, const Outcome& outcome, Indices recipients) override;
  void on_done(const ClientSession::End& end) override;
  void trace(char side, std::string_view line) override;

 private:
  void settle();  // turns what was written as text into lines
  void write_chunk(std::string_view part);
  void event(std::string line);
  void on_outcome_of(const Transaction& transaction, std::uint16_t index, const Outcome& outcome);

  CourierSettings settings_;
  FakeMinter minter_;
  std::size_t chunk_left_ = 0;  // octets of the chunk that was announced
  MonoTime now_{std::chrono::seconds(1'000)};
  std::deque<Transaction> work_;
  std::vector<Transaction> taken_;
  std::map<Key, std::vector<Outcome>> outcomes_;
  std::vector<std::string> events_;
  std::vector<std::string> traced_;   // what the trace said of us
  std::vector<std::string> written_;  // what we really wrote, in the same form
  std::string pending_;
  std::string raw_;
  std::string trouble_;
  int ends_ = 0;
  bool more_hosts_ = false;
  ClientSession::End last_end_;
  ClientSession session_;
};

enum class Feed { kWhole, kByteByByte };

// Plays a transcript of "S:", "C:" and the lines above; "!" lines make things happen: ! close, ! reset, ! tls
// ok, ! tls fail, ! drained, ! pass 5m, ! wake, ! quit. Consecutive S: lines arrive together; the message has
// gone before, unless "! stalled" says that it does not go. Gives "" or the first difference.
std::string play(SessionBench* bench, std::string_view script, Feed feed);

}  // namespace essaim::delivery::bench
