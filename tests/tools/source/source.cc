// essaim-source: posts at full load. Keeps N sessions open, each sending its messages one after the other
// (MAIL, RCPT and DATA pipelined when offered), and tells how long the server took.
//
//   essaim-source --to HOST:PORT --from ADDRESS --rcpt LIST... [--sessions N] [--messages N] [--size OCTETS]
//                 [--reconnect] [--per-connection N] [--log FILE] [--subject TEXT]
//                 [--each N] [--mail-parameters TEXT] [--rcpt-file FILE] [--fields FILE]
//
// --fields: header fields to put on top of each message, as they are in the file.
// Each message goes to the next of the recipients, or with --each to the next N of them, in one transaction.
//
// Log, one line per message that got a reply to its final dot: <unix ms> <code> <Message-ID> <recipient>
// <reply> At the end, on standard output: messages=N accepted=N refused=N lost=N seconds=S rate=R p50_ms=T
// p99_ms=T Exit code 1 if anything was refused or lost.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

using Steady = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  int port = 25;
  std::string from = "author@client.example";
  std::vector<std::string> recipients;
  int sessions = 1;
  long messages = 1;
  std::size_t size = 4096;
  long per_connection = 0;  // messages; 0: no limit
  std::string log;
  std::string subject = "load";
  std::string mail_parameters;
  std::string fields;
  std::size_t each = 1;
};

enum class State { kConnecting, kBanner, kEhlo, kEnvelope, kBody, kQuit };

struct Session {
  int fd = -1;
  State state = State::kConnecting;
  std::string in;
  std::string out;
  bool waits_to_write = false;
  int replies_due = 0;
  long sent = 0;
  int refused_in_envelope = 0;
  std::string message_id;
  std::string recipient;
  std::string refusal;
  Steady::time_point began;
};

class Source {
 public:
  explicit Source(Options options) : options_(std::move(options)) {
    body_ = "\r\n";
    while (body_.size() < options_.size) {
      body_ += "The bees of the swarm hang together in a cluster while their scouts look for a new home.\r\n";
    }
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    if (!options_.log.empty()) log_.open(options_.log, std::ios::app);
    run_ = std::to_string(getpid()) + "." +
           std::to_string(std::chrono::system_clock::now().time_since_epoch().count() / 1'000'000);
  }

  int run() {
    Steady::time_point began = Steady::now();
    for (int i = 0; i < options_.sessions; ++i) open_session();
    while (!sessions_.empty()) {
      epoll_event events[128];
      int count = epoll_wait(epoll_, events, 128, 60'000);
      if (count == 0) {
        std::cerr << "essaim-source: nothing happened for a minute\n";
        break;
      }
      for (int i = 0; i < count; ++i) {
        auto found = sessions_.find(events[i].data.fd);
        if (found != sessions_.end()) handle(found->second.get(), events[i].events);
      }
      log_.flush();
    }
    double seconds = std::chrono::duration<double>(Steady::now() - began).count();
    std::sort(latencies_.begin(), latencies_.end());
    auto percentile = [&](double p) {
      return latencies_.empty()
                 ? 0.0
                 : latencies_[static_cast<std::size_t>(p * static_cast<double>(latencies_.size() - 1))];
    };
    std::printf(
        "messages=%ld accepted=%ld refused=%ld lost=%ld seconds=%.3f rate=%.0f p50_ms=%.2f p99_ms=%.2f\n",
        begun_, accepted_, refused_, begun_ - accepted_ - refused_, seconds,
        static_cast<double>(accepted_) / seconds, percentile(0.5), percentile(0.99));
    return accepted_ == options_.messages ? 0 : 1;
  }

 private:
  void open_session() {
    auto session = std::make_unique<Session>();
    session->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    inet_pton(AF_INET, options_.host.c_str(), &address.sin_addr);
    int on = 1;
    setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(session->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
        errno != EINPROGRESS) {
      std::cerr << "essaim-source: connect: " << std::strerror(errno) << "\n";
      close(session->fd);
      return;
    }
    session->state = State::kBanner;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = session->fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, session->fd, &event);
    sessions_[session->fd] = std::move(session);
  }

