#include "delivery/courier.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "core/base/check.h"
#include "core/base/log.h"
#include "delivery/client/client_session.h"
#include "delivery/client/lost_handshakes.h"
#include "delivery/client/troubled_hosts.h"
#include "delivery/failure_policy.h"
#include "delivery/tls/host_tls.h"

namespace essaim::delivery {
namespace {

// How long the peer may take to see our QUIT before the connection is cut.
constexpr Duration kQuitTimeout = std::chrono::seconds(2);
// Hosts that let us in and take nothing, before one has the last word. Often two addresses are one host.
constexpr int kMostLeft = 2;
// For one transaction, before its message, as a multiple of the silence that may be its end.
constexpr int kSilencesInAll = 4;
// Octets in a second, of our line for one of many connections: a message that goes slower is not read.
constexpr std::int64_t kSlowLine = 4096;

std::string peer_text(const HostCandidate& host) {
  return host.name + "[" + host.address + "]:" + std::to_string(host.port);
}

}  // namespace

// What happens in a call of the owner or within a callback of the session is only noted there; it is carried
// out by a task, so that the owner is never called from within its own call and no object dies under its own
// feet.
class Courier::Impl final : public net::Connection::Listener, public ClientSession::Output {
 public:
  Impl(Courier& self, net::EventLoop& loop, const CourierSettings& settings,
       std::shared_ptr<net::TlsClientContext> tls, const TokenMinter& minter,
       std::vector<HostCandidate> candidates, Courier::Listener* listener)
      : self_(self),
        loop_(loop),
        settings_(settings),
        tls_(std::move(tls)),
        minter_(minter),
        candidates_(std::move(candidates)),
        listener_(listener),
        timer_(loop, [this] { on_timer(); }) {}

  void start() {
    started_ = turn_began_ = loop_.now();
    post([this] { try_candidate(); });
  }

  void wake() {
    if (finished_ || std::exchange(wake_posted_, true)) return;
    post([this] {
      wake_posted_ = false;
      if (!session_) return;
      session_->wake(loop_.now());
      rearm();
    });
  }

  void close() {
    if (finished_ || std::exchange(closing_, true)) return;
    post([this] {
      if (!session_) return;
      session_->close(loop_.now());
      rearm();
    });
  }

  void set_trace(Trace trace) {
    trace_ = std::move(trace);
    if (session_) session_->set_trace(static_cast<bool>(trace_));
  }

  std::optional<MonoTime> fruitless_since(MonoTime now, Duration silence) const {
    if (given_up_ || !before_message()) return std::nullopt;
    const MonoTime heard = phase_ == Phase::kConnecting ? began_ : session_->waits_since();
    if (now - heard < silence && now - turn_began_ < kSilencesInAll * silence) return std::nullopt;
    return turn_began_;
  }

  void give_up() {
    post([this] {
      if (!before_message() || std::exchange(given_up_, true)) return;
      if (phase_ == Phase::kConnecting) return connect_failed("given up, for its place was needed");
      session_->give_up(loop_.now());
    });
  }

  const PeerInfo& peer() const { return peer_; }
  bool idle() const { return session_ && session_->state() == SessionState::kIdle; }

 private:
  enum class Phase { kConnecting, kTalking, kQuitting };

  template <typename F>
  void post(F work) {
    loop_.post([this, work = std::move(work), alive = std::weak_ptr<bool>(alive_)] {
      if (!alive.expired() && !finished_) work();
    });
  }

  const HostCandidate& candidate() const { return candidates_[index_]; }
  const HostTls& host_tls() const {
    static const HostTls opportunistic;
    return candidate().tls ? *candidate().tls : opportunistic;
  }

  bool before_message() const {
    if (finished_ || !session_ || !connection_) return false;
    return phase_ == Phase::kConnecting || (phase_ == Phase::kTalking && session_->before_message());
  }

