// essaim-bare: the bare limit. Sends prebuilt messages on raw descriptors, MAIL, RCPT and DATA pipelined, then the body,
// from one thread: what the other side and the kernel allow when the sender does nothing else.
//
//   essaim-bare --to HOST:PORT --connections N --messages N --size OCTETS [--recipients N]
//
// Prints: recipients=N transactions=N seconds=S rate=R cpu_us=U (per recipient, of this process)
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Options {
  std::string host = "127.0.0.1";
  int port = 25;
  int connections = 20;
  long messages = 1000;
  std::size_t size = 4096;
  int recipients = 1;
};

struct Session {
  int fd = -1;
  int replies_due = 1;  // the greeting
  bool body_next = false;
  bool body_sent = false;
  bool ready = false;
  std::string partial;
};

class Bare {
 public:
  explicit Bare(const Options& options) : options_(options) {
    envelope_ = "MAIL FROM:<bounce@lists.example>\r\n";
    for (int i = 0; i < options.recipients; ++i) envelope_ += "RCPT TO:<m@d.example>\r\n";
    envelope_ += "DATA\r\n";
    body_ = "From: x@client.example\r\nSubject: bare\r\nMessage-ID: <bare@client.example>\r\n\r\n";
    while (body_.size() < options.size)
      body_ += "The swarm moves on, as swarms do in May, to a new home.\r\n";
    body_ += ".\r\n";
  }

  int run() {
    int epoll = epoll_create1(0);
    std::vector<Session> sessions(static_cast<std::size_t>(options_.connections));
    for (Session& session : sessions) {
      session.fd = socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
      inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
      if (connect(session.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        std::perror("essaim-bare: connect");
        return 1;
      }
      int on = 1;
      setsockopt(session.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &session;
      epoll_ctl(epoll, EPOLL_CTL_ADD, session.fd, &event);
    }
    auto began = std::chrono::steady_clock::now();
    while (done_ < options_.messages) {
      epoll_event events[64];
      int count = epoll_wait(epoll, events, 64, 10'000);
      if (count <= 0) return 1;
      for (int i = 0; i < count; ++i) {
        if (!readable(static_cast<Session*>(events[i].data.ptr))) return 1;
      }
    }
    double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
                 static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    double recipients = static_cast<double>(done_) * options_.recipients;
    std::printf("recipients=%.0f transactions=%ld seconds=%.3f rate=%.0f cpu_us=%.2f\n", recipients, done_,
                seconds, recipients / seconds, cpu / recipients);
    return 0;
  }

 private:
  bool readable(Session* session) {
    char buffer[65536];
    ssize_t got = read(session->fd, buffer, sizeof buffer);
    if (got <= 0) {
      std::fprintf(stderr, "essaim-bare: the other side closed\n");
      return false;
    }
    std::string_view text(buffer, static_cast<std::size_t>(got));
    while (!text.empty()) {
      std::size_t newline = text.find('\n');
      if (newline == std::string_view::npos) {
        session->partial.append(text);
        break;
      }
      char fourth = session->partial.size() > 3 ? session->partial[3] : text[3 - session->partial.size()];
      session->partial.clear();
      text.remove_prefix(newline + 1);
      if (fourth == '-') continue;
      if (--session->replies_due == 0) next(session);
    }
    return true;
  }

  void next(Session* session) {
    if (!session->ready) {
      session->ready = true;
      session->replies_due = 1;
      put(session, "EHLO bare.example\r\n");
      session->body_next = false;
      return;
    }
    if (session->body_next) {
      session->body_next = false;
      session->replies_due = 1;
      put(session, body_);
      session->body_sent = true;
      return;
    }
    if (session->body_sent) {
      session->body_sent = false;
      ++done_;
    }
    session->replies_due = options_.recipients + 2;
    session->body_next = true;
    put(session, envelope_);
  }

  static void put(Session* session, const std::string& bytes) {
    if (send(session->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) std::perror("essaim-bare: send");
  }

  Options options_;
  std::string envelope_;
  std::string body_;
  long done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    std::string value = argv[i + 1];
    if (name == "--to") {
      std::size_t colon = value.rfind(':');
      options.host = value.substr(0, colon);
      options.port = std::atoi(value.c_str() + colon + 1);
    } else if (name == "--connections") {
      options.connections = std::atoi(value.c_str());
    } else if (name == "--messages") {
      options.messages = std::atol(value.c_str());
    } else if (name == "--size") {
      options.size = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--recipients") {
      options.recipients = std::atoi(value.c_str());
    } else {
      std::fprintf(stderr, "essaim-bare: unknown option %s\n", name.c_str());
      return 2;
    }
  }
  return Bare(options).run();
}
