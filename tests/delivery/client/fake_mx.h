// A small mail exchanger on the test's loop. It takes mail in earnest (what it acknowledged is kept,
// unstuffed lines and all) and misbehaves as told.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/net/acceptor.h"
#include "core/net/connection.h"

namespace essaim::delivery::bench {

struct MxHabits {
  std::string greeting = "220 mx.example ESMTP";  // "" says nothing, "-" closes at once
  std::vector<std::string> keywords{"PIPELINING", "8BITMIME", "SIZE 10000000"};
  std::shared_ptr<net::TlsServerContext> tls;  // offers STARTTLS
  bool break_tls = false;                      // answers 220 and then nonsense
  int lose_handshakes = 0;                     // so many: answers 220 and closes when the handshake begins
  bool refuse_in_clear = false;
  int stop_reading_body_after = -1;                               // octets of DATA; then silence
  std::function<std::string(const std::string& command)> answer;  // "" for the usual; "-" closes
};

class FakeMx {
 public:
  struct Mail {
    std::string sender;
    std::vector<std::string> recipients;
    std::string wire;  // with the final dot
    bool tls = false;
  };

  FakeMx(net::EventLoop& loop, MxHabits habits);
  ~FakeMx();

  std::uint16_t port() const { return socket_->address().port(); }
  int connections() const { return connections_; }
  int open() const { return static_cast<int>(peers_.size()); }
  int resumed() const { return resumed_; }
  const std::vector<Mail>& mails() const { return mails_; }
  const std::vector<std::string>& commands() const { return commands_; }
  MxHabits& habits() { return habits_; }

 private:
  class Peer;
  net::EventLoop& loop_;
  MxHabits habits_;
  std::shared_ptr<net::ListenSocket> socket_;
  std::map<Peer*, std::unique_ptr<Peer>> peers_;
  int connections_ = 0;
  int resumed_ = 0;
  std::vector<Mail> mails_;
  std::vector<std::string> commands_;
  net::Acceptor acceptor_;
};

}  // namespace essaim::delivery::bench