  void handle(Session* session, unsigned events) {
    if ((events & EPOLLOUT) != 0) flush(session);
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0) return;
    char buffer[65536];
    ssize_t got = read(session->fd, buffer, sizeof buffer);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      end(session);
      return;
    }
    session->in.append(buffer, static_cast<std::size_t>(got));
    int fd = session->fd;
    std::size_t newline = 0;
    while (sessions_.count(fd) != 0 && (newline = session->in.find('\n')) != std::string::npos) {
      std::string line = session->in.substr(0, newline);
      session->in.erase(0, newline + 1);
      while (!line.empty() && line.back() == '\r') line.pop_back();
      if (line.size() >= 4 && line[3] == '-') continue;
      reply(session, line);
    }
  }

  void reply(Session* session, const std::string& line) {
    bool good = !line.empty() && (line[0] == '2' || line[0] == '3');
    switch (session->state) {
      case State::kConnecting:
      case State::kBanner:
        if (!good) return end(session);
        session->state = State::kEhlo;
        return send(session, "EHLO source.example\r\n");
      case State::kEhlo:
        return next(session);
      case State::kEnvelope:
        if (!good) {
          ++session->refused_in_envelope;
          if (session->refusal.empty()) session->refusal = line;
        }
        if (--session->replies_due > 0) return;
        if (line[0] != '3') {
          finish_message(session, session->refusal.empty() ? line : session->refusal);
          return send(session, "RSET\r\n"), static_cast<void>(session->state = State::kEhlo);
        }
        session->state = State::kBody;
        return send(session, options_.fields + "From: " + options_.from + "\r\nTo: " + session->recipient +
                                 "\r\nSubject: " + options_.subject +
                                 "\r\nMessage-ID: " + session->message_id +
                                 "\r\nDate: Sun, 22 Nov 2026 18:52:04 +0000\r\n" + body_ + ".\r\n");
      case State::kBody:
        finish_message(session, line);
        return next(session);
      case State::kQuit:
        return end(session);
    }
  }

  void next(Session* session) {
    if (begun_ >= options_.messages ||
        (options_.per_connection > 0 && session->sent >= options_.per_connection)) {
      bool more = begun_ < options_.messages;
      session->state = State::kQuit;
      send(session, "QUIT\r\n");
      if (more) open_session();
      return;
    }
    long number = begun_++;
    ++session->sent;
    session->recipient =
        options_.recipients[static_cast<std::size_t>(number) * options_.each % options_.recipients.size()];
    session->message_id = "<" + run_ + "." + std::to_string(number) + "@client.example>";
    session->began = Steady::now();
    session->state = State::kEnvelope;
    session->replies_due = static_cast<int>(options_.each) + 2;
    session->refused_in_envelope = 0;
    session->refusal.clear();
    std::string envelope = "MAIL FROM:<" + options_.from + ">";
    if (!options_.mail_parameters.empty()) envelope += " " + options_.mail_parameters;
    envelope += "\r\n";
    for (std::size_t i = 0; i < options_.each; ++i) {
      std::size_t index = static_cast<std::size_t>(number) * options_.each + i;
      envelope += "RCPT TO:<" + options_.recipients[index % options_.recipients.size()] + ">\r\n";
    }
    send(session, envelope + "DATA\r\n");
  }

  void finish_message(Session* session, const std::string& line) {
    bool good = !line.empty() && line[0] == '2';
    ++(good ? accepted_ : refused_);
    latencies_.push_back(std::chrono::duration<double, std::milli>(Steady::now() - session->began).count());
    if (log_.is_open()) {
      auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count();
      log_ << ms << " " << line.substr(0, 3) << " " << session->message_id << " " << session->recipient << " "
           << line << '\n';  // written before the next wait
    }
    if (!good && refused_ == 1) std::cerr << "essaim-source: refused: " << line << "\n";
  }

  void send(Session* session, const std::string& bytes) {
    session->out += bytes;
    flush(session);
  }

  void flush(Session* session) {
    while (!session->out.empty()) {
      ssize_t put = ::send(session->fd, session->out.data(), session->out.size(), MSG_NOSIGNAL);
      if (put <= 0) break;
      session->out.erase(0, static_cast<std::size_t>(put));
    }
    if (session->waits_to_write == !session->out.empty()) return;
    session->waits_to_write = !session->out.empty();
    epoll_event event{};
    event.events = session->waits_to_write ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.fd = session->fd;
    epoll_ctl(epoll_, EPOLL_CTL_MOD, session->fd, &event);
  }

  void end(Session* session) {
    int fd = session->fd;
    close(fd);
    sessions_.erase(fd);
  }

  Options options_;
  std::string body_;
  std::string run_;
  int epoll_ = -1;
  std::ofstream log_;
  std::map<int, std::unique_ptr<Session>> sessions_;
  long begun_ = 0, accepted_ = 0, refused_ = 0;
  std::vector<double> latencies_;
};

