#include "tests/tools/sink/server.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sink {
namespace {

bool has_verb(std::string_view line, const char* verb) {
  std::size_t length = std::strlen(verb);
  return line.size() >= length && strncasecmp(line.data(), verb, length) == 0 &&
         (line.size() == length || line[length] == ' ' || line[length] == ':');
}

// What stands between < and >.
std::string path(std::string_view line) {
  std::size_t open = line.find('<');
  std::size_t close = line.rfind('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return "";
  return std::string(line.substr(open + 1, close - open - 1));
}

std::string header_value(std::string_view message, const char* name) {
  std::size_t position = 0;
  std::size_t length = std::strlen(name);
  while (position < message.size()) {
    std::size_t end = message.find("\r\n", position);
    if (end == std::string_view::npos || end == position) return "-";
    std::string_view line = message.substr(position, end - position);
    if (line.size() > length && line[length] == ':' && strncasecmp(line.data(), name, length) == 0) {
      line.remove_prefix(length + 1);
      while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
      return line.empty() ? "-" : std::string(line.substr(0, line.find(' ')));
    }
    position = end + 2;
  }
  return "-";
}

std::string unstuffed(std::string_view message) {
  std::string out;
  out.reserve(message.size());
  bool at_line_start = true;
  for (std::size_t i = 0; i < message.size(); ++i) {
    if (at_line_start && message[i] == '.') {
      at_line_start = false;
      continue;
    }
    out.push_back(message[i]);
    at_line_start = message[i] == '\n' && i > 0 && message[i - 1] == '\r';
  }
  return out;
}

}  // namespace

Server::~Server() {
  for (auto& [fd, session] : sessions_) {
    if (session->ssl != nullptr) SSL_free(session->ssl);
    close(fd);
  }
  for (auto& [fd, address] : listeners_) close(fd);
  SSL_CTX_free(tls_);
  if (log_fd_ >= 0) close(log_fd_);
  if (commands_fd_ >= 0) close(commands_fd_);
  if (epoll_ >= 0) close(epoll_);
}

bool Server::start() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (!options_.log.empty()) {
    log_fd_ = open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_fd_ < 0) {
      std::cerr << "essaim-sink: " << options_.log << ": " << std::strerror(errno) << "\n";
      return false;
    }
  }
  if (!options_.commands.empty()) {
    commands_fd_ = open(options_.commands.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (commands_fd_ < 0) {
      std::cerr << "essaim-sink: " << options_.commands << ": " << std::strerror(errno) << "\n";
      return false;
    }
  }
  if (!options_.keep.empty()) {
    const int folder = open(options_.keep.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
    const bool usable = folder >= 0 && faccessat(folder, ".", W_OK | X_OK, 0) == 0;
    if (!usable) std::cerr << "essaim-sink: --keep " << options_.keep << ": " << std::strerror(errno) << "\n";
    if (folder >= 0) close(folder);
    if (!usable) return false;
  }
  if (!options_.tls.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls_, options_.tls.c_str()) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_, options_.tls.c_str(), SSL_FILETYPE_PEM) != 1) {
      std::cerr << "essaim-sink: " << options_.tls << ": no usable certificate and key\n";
      return false;
    }
    SSL_CTX_set_mode(tls_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (!options_.resumption) {
      SSL_CTX_set_num_tickets(tls_, 0);
      SSL_CTX_set_options(tls_, SSL_OP_NO_TICKET);
      SSL_CTX_set_session_cache_mode(tls_, SSL_SESS_CACHE_OFF);
    }
  }
  std::string ports;
  for (const std::string& where : options_.listen) {
    std::size_t colon = where.rfind(':');
    sockaddr_storage address{};
    auto* ipv4 = reinterpret_cast<sockaddr_in*>(&address);
    auto* ipv6 = reinterpret_cast<sockaddr_in6*>(&address);
    const bool six = where[0] == '[';
    const std::string host = colon == std::string::npos ? ""
                             : six                      ? where.substr(1, where.find(']') - 1)
                                                        : where.substr(0, colon);
    if (inet_pton(six ? AF_INET6 : AF_INET, host.c_str(),
                  six ? static_cast<void*>(&ipv6->sin6_addr) : static_cast<void*>(&ipv4->sin_addr)) != 1) {
      std::cerr << "essaim-sink: not an address: " << where << "\n";
      return false;
    }
    address.ss_family = six ? AF_INET6 : AF_INET;
    // The port stands at the same place in both.
    ipv4->sin_port = htons(static_cast<std::uint16_t>(std::atoi(where.c_str() + colon + 1)));
    socklen_t length = six ? sizeof(sockaddr_in6) : sizeof(sockaddr_in);
    int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0 || listen(fd, 4096) != 0) {
      std::cerr << "essaim-sink: " << where << ": " << std::strerror(errno) << "\n";
      return false;
    }
    getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    std::string bound = where.substr(0, colon) + ":" + std::to_string(ntohs(ipv4->sin_port));
    ports += bound + "\n";
    listeners_[fd] = bound;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  if (!options_.port_file.empty()) {
    // Written whole under another name first: who waits for the file never reads half of it.
    std::string temporary = options_.port_file + ".new";
    std::ofstream(temporary) << ports;
    if (std::rename(temporary.c_str(), options_.port_file.c_str()) != 0) return false;
  }
  return true;
}

