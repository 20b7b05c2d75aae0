// The server's side of the admin socket: a UNIX socket in the state directory, for root and the server's own
// user and group only (file mode and peer credentials). One request per connection, bounded in size, time and
// number.
//
// Thread: made, used and destroyed on its loop. Handlers are called there and must not block; a Responder may
// be used from any thread, once, and drops the answer when the client has gone.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/net/acceptor.h"
#include "core/net/event_loop.h"
#include "smtpd/admin/protocol.h"

namespace essaim::smtpd::admin {

// One client's answer. Thread-safe; keep it as long as there is something to say.
class Responder {
 public:
  virtual ~Responder() = default;
  // JSON text of the result, or the error. The connection closes after it unless begin_stream() was called
  // before.
  virtual void answer(Result<std::string> result) = 0;
  // What follows answer() is lines; `gone` is called on the loop when the client leaves. Before answer().
  virtual void begin_stream(std::function<void()> gone) = 0;
  // Lines that the client does not read in time are dropped, and it is told how many.
  virtual void line(std::string text) = 0;
};

struct Verb {
  std::set<std::string> arguments;  // those it knows
  std::function<void(const Request&, std::shared_ptr<Responder>)> handle;
};

class Server {
 public:
  Server(net::EventLoop& loop, std::shared_ptr<net::ListenSocket> socket, std::map<std::string, Verb> verbs);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  class Client;
  void accept(int fd);
  void forget(Client* client);

  net::EventLoop& loop_;
  const std::map<std::string, Verb> verbs_;
  std::map<Client*, std::shared_ptr<Client>> clients_;
  std::unique_ptr<net::Acceptor> acceptor_;
};

}  // namespace essaim::smtpd::admin