constexpr const char* kUsage =
    "usage: essaim-source --to HOST:PORT --from ADDRESS --rcpt LIST... [--sessions N] [--messages N]\n"
    "                     [--size OCTETS] [--reconnect] [--log FILE] [--subject TEXT]\n"
    "                     [--each N] [--per-connection N] [--mail-parameters TEXT] [--rcpt-file FILE]\n"
    "                     [--fields FILE]\n";

// What --help says besides: what the names of the options do not tell.
constexpr const char* kHelp =
    "\nPosts by SMTP at full load and prints one line of counts and times; exit code 1 if anything was "
    "refused or lost.\n"
    "Each message goes to the next --rcpt, or with --each to the next N of them.\n"
    "  --log        a line per message that got a reply to its end: unix ms, code, Message-ID, recipient, "
    "reply\n"
    "  --reconnect  a connection for each message\n"
    "  --fields     header fields to put on top of each message, as they are in the file\n\n"
    "  essaim-source --to 127.0.0.1:25 --from ann@example.org --rcpt dev@lists.example.org --messages 100 "
    "--sessions 4\n";

int usage(const std::string& wrong) {
  std::cerr << "essaim-source: " << wrong << "\n" << kUsage;
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::cout << kUsage << kHelp;
      return 0;
    }
    if (name == "--reconnect") {
      options.per_connection = 1;
      continue;
    }
    if (i + 1 >= argc) return usage(name + " needs a value");
    std::string value = argv[++i];
    if (name == "--to") {
      std::size_t colon = value.rfind(':');
      if (colon == std::string::npos) return usage("--to takes HOST:PORT");
      options.host = value.substr(0, colon);
      options.port = std::atoi(value.c_str() + colon + 1);
    } else if (name == "--from") {
      options.from = value;
    } else if (name == "--rcpt") {
      options.recipients.push_back(value);
    } else if (name == "--rcpt-file") {
      std::ifstream file(value);
      for (std::string line; std::getline(file, line);)
        if (!line.empty()) options.recipients.push_back(line);
    } else if (name == "--fields") {
      std::ifstream file(value, std::ios::binary);
      options.fields.assign(std::istreambuf_iterator<char>(file), {});
      if (options.fields.empty()) return usage("--fields: nothing in " + value);
    } else if (name == "--each") {
      options.each = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--per-connection") {
      options.per_connection = std::atol(value.c_str());
    } else if (name == "--mail-parameters") {
      options.mail_parameters = value;
    } else if (name == "--sessions") {
      options.sessions = std::atoi(value.c_str());
    } else if (name == "--messages") {
      options.messages = std::atol(value.c_str());
    } else if (name == "--size") {
      options.size = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--log") {
      options.log = value;
    } else if (name == "--subject") {
      options.subject = value;
    } else {
      return usage("unknown option " + name);
    }
  }
  if (options.recipients.empty()) return usage("--rcpt is missing");
  std::signal(SIGPIPE, SIG_IGN);
  return Source(std::move(options)).run();
}
