#include "smtpd/admin/server.h"

#include <sys/socket.h>
#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/connection.h"

namespace essaim::smtpd::admin {
namespace {

constexpr std::size_t kMaxClients = 64;
constexpr std::size_t kMaxStreamBacklog = 1 << 20;  // octets that a slow reader of a trace may leave
constexpr Duration kRequestDeadline = std::chrono::seconds(10);

// Root, or the user or group that the server runs as.
bool may_use(int fd, std::string* who) {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  *who = "uid " + std::to_string(peer.uid) + " gid " + std::to_string(peer.gid);
  return peer.uid == 0 || peer.uid == geteuid() || peer.gid == getegid();
}

}  // namespace

// What the two threads' sides share lives as long as either; the connection only as long as the server keeps
// it.
class Server::Client : public net::Connection::Listener,
                       public Responder,
                       public std::enable_shared_from_this<Server::Client> {
 public:
  Client(Server& server, net::EventLoop& loop)
      : server_(&server),
        loop_(loop),
        reader_(kMaxRequest),
        deadline_(std::make_shared<net::Timer>(loop, [this] { leave(); })) {}

  void begin(int fd) {
    connection_ = net::Connection::adopt(loop_, fd, {}, this);
    deadline_->start(kRequestDeadline);
  }
  // The server goes away, or has forgotten it: nothing is written any more.
  void detach() {
    server_ = nullptr;
    deadline_->cancel();
    loop_.post([timer = std::move(deadline_)] {});  // it may be the one that calls, and dies on this thread
    if (connection_) loop_.destroy_later(std::move(connection_));
    if (gone_) std::exchange(gone_, nullptr)();
  }

  void answer(Result<std::string> result) override {
    loop_.post(
        [self = shared_from_this(), text = encode_answer(result)] { self->write(text, !self->streaming_); });
  }
  void begin_stream(std::function<void()> gone) override {
    streaming_ = true;
    gone_ = std::move(gone);
  }
  void line(std::string text) override {
    loop_.post([self = shared_from_this(), text = std::move(text)] { self->write_line(text); });
  }

 private:
  void on_data(std::string_view bytes) override {
    if (asked_) return;  // one request per connection; what follows it is ignored
    std::size_t used = 0;
    switch (reader_.take(bytes, &used)) {
      case LineReader::State::kMore:
        return;
      case LineReader::State::kTooLong:
        asked_ = true;
        return answer(Error{ErrorCode::kInvalid, "the request is too long"});
      case LineReader::State::kLine:
        asked_ = true;
        deadline_->cancel();
        return ask();
    }
  }

  void ask() {
    auto request = decode_request(reader_.line());
    if (!request.ok()) return answer(Error{ErrorCode::kInvalid, "bad request: " + request.error().message});
    const auto verb = server_->verbs_.find(request->command);
    if (verb == server_->verbs_.end())
      return answer(Error{ErrorCode::kInvalid,
                          "unknown command \"" + escaped_for_display(request->command, 100) + "\""});
    for (const auto& [name, value] : request->arguments) {
      if (verb->second.arguments.count(name) == 0)
        return answer(
            Error{ErrorCode::kInvalid, "unknown argument \"" + escaped_for_display(name, 100) + "\""});
    }
    verb->second.handle(*request, shared_from_this());
  }

  void write(const std::string& text, bool last) {
    if (!connection_) return;
    connection_->write(text);
    if (last) connection_->close_after_flush();
  }

  void write_line(const std::string& text) {
    if (!connection_) return;
    if (connection_->pending_output() > kMaxStreamBacklog) {
      ++dropped_;
      return;
    }
    if (dropped_ > 0) connection_->write(encode_line("(" + std::to_string(dropped_) + " lines dropped)"));
    dropped_ = 0;
    connection_->write(encode_line(text));
  }

  void on_closed(const Error&, bool) override { leave(); }

  void leave() {
    if (server_ != nullptr) server_->forget(this);
  }

  Server* server_;
  net::EventLoop& loop_;
  LineReader reader_;
  std::shared_ptr<net::Timer> deadline_;
  std::unique_ptr<net::Connection> connection_;
  bool asked_ = false;
  bool streaming_ = false;
  std::size_t dropped_ = 0;
  std::function<void()> gone_;
};

Server::Server(net::EventLoop& loop, std::shared_ptr<net::ListenSocket> socket,
               std::map<std::string, Verb> verbs)
    : loop_(loop), verbs_(std::move(verbs)) {
  acceptor_ = std::make_unique<net::Acceptor>(loop, std::move(socket),
                                              [this](int fd, const net::SocketAddress&) { accept(fd); });
}

Server::~Server() {
  acceptor_.reset();
  while (!clients_.empty()) forget(clients_.begin()->first);
}

void Server::accept(int fd) {
  std::string who = "unknown";
  if (!may_use(fd, &who)) {
    log::warning("admin-refused", {{"peer", who}});
    close(fd);
    return;
  }
  if (clients_.size() >= kMaxClients) {
    close(fd);
    return;
  }
  auto client = std::make_shared<Client>(*this, loop_);
  clients_[client.get()] = client;
  client->begin(fd);
}

void Server::forget(Client* client) {
  const auto found = clients_.find(client);
  if (found == clients_.end()) return;
  const std::shared_ptr<Client> kept = found->second;
  clients_.erase(found);
  kept->detach();
  loop_.post([kept] {});  // it may be on the stack
}

}  // namespace essaim::smtpd::admin