  void try_candidate() {
    if (closing_) return finish(false, Stage::kConnect, {0, {}, "closed by us"});
    if (candidates_.empty())
      return finish(false, Stage::kConnect, smtp::reply(451, "4.4.4", "there is no host to connect to"));
    peer_ = PeerInfo{};
    peer_.host = peer_text(candidate());
    peer_.name = candidate().name;
    peer_.address = candidate().address;
    const auto address = net::SocketAddress::from_ip(candidate().address, candidate().port);
    if (!address) {
      return candidate_failed(Stage::kConnect, smtp::reply(451, "4.4.1", address.error().message), false);
    }
    phase_ = Phase::kConnecting;
    in_body_ = false;
    began_ = loop_.now();
    const HostTls& wanted = host_tls();
    const bool may = wanted.level != HostTls::Level::kNever && settings_.tls && tls_ != nullptr;
    const bool broken =
        in_clear_ || (settings_.broken_tls && settings_.broken_tls->knows(peer_.host, loop_.now()));
    session_ = std::make_unique<ClientSession>(
        settings_, minter_, peer_.host, may && (wanted.mandatory() || !broken), this,
        TlsTerms{wanted.mandatory() ? describe(wanted) : std::string(), wanted.require_tls});
    session_->set_trace(static_cast<bool>(trace_));
    net::SocketAddress source;
    peer_.source = address->is_ipv6() ? settings_.source_ipv6 : settings_.source_ipv4;
    if (!peer_.source.empty()) {
      auto bound = net::SocketAddress::from_ip(peer_.source, 0);
      if (!bound)
        return candidate_failed(Stage::kConnect, smtp::reply(451, "4.4.1", bound.error().message), false);
      source = *bound;
    }
    connection_ = net::Connection::connect(loop_, *address, source, this);
    timer_.start(settings_.connect_timeout);
  }

  void candidate_failed(Stage stage, const smtp::Reply& reply, bool from_peer) {
    peer_.refused = from_peer;
    listener_->on_candidate_failed(self_, candidate(), stage, reply);
    in_clear_ = false;
    const bool more = !given_up_ && has_next(hosts_left_ > 0);
    const Verdict verdict =
        decide(Trouble{.stage = stage, .reply = &reply, .from_peer = from_peer, .more_candidates = more});
    if (!says_no_require_tls(reply)) hope_ = {stage, reply};
    if (verdict == Verdict::kNextCandidate && more) {
      ++index_;
      post([this] { try_candidate(); });
    } else if (hosts_left_ > 0 && !given_up_ && !std::exchange(last_word_, true)) {
      // There was no better one.
      index_ = left_;
      post([this] { try_candidate(); });
    } else if (hope_) {
      finish(false, hope_->first, hope_->second);
    } else {
      finish(false, stage, reply);
    }
  }

  // When we were let in, those that failed lately do not count: one that may only mean the message is better.
  bool has_next(bool let_in) const {
    const bool in_time = index_ == 0 || loop_.now() - started_ < settings_.candidates_time;
    return !last_word_ && in_time && index_ + 1 < candidates_.size() &&
           !(let_in && candidates_[index_ + 1].failing);
  }

  void connect_failed(const std::string& how) {
    drop_connection();
    session_.reset();
    if (closing_) return finish(false, Stage::kConnect, {0, {}, "closed by us"});
    candidate_failed(Stage::kConnect, smtp::reply(451, "4.4.1", "connect to " + peer_.host + ": " + how),
                     false);
  }

  void drop_connection() {
    timer_.cancel();
    if (connection_) loop_.destroy_later(std::move(connection_));
  }

  void finish(bool usable, Stage stage, const smtp::Reply& why) {
    drop_connection();
    finished_ = true;
    listener_->on_finished(self_, usable || hosts_left_ > 0 || closing_, stage, why);
  }

  // ---- net::Connection::Listener ----

  void on_connected() override {
    phase_ = Phase::kTalking;
    peer_.connect_delay = loop_.now() - began_;
    peer_.local = connection_->local().ip();
    session_->on_connected(loop_.now());
    rearm();
  }