void Server::turn() {
  int timeout = 100;
  std::int64_t now = now_ms();
  if (!paused_.empty())
    timeout = static_cast<int>(std::clamp<std::int64_t>(paused_.begin()->first - now, 0, 100));
  if (!held_.empty())
    timeout = static_cast<int>(std::clamp<std::int64_t>(held_.front().first - now, 0, timeout));
  epoll_event events[256];
  int count = epoll_wait(epoll_, events, 256, timeout);
  for (int i = 0; i < count; ++i) {
    int fd = events[i].data.fd;
    if (listeners_.count(fd) != 0) {
      accept_from(fd);
      continue;
    }
    auto found = sessions_.find(fd);
    if (found == sessions_.end()) continue;
    Session* session = found->second.get();
    if (session->handshaking) {
      handshake(session);
      continue;
    }
    if ((events[i].events & EPOLLOUT) != 0) {
      if (options_.delay_ms > 0)
        flush(session, &session->leaving);
      else
        write_out(session);
    }
    if (!session->dead && (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) readable(session);
  }
  now = paused_.empty() ? 0 : now_ms();
  while (!paused_.empty() && paused_.begin()->first <= now) {
    int fd = paused_.begin()->second;
    paused_.erase(paused_.begin());
    auto found = sessions_.find(fd);
    if (found == sessions_.end() || found->second->dead) continue;
    found->second->paused_until = 0;
    write_out(found->second.get());
    if (!found->second->dead) process(found->second.get());
  }
  release_held();
  dying_.clear();
}

// What we said `delay_ms` ago leaves now, to whoever has the descriptor's session still (or none).
void Server::release_held() {
  if (held_.empty()) return;
  std::int64_t now = now_ms();
  while (!held_.empty() && held_.front().first <= now) {
    auto found = sessions_.find(held_.front().second);
    held_.pop_front();
    if (found == sessions_.end()) continue;
    Session* session = found->second.get();
    while (!session->held.empty() && session->held.front().due <= now) {
      session->leaving += session->held.front().bytes;
      session->held.pop_front();
    }
    if (session->held.empty() || !session->leaving.empty()) flush(session, &session->leaving);
  }
}

std::string Server::report() const {
  char line[256];
  std::snprintf(
      line, sizeof line,
      "recipients=%llu transactions=%llu connections=%llu max_connections=%llu bytes=%llu first_ms=%lld "
      "last_ms=%lld tls=%llu resumed=%llu",
      static_cast<unsigned long long>(counters_.recipients),
      static_cast<unsigned long long>(counters_.transactions),
      static_cast<unsigned long long>(counters_.connections),
      static_cast<unsigned long long>(counters_.max_open), static_cast<unsigned long long>(counters_.bytes),
      static_cast<long long>(counters_.first_ms), static_cast<long long>(counters_.last_ms),
      static_cast<unsigned long long>(counters_.tls), static_cast<unsigned long long>(counters_.resumed));
  return line;
}

void Server::accept_from(int listener) {
  while (true) {
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    int fd = accept4(listener, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    auto session = std::make_unique<Session>();
    session->fd = fd;
    session->address = listeners_[listener];
    char client[INET6_ADDRSTRLEN] = "?";
    if (peer.ss_family == AF_INET6)
      inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(&peer)->sin6_addr, client, sizeof client);
    else
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&peer)->sin_addr, client, sizeof client);
    session->client = client;
    Session* raw = session.get();
    sessions_[fd] = std::move(session);
    ++counters_.connections;
    counters_.max_open = std::max(counters_.max_open, ++counters_.open);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    bool go_on = true;
    if (!misbehave(raw, "connect", raw->address, &go_on)) raw->out += "220 sink.example ESMTP\r\n";
    if (!raw->dead) write_out(raw);
  }
}

