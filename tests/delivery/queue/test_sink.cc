#include "tests/delivery/queue/test_sink.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace essaim::test {
namespace {

class Lines {
 public:
  explicit Lines(int fd) : fd_(fd) {}
  bool octets(std::size_t count, std::string* out) {
    buffer_.erase(0, start_);
    start_ = 0;
    while (buffer_.size() < count)
      if (!more()) return false;
    out->assign(buffer_, 0, count);
    start_ = count;
    return true;
  }
  bool line(std::string* out) {
    for (;;) {
      const std::size_t end = buffer_.find("\r\n", start_);
      if (end != std::string::npos) {
        out->assign(buffer_, start_, end - start_);
        start_ = end + 2;
        return true;
      }
      buffer_.erase(0, start_);
      start_ = 0;
      if (!more()) return false;
    }
  }

 private:
  bool more() {
    char chunk[16384];
    const ssize_t n = ::recv(fd_, chunk, sizeof chunk, 0);
    if (n > 0) buffer_.append(chunk, static_cast<std::size_t>(n));
    return n > 0;
  }
  int fd_;
  std::string buffer_;
  std::size_t start_ = 0;
};

bool say(int fd, const std::string& text) {
  const std::string wire = text + "\r\n";
  return ::send(fd, wire.data(), wire.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(wire.size());
}

std::string path_of(const std::string& line) {
  const std::size_t from = line.find('<');
  const std::size_t to = line.find('>');
  return from == std::string::npos || to == std::string::npos ? std::string()
                                                              : line.substr(from + 1, to - from - 1);
}

}  // namespace

TestSink::TestSink() {
  listen_fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(listen_fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_ANY);
  socklen_t length = sizeof address;
  if (::bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listen_fd_, 512) != 0)
    std::abort();
  ::getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

TestSink::~TestSink() {
  stopping_ = true;
  ::shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock(mutex_);
    for (const int fd : fds_) ::shutdown(fd, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (const int fd : fds_) ::close(fd);
  ::close(listen_fd_);
}

void TestSink::set(const std::string& ip, HostPolicy policy) {
  std::lock_guard lock(mutex_);
  policies_[ip] = std::move(policy);
}

std::map<std::string, int> TestSink::accepted() const {
  std::lock_guard lock(mutex_);
  return accepted_;
}

std::vector<std::string> TestSink::order() const {
  std::lock_guard lock(mutex_);
  return order_;
}

std::vector<std::string> TestSink::senders() const {
  std::lock_guard lock(mutex_);
  return senders_;
}

int TestSink::connections(const std::string& ip) const {
  std::lock_guard lock(mutex_);
  const auto found = connections_.find(ip);
  return found == connections_.end() ? 0 : found->second;
}

std::vector<std::string> TestSink::commands(const std::string& ip) const {
  std::lock_guard lock(mutex_);
  const auto found = commands_.find(ip);
  return found == commands_.end() ? std::vector<std::string>() : found->second;
}

std::map<std::string, std::string> TestSink::came_from() const {
  std::lock_guard lock(mutex_);
  return came_from_;
}

std::map<std::string, std::string> TestSink::bodies() const {
  std::lock_guard lock(mutex_);
  return bodies_;
}

int TestSink::most_at_once(const std::string& ip) const {
  std::lock_guard lock(mutex_);
  const auto found = most_.find(ip);
  return found == most_.end() ? 0 : found->second;
}

int TestSink::most_at_once() const {
  std::lock_guard lock(mutex_);
  return most_of_all_;
}

void TestSink::accept_loop() {
  while (!stopping_) {
    sockaddr_in peer{};
    socklen_t peer_length = sizeof peer;
    const int fd = ::accept4(listen_fd_, reinterpret_cast<sockaddr*>(&peer), &peer_length, SOCK_CLOEXEC);
    if (fd < 0) {
      if (stopping_) return;
      continue;
    }
    char client[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &peer.sin_addr, client, sizeof client);
    // Or its second short reply waits for the 40 ms of our delayed acknowledgement.
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sockaddr_in local{};
    socklen_t length = sizeof local;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&local), &length);
    char text[INET_ADDRSTRLEN];
    ::inet_ntop(AF_INET, &local.sin_addr, text, sizeof text);
    std::lock_guard lock(mutex_);
    fds_.push_back(fd);
    ++connections_[text];
    most_[text] = std::max(most_[text], ++open_[text]);
    most_of_all_ = std::max(most_of_all_, ++open_now_);
    threads_.emplace_back([this, fd, ip = std::string(text), from = std::string(client)] {
      serve(fd, ip, from);
      ::shutdown(fd, SHUT_RDWR);
      std::lock_guard over(mutex_);
      --open_[ip];
      --open_now_;
    });
  }
}

void TestSink::serve(int fd, const std::string& ip, const std::string& client) {
  HostPolicy policy;
  {
    std::lock_guard lock(mutex_);
    policy = policies_[ip];
  }
  if (!say(fd, policy.greeting) || policy.greeting[0] != '2') return;
  Lines lines(fd);
  std::string line, sender;
  std::vector<std::string> recipients;
  bool open = false;  // MAIL was accepted
  while (lines.line(&line)) {
    std::string verb = line.substr(0, 4);
    std::transform(verb.begin(), verb.end(), verb.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    std::string reply = "250 2.0.0 ok";
    if (verb == "EHLO") {
      reply = "250-sink";
      for (const std::string& keyword : policy.keywords) reply += "\r\n250-" + keyword;
      reply += "\r\n250 HELP";
    }
    if (verb == "MAIL" || verb == "RCPT" || verb == "DATA" || verb == "BDAT") {
      std::lock_guard lock(mutex_);
      commands_[ip].push_back(line);
    }
    if (verb == "MAIL") {
      sender = path_of(line);
      recipients.clear();
      if (policy.mail) reply = policy.mail();
      open = reply[0] == '2';
    }
    if (verb == "RCPT") {
      const std::string recipient = path_of(line);
      int before = 0;
      {
        std::lock_guard lock(mutex_);
        before = asked_[recipient]++;
      }
      if (policy.rcpt) reply = policy.rcpt(recipient, before);
      if (!open) reply = "503 5.5.1 MAIL first";
      if (reply[0] == '2') recipients.push_back(recipient);
    }
    if (verb == "DATA" || verb == "BDAT") {
      std::string body;
      if (verb == "BDAT" && !lines.octets(std::strtoul(line.c_str() + 5, nullptr, 10), &body)) return;
      if (recipients.empty()) {
        if (!say(fd, "554 5.5.1 no valid recipients")) return;
        continue;
      }
      if (verb == "DATA") {
        if (!say(fd, "354 go on")) return;
        if (policy.reading_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(policy.reading_ms));
        while (lines.line(&line) && line != ".") body += line + "\n";
        if (line != ".") return;
      }
      if (policy.message_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(policy.message_ms));
      if (policy.dot) reply = policy.dot();
      if (reply[0] == '2') {
        std::lock_guard lock(mutex_);
        for (const std::string& recipient : recipients) {
          ++accepted_[recipient];
          came_from_[recipient] = client;
          bodies_[recipient] = body;
          order_.push_back(recipient);
          senders_.push_back(sender);
        }
        total_ += recipients.size();
        ++transactions_;
      }
      recipients.clear();
    }
    if (!say(fd, verb == "QUIT" ? "221 2.0.0 bye" : reply)) return;
    if (verb == "QUIT" || reply.rfind("421", 0) == 0) return;
  }
}

}  // namespace essaim::test
