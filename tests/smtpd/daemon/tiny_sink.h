// A next hop that takes everything: blocking, one thread, one connection at a time. It keeps what it was
// given.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"

namespace essaim::test {

class TinySink {
 public:
  struct Mail {
    std::string from, data;
    std::vector<std::string> to;
  };
  TinySink() {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    ESSAIM_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    ESSAIM_CHECK(listen(listener_, 16) == 0);
    ESSAIM_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] {
      for (int fd = 0; (fd = accept(listener_, nullptr, nullptr)) >= 0;)
        talkers_.emplace_back([this, fd] { talk(fd); });
    });
  }
  ~TinySink() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    for (auto& t : talkers_) t.join();
    close(listener_);
  }
  int port() const { return port_; }
  std::vector<Mail> mails() const {
    const std::lock_guard lock(mutex_);
    return mails_;
  }

 private:
  void talk(int fd) {
    timeval patience{20, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string input;
    const auto say = [fd](const std::string& text) {
      return send(fd, text.data(), text.size(), MSG_NOSIGNAL) > 0;
    };
    const auto line = [&](std::string* out) {
      for (;;) {
        const std::size_t end = input.find("\r\n");
        if (end != std::string::npos) {
          *out = input.substr(0, end);
          input.erase(0, end + 2);
          return true;
        }
        char buffer[4096];
        const ssize_t n = recv(fd, buffer, sizeof buffer, 0);
        if (n <= 0) return false;
        input.append(buffer, static_cast<std::size_t>(n));
      }
    };
    Mail mail;
    std::string text;
    say("220 sink.example\r\n");
    while (line(&text)) {
      if (text.starts_with("EHLO")) {
        say("250-sink.example\r\n250-PIPELINING\r\n250 8BITMIME\r\n");
      } else if (text.starts_with("MAIL FROM:<")) {
        mail = {};
        mail.from = text.substr(11, text.find('>') - 11);
        say("250 ok\r\n");
      } else if (text.starts_with("RCPT TO:<")) {
        mail.to.push_back(text.substr(9, text.find('>') - 9));
        say("250 ok\r\n");
      } else if (text == "DATA") {
        say("354 go on\r\n");
        while (line(&text) && text != ".") mail.data += text + "\r\n";
        {
          const std::lock_guard lock(mutex_);
          mails_.push_back(mail);
        }
        say("250 2.0.0 taken\r\n");
      } else if (text == "QUIT") {
        say("221 bye\r\n");
        break;
      } else {
        say("250 ok\r\n");
      }
    }
    close(fd);
  }

  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<Mail> mails_;
  std::vector<std::thread> talkers_;
  std::thread thread_;
};

}  // namespace essaim::test