void Server::readable(Session* session) {
  static char buffer[256 * 1024];
  while (true) {
    ssize_t got = session->ssl != nullptr ? SSL_read(session->ssl, buffer, sizeof buffer)
                                          : read(session->fd, buffer, sizeof buffer);
    if (got > 0) {
      counters_.bytes += static_cast<std::uint64_t>(got);
      session->in.append(buffer, static_cast<std::size_t>(got));
      if (session->ssl == nullptr && static_cast<std::size_t>(got) < sizeof buffer) break;
      continue;
    }
    bool again = session->ssl != nullptr
                     ? SSL_get_error(session->ssl, static_cast<int>(got)) == SSL_ERROR_WANT_READ
                     : got < 0 && errno == EAGAIN;
    if (again) break;
    finish(session);
    return;
  }
  process(session);
}

void Server::process(Session* session) {
  while (!session->dead && !session->closing && !session->hung && session->paused_until == 0 &&
         !session->handshaking) {
    if (session->in_data) {
      // An empty message begins with the end of data itself.
      std::size_t end = std::string::npos;
      std::size_t marker = 5;
      if (session->scanned == 0 && session->in.rfind(".\r\n", 0) == 0) {
        end = 0;
        marker = 3;
      } else {
        std::size_t from = session->scanned > 4 ? session->scanned - 4 : 0;
        end = session->in.find("\r\n.\r\n", from);
      }
      if (end == std::string::npos) {
        session->scanned = session->in.size();
        break;
      }
      std::size_t body_length = marker == 5 ? end + 2 : 0;
      session->in_data = false;
      session->scanned = 0;
      bool go_on = end_of_data(session, std::string_view(session->in).substr(0, body_length));
      session->in.erase(0, end + marker);
      if (!go_on) break;
    } else if (session->in_chunk) {
      const std::size_t part = std::min(session->chunk_left, session->in.size());
      session->chunks.append(session->in, 0, part);
      session->in.erase(0, part);
      session->chunk_left -= part;
      if (session->chunk_left > 0) break;
      session->in_chunk = false;
      if (!end_of_chunk(session)) break;
    } else {
      std::size_t end = session->in.find('\n');
      if (end == std::string::npos) break;
      std::string line = session->in.substr(0, end > 0 && session->in[end - 1] == '\r' ? end - 1 : end);
      session->in.erase(0, end + 1);
      if (!command(session, line)) break;
    }
  }
  if (!session->dead && session->paused_until == 0) write_out(session);
}

