// One connection of a Server: requests in, responses out, one after the other.
//
//   kReading ──a whole request──▶ kAnswering ──the handler's response──▶ kSending ──it has gone──▶ kReading
//       └── error, deadline, the last response ──▶ kClosing: what was said goes out, and no more is listened to
//
// No request is looked at before the response to the one before it has gone to the kernel. So what waits here for a client who
// sends requests and reads nothing is one response, and that has one deadline, whatever comes meanwhile.
//
// Thread: the loop's. Owner: the Server, which is told by `ended` from a callback of the loop and hands it to
// destroy_later().
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/http/server.h"
#include "core/net/connection.h"

namespace essaim::http {

class ServerConnection final : public net::Disposable, private net::Connection::Listener {
 public:
  using Ended = std::function<void(ServerConnection*)>;
  ServerConnection(net::EventLoop& loop, int fd, const net::SocketAddress& peer,
                   const ServerSettings& settings, const Routes& routes, Ended ended);
  void on_doomed() override;

  // Nobody works on a request of it, as none has come, or not all of it: it may go for another. For how long that has been so.
  bool reading() const { return state_ == State::kReading || state_ == State::kSending; }
  MonoTime since() const { return since_; }
  const std::string& peer_ip() const { return peer_ip_; }
  void close();      // when what was said has gone
  void shut_down();  // close(), or after the response that is due

 private:
  enum class State { kReading, kAnswering, kSending, kClosing };

  void on_data(std::string_view bytes) override;
  void on_drained() override;
  bool on_input_ended() override;
  void on_closed(const Error& reason, bool during_tls) override;

  bool idle() const { return state_ == State::kReading && !parser_.begun(); }
  void read_on();
  void handle(ServerRequest request);
  std::string client_of(const ServerRequest& request) const;
  void respond(ServerResponse response);
  void refuse(int status, const std::string& why);
  void on_deadline();
  void log_access(const ServerResponse& response) const;

  net::EventLoop& loop_;
  const ServerSettings& settings_;
  const Routes& routes_;
  Ended ended_;
  const std::string peer_ip_;
  RequestParser parser_;
  State state_ = State::kReading;
  std::string input_;  // behind the request that is being answered; nothing is read meanwhile
  ServerRequest request_;
  AccessLog log_ = AccessLog::kAll;
  std::string shown_path_;  // in the log; "": the request's
  MonoTime since_;          // of idleness, of the request
  int answered_ = 0;
  bool last_ = false;
  bool input_ended_ = false;
  // What a response on its way from another thread looks at: of which request it is, empty when we are gone.
  std::shared_ptr<ServerConnection*> alive_;
  std::uint64_t turn_ = 0;
  net::Timer deadline_;
  std::unique_ptr<net::Connection> connection_;
};

}  // namespace essaim::http