  void on_data(std::string_view bytes) override {
    if (phase_ != Phase::kTalking || !session_ || !connection_) return;
    // The peer has read all and answered before we were told that all had gone.
    if (connection_->pending_output() == 0) session_->on_drained(loop_.now());
    session_->on_bytes(bytes, loop_.now());
    rearm();
  }

  void on_drained() override {
    if (phase_ != Phase::kTalking || !session_ || !connection_) return;
    session_->on_drained(loop_.now());
    rearm();
  }

  void on_tls_established(const net::TlsInfo& info) override {
    if (!session_) return;
    peer_.tls = true;
    peer_.tls_info = info;
    if (settings_.lost_tls) settings_.lost_tls->worked(peer_.host);
    session_->on_tls_established(loop_.now());
    rearm();
  }

  void on_closed(const Error& reason, bool during_tls) override {
    timer_.cancel();
    switch (phase_) {
      case Phase::kConnecting:
        peer_.source_unusable = reason.code == ErrorCode::kIo;
        drop_connection();
        session_.reset();
        if (closing_) return finish(false, Stage::kConnect, {0, {}, "closed by us"});
        return candidate_failed(
            Stage::kConnect,
            smtp::reply(451, peer_.source_unusable ? "4.3.5" : "4.4.1", peer_.host + ": " + reason.message),
            false);
      case Phase::kTalking:
        if (during_tls && connection_) peer_.tls_info = connection_->tls_info();
        if (session_) session_->on_closed(reason, during_tls, loop_.now());
        return;
      case Phase::kQuitting:
        return after_quit();
    }
  }

  // ---- time ----

  void rearm() {
    if (!session_ || !connection_ || phase_ != Phase::kTalking) return;
    const bool in_body = session_->state() == SessionState::kBody;
    if (in_body && !in_body_) last_pending_ = connection_->pending_output();
    in_body_ = in_body;
    const auto deadline = session_->deadline();
    if (deadline)
      timer_.start(std::max(Duration::zero(), *deadline - loop_.now()));
    else
      timer_.cancel();
  }

  void on_timer() {
    if (finished_) return;
    if (phase_ == Phase::kQuitting) return after_quit();
    if (!session_ || !connection_) return;
    if (phase_ == Phase::kConnecting) return connect_failed("timed out");
    if (in_body_ && connection_->pending_output() < last_pending_) {
      last_pending_ = connection_->pending_output();
      session_->on_write_progress(loop_.now());
    } else {
      session_->on_timer(loop_.now());
    }
    rearm();
  }

  // ---- ClientSession::Output ----

  void write(std::string_view bytes) override { connection_->write(bytes); }
  void write_shared(const SharedBytes& bytes, std::size_t offset, std::size_t length) override {
    connection_->write_shared(bytes, offset, length);
  }
  void start_tls() override {
    const HostTls& wanted = host_tls();
    connection_->start_tls_client(tls_, wanted.server_name.empty() ? candidate().name : wanted.server_name,
                                  peer_.host, wanted.check);
  }
  void on_ready() override {
    peer_.recipients_max = session_->capabilities().recipients_max;
    peer_.mails_max = static_cast<int>(session_->capabilities().mails_max);
    listener_->on_ready(self_);
  }

  bool next(Transaction* transaction) override {
    peer_.transactions = session_->transactions();
    if (!listener_->next(self_, transaction)) return false;
    turn_began_ = loop_.now();
    return true;
  }

  bool may_send_message() override { return listener_->may_send_message(); }

  bool more_hosts() override { return !closing_ && !given_up_ && hosts_left_ < kMostLeft && has_next(true); }

  void on_outcome(const Transaction& transaction, const Outcome& outcome, Indices recipients) override {
    peer_.transactions = session_->transactions();
    const auto octets = static_cast<std::int64_t>(transaction.batch->post->wire->size());
    peer_.sending =
        std::min<Duration>(session_->sending(), std::chrono::milliseconds(octets * 1000 / kSlowLine));
    // What was begun behind its final dot has waited for that.
    if (outcome.kind == Outcome::Kind::kDelivered) turn_began_ = loop_.now();
    listener_->on_outcome(self_, transaction, outcome, recipients);
  }