bool Server::command(Session* session, std::string_view line) {
  bool go_on = true;
  if (commands_fd_ >= 0) log_command(*session, line);
  if (has_verb(line, "BDAT")) return begin_chunk(session, line);
  if (has_verb(line, "RCPT")) {
    if (!session->mail) {
      session->out += "503 5.5.1 MAIL first\r\n";
      return true;
    }
    std::string recipient = path(line);
    if (misbehave(session, "rcpt", recipient, &go_on)) return go_on;
    session->recipients.push_back(std::move(recipient));
    session->out += "250 2.1.5 Ok\r\n";
  } else if (has_verb(line, "MAIL")) {
    session->sender = path(line);
    session->recipients.clear();
    session->chunks.clear();
    session->mail = false;
    if (misbehave(session, "mail", session->sender, &go_on)) return go_on;
    session->mail = true;
    session->out += "250 2.1.0 Ok\r\n";
  } else if (has_verb(line, "DATA")) {
    if (misbehave(session, "data", session->address, &go_on)) return go_on;
    if (session->recipients.empty()) {
      session->out += "554 5.5.1 no valid recipients\r\n";
      return true;
    }
    session->in_data = true;
    session->out += "354 go ahead\r\n";
  } else if (has_verb(line, "EHLO")) {
    if (misbehave(session, "ehlo", session->address, &go_on)) return go_on;
    session->out += "250-sink.example\r\n";
    if (options_.pipelining) session->out += "250-PIPELINING\r\n";
    if (tls_ != nullptr && session->ssl == nullptr) session->out += "250-STARTTLS\r\n";
    if (options_.eight_bit) session->out += "250-8BITMIME\r\n";
    for (const std::string& keyword : options_.offer) session->out += "250-" + keyword + "\r\n";
    session->out += "250-SIZE " + std::to_string(options_.size) + "\r\n250 ENHANCEDSTATUSCODES\r\n";
  } else if (has_verb(line, "HELO")) {
    session->out += "250 sink.example\r\n";
  } else if (has_verb(line, "RSET") || has_verb(line, "NOOP")) {
    session->out += "250 2.0.0 Ok\r\n";
  } else if (has_verb(line, "STARTTLS") && tls_ != nullptr && session->ssl == nullptr) {
    if (misbehave(session, "starttls", session->address, &go_on)) return go_on;
    session->out += "220 2.0.0 Ready\r\n";
    write_out(session);
    session->in.clear();
    session->ssl = SSL_new(tls_);
    SSL_set_fd(session->ssl, session->fd);
    SSL_set_accept_state(session->ssl);
    session->handshaking = true;
    handshake(session);
    return false;
  } else if (has_verb(line, "QUIT")) {
    if (misbehave(session, "quit", session->address, &go_on)) return go_on;
    session->out += "221 2.0.0 Bye\r\n";
    session->closing = true;
    return false;
  } else {
    session->out += "500 5.5.2 what?\r\n";
  }
  return true;
}

void Server::log_command(const Session& session, std::string_view line) {
  for (const char* verb : {"MAIL", "RCPT", "DATA", "BDAT"}) {
    if (!has_verb(line, verb)) continue;
    const std::string text = session.address + " " + session.client + " " + std::string(line) + "\n";
    if (write(commands_fd_, text.data(), text.size()) < 0)
      std::cerr << "essaim-sink: commands: " << std::strerror(errno) << "\n";
  }
}

// RFC 3030 §2. A chunk that is refused is read all the same.
bool Server::begin_chunk(Session* session, std::string_view line) {
  char* end = nullptr;
  const std::string text(line.substr(std::min<std::size_t>(5, line.size())));
  session->chunk_left = std::strtoul(text.c_str(), &end, 10);
  if (end == text.c_str()) {
    session->out += "501 5.5.4 BDAT size [LAST]\r\n";
    return true;
  }
  session->in_chunk = true;
  session->last_chunk = strcasecmp(end, " LAST") == 0;
  return true;
}

