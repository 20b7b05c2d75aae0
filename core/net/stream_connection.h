// The Connection on a stream socket: the one class behind connection.h, in clear and under TLS.
//
//   kConnecting ──writable──▶ kOpen ──start_tls_*()──▶ kTlsPending ──output gone──▶ kHandshake ──▶ kTls
//        └───────────────┴─────────────┴── error, end of input, close_after_flush() ──┴──▶ kClosed
//
// One persistent level-triggered read event; the write event exists only while the kernel takes no more. All
// that cannot be done within a call of the owner (sending, reporting) is done in on_turn_end(). There is no
// way back from kTlsPending to kOpen, so nothing is sent or delivered in clear once a handshake was asked
// for.
#pragma once

#include <optional>

#include <event2/event_struct.h>

#include "core/net/connection.h"
#include "core/net/output_queue.h"
#include "core/net/tls_stream.h"

namespace essaim::net {

class StreamConnection final : public Connection, private TurnEnd {
 public:
  StreamConnection(EventLoop& loop, int fd, const SocketAddress& peer, Listener* listener);
  ~StreamConnection() override;

  void begin_connect(const SocketAddress& source);
  void begin_adopted();

  void write(std::string_view bytes) override;
  void write_shared(SharedBytes bytes, std::size_t offset, std::size_t length) override;
  void flush() override;
  std::size_t pending_output() const override { return output_.size() + output_under_tls_.size(); }
  void pause_reading() override { paused_ = true; }
  void resume_reading() override;
  void start_tls_server(std::shared_ptr<TlsServerContext> context) override;
  void start_tls_client(std::shared_ptr<TlsClientContext> context, const std::string& server_name,
                        const std::string& session_key, std::shared_ptr<const TlsPeerCheck> check) override;
  bool tls_active() const override { return phase_ == Phase::kTls; }
  TlsInfo tls_info() const override { return tls_ != nullptr ? tls_->info() : TlsInfo{}; }
  void close_after_flush() override;
  const SocketAddress& peer() const override { return peer_; }
  SocketAddress local() const override;
  void on_doomed() override;

 private:
  enum class Phase { kConnecting, kOpen, kTlsPending, kHandshake, kTls, kClosed };

  void on_turn_end() override;
  OutputQueue& queue();
  void on_readable();
  void on_writable();
  void finish_connect();
  void read_clear();
  void read_tls();
  void send();
  void send_now();
  bool send_clear();  // true when all has gone
  bool send_tls();
  void handshake();
  void start_tls(std::unique_ptr<TlsStream> tls);
  void discard_input();
  void end_of_input();
  void fail(std::string message, bool during_tls = false);
  void report();
  void want_read(bool wanted);
  void want_write(bool wanted);
  void later() { loop_.at_turn_end(this); }
  std::string peer_name() const;

  EventLoop& loop_;
  int fd_;
  const SocketAddress peer_;
  Listener* listener_;  // null once on_closed() was called or the object is doomed
  Phase phase_ = Phase::kConnecting;
  bool paused_ = false;
  bool reading_ = false;     // the read event is with the loop
  bool writing_ = false;     // the write event is
  bool read_again_ = false;  // OpenSSL may hold bytes of which the descriptor says nothing
  bool write_wants_read_ = false;
  bool closing_ = false;  // close when the output has gone
  bool input_ended_ = false;
  bool drained_due_ = false;  // on_drained() is to be called
  bool in_turn_end_ = false;
  event read_event_{};
  event write_event_{};
  OutputQueue output_;
  OutputQueue output_under_tls_;  // written since start_tls_*(), waits for the handshake
  std::unique_ptr<TlsStream> tls_;
  struct Closed {
    Error reason;
    bool during_tls = false;
  };
  std::optional<Closed> closed_;  // what to tell the listener at the end of the turn
};

}  // namespace essaim::net