  void trace(char side, std::string_view line) override {
    if (trace_) trace_(side, line);
  }

  void on_done(const ClientSession::End& end) override {
    end_ = end;
    if (end.orderly) {
      phase_ = Phase::kQuitting;
      connection_->close_after_flush();
      timer_.start(kQuitTimeout);
      return;
    }
    drop_connection();
    post([this] { after_end(); });
  }

  bool tls_is_broken() {
    if (!end_.retry_in_clear || !end_.tls_lost) return end_.retry_in_clear;
    return settings_.lost_tls && settings_.lost_tls->lost(peer_.host, began_, loop_.now());
  }

  void after_quit() {
    if (!end_.next_host || closing_) return finish(true, end_.stage, end_.reply);
    drop_connection();
    post([this] { after_end(); });
  }

  void after_end() {
    session_.reset();
    if (end_.next_host && !closing_) {
      ++hosts_left_;
      left_ = index_;
      peer_.took_nothing = true;
      return candidate_failed(end_.stage, end_.reply, end_.from_peer);
    }
    if (end_.ready || closing_) return finish(end_.ready, end_.stage, end_.reply);
    if (!given_up_ && tls_is_broken() && !std::exchange(in_clear_, true)) {
      if (settings_.broken_tls) settings_.broken_tls->add(peer_.host, loop_.now());
      log::info("tls-fallback", {{"relay", peer_.host}, {"reason", end_.reply.text}});
      return try_candidate();
    }
    candidate_failed(end_.stage, end_.reply, end_.from_peer);
  }

  Courier& self_;
  net::EventLoop& loop_;
  const CourierSettings settings_;
  const std::shared_ptr<net::TlsClientContext> tls_;
  const TokenMinter& minter_;
  const std::vector<HostCandidate> candidates_;
  Courier::Listener* const listener_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  Trace trace_;
  PeerInfo peer_;
  std::size_t index_ = 0;
  int hosts_left_ = 0;
  std::size_t left_ = 0;    // the last of them
  bool last_word_ = false;  // we came back to it, for nobody behind it let us in
  // Of a candidate that may be fit at another time: what others lack for good is not the last word then.
  std::optional<std::pair<Stage, smtp::Reply>> hope_;
  bool in_clear_ = false;  // TLS with this candidate has failed once
  bool closing_ = false;
  bool given_up_ = false;  // its place is for another
  bool finished_ = false;
  bool wake_posted_ = false;
  Phase phase_ = Phase::kConnecting;
  bool in_body_ = false;
  std::size_t last_pending_ = 0;
  MonoTime started_{};     // with the first candidate
  MonoTime began_{};       // the connection to this candidate
  MonoTime turn_began_{};  // the transaction, or the way to the first one
  ClientSession::End end_;
  std::unique_ptr<ClientSession> session_;
  std::unique_ptr<net::Connection> connection_;
  net::Timer timer_;
};

Courier::Courier(net::EventLoop& loop, const CourierSettings& settings,
                 std::shared_ptr<net::TlsClientContext> tls, const TokenMinter& minter,
                 std::vector<HostCandidate> candidates, Listener* listener)
    : impl_(std::make_unique<Impl>(*this, loop, settings, std::move(tls), minter, std::move(candidates),
                                   listener)) {}

Courier::~Courier() = default;

void Courier::start() {
  impl_->start();
}
void Courier::wake() {
  impl_->wake();
}
void Courier::close() {
  impl_->close();
}
void Courier::set_trace(Trace trace) {
  impl_->set_trace(std::move(trace));
}
const PeerInfo& Courier::peer() const {
  return impl_->peer();
}
bool Courier::idle() const {
  return impl_->idle();
}
std::optional<MonoTime> Courier::fruitless_since(MonoTime now, Duration silence) const {
  return impl_->fruitless_since(now, silence);
}
void Courier::give_up() {
  impl_->give_up();
}

}  // namespace essaim::delivery