bool Server::end_of_chunk(Session* session) {
  bool go_on = true;
  if (misbehave(session, "data", session->address, &go_on)) return go_on;
  if (session->recipients.empty()) {
    session->out += "503 5.5.1 no valid recipients\r\n";
    return true;
  }
  if (!session->last_chunk) {
    session->out += "250 2.0.0 Ok\r\n";
    return true;
  }
  const std::string message = std::move(session->chunks);
  session->chunks.clear();
  return end_of_data(session, message, false);
}

bool Server::end_of_data(Session* session, std::string_view message, bool stuffed) {
  bool go_on = true;
  if (!options_.rules.empty()) {
    const Action* action = options_.rules.match("dot", session->address);
    if (action != nullptr && action->kind == Action::Kind::kAcceptClose) {
      record(session, message, stuffed);
      finish(session);
      return false;
    }
    if (action != nullptr && obey(session, *action, &go_on)) return go_on;
  }
  record(session, message, stuffed);
  session->out += "250 2.0.0 Ok: accepted as " + std::to_string(counters_.transactions) + "\r\n";
  session->recipients.clear();
  if (options_.latency_ms > 0) {
    pause(session, options_.latency_ms);
    return false;
  }
  return true;
}

void Server::record(Session* session, std::string_view message, bool stuffed) {
  std::int64_t now = now_ms();
  if (counters_.first_ms == 0) counters_.first_ms = now;
  counters_.last_ms = now;
  ++counters_.transactions;
  counters_.recipients += session->recipients.size();
  // Before its receipts: who reads one finds the message whole.
  if (!options_.keep.empty()) {
    std::ofstream file(options_.keep + "/" + std::to_string(counters_.transactions) + ".eml",
                       std::ios::binary);
    file << (stuffed ? unstuffed(message) : std::string(message));
    file.close();
    if (!file) std::cerr << "essaim-sink: --keep " << options_.keep << ": a message could not be written\n";
  }
  if (log_fd_ >= 0) {
    std::string lines;
    std::string id = header_value(message, "message-id");
    for (const std::string& recipient : session->recipients) {
      lines += std::to_string(now) + " " + recipient + " <" + session->sender + "> " +
               std::to_string(message.size()) + " " + session->address + " " +
               std::to_string(counters_.transactions) + " " + id + "\n";
    }
    if (write(log_fd_, lines.data(), lines.size()) < 0)
      std::cerr << "essaim-sink: log: " << std::strerror(errno) << "\n";
  }
}

bool Server::misbehave(Session* session, const char* stage, const std::string& subject, bool* go_on) {
  if (options_.rules.empty()) return false;
  const Action* action = options_.rules.match(stage, subject);
  return action != nullptr && obey(session, *action, go_on);
}

bool Server::obey(Session* session, const Action& action, bool* go_on) {
  switch (action.kind) {
    case Action::Kind::kReply:
      session->out += action.reply + "\r\n";
      if (action.reply.rfind("421", 0) == 0) {
        session->closing = true;
        *go_on = false;
      }
      return true;
    case Action::Kind::kDelay:
      pause(session, action.milliseconds);
      return false;
    case Action::Kind::kHang:
      session->hung = true;
      break;
    case Action::Kind::kFlood:
      for (int i = 0; i < 200'000; ++i) session->out += "250-and there is more to say about it\r\n";
      return true;
    case Action::Kind::kGarbage:
      session->out += "\x01\x02nonsense without a code\r\n\r\n250250\r\n";
      return true;
    case Action::Kind::kNul:
      session->out += std::string("250 2.0.0 Ok\0ay\r\n", 17);
      return true;
    case Action::Kind::kReset: {
      linger hard{1, 0};
      setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      finish(session);
      break;
    }
    case Action::Kind::kClose:
    case Action::Kind::kAcceptClose:
      finish(session);
      break;
  }
  *go_on = false;
  return true;
}

// What is read meanwhile waits; replies written so far wait too.
void Server::pause(Session* session, int milliseconds) {
  session->paused_until = now_ms() + milliseconds;
  paused_.emplace(session->paused_until, session->fd);
}

}  // namespace sink
