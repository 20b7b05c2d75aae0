// An HTTPS server on a port of 127.0.0.1 that gives everybody the same answer, one after the other on a thread of its own, and counts
// how often. For tests.
#pragma once

#include <atomic>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/base/check.h"

namespace essaim::test {

class HttpsHost {
 public:
  struct Answer {
    int status = 200;
    std::string type = "text/plain";
    std::string body;
    bool silent = false;  // says nothing until its end, or hang_up()
  };

  // `pem`: a file with certificate and key.
  explicit HttpsHost(const std::string& pem) : context_(SSL_CTX_new(TLS_server_method())) {
    std::signal(SIGPIPE, SIG_IGN);  // of clients that hang up
    ESSAIM_CHECK(SSL_CTX_use_certificate_chain_file(context_, pem.c_str()) == 1);
    ESSAIM_CHECK(SSL_CTX_use_PrivateKey_file(context_, pem.c_str(), SSL_FILETYPE_PEM) == 1);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ESSAIM_CHECK(bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                 listen(listener_, 16) == 0);
    ESSAIM_CHECK(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~HttpsHost() {
    ending_ = true;
    thread_.join();
    close(listener_);
    SSL_CTX_free(context_);
  }
  HttpsHost(const HttpsHost&) = delete;
  HttpsHost& operator=(const HttpsHost&) = delete;

  std::uint16_t port() const { return port_; }
  int asked() const { return asked_; }
  void hang_up() { hung_up_ = true; }  // on who waits, and will
  void set(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }

 private:
  // False: the time is over.
  bool wait_for(int fd) const {
    for (pollfd ready{fd, POLLIN, 0}; !ending_ && !(hung_up_ && fd != listener_);)
      if (poll(&ready, 1, 20) > 0) return true;
    return false;
  }

  void serve() {
    while (wait_for(listener_)) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      SSL* const ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      if (SSL_accept(ssl) == 1) answer(ssl, fd);
      ERR_clear_error();
      SSL_free(ssl);
      close(fd);
    }
  }

  void answer(SSL* ssl, int fd) {
    std::string request;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const int got = SSL_read(ssl, buffer, sizeof buffer);
      if (got <= 0) return;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    ++asked_;
    Answer now;
    {
      const std::lock_guard lock(mutex_);
      now = answer_;
    }
    if (now.silent) {
      wait_for(fd);  // the client leaves
      return;
    }
    const std::string text = "HTTP/1.1 " + std::to_string(now.status) +
                             " x\r\nConnection: close\r\nContent-Type: " + now.type +
                             "\r\nContent-Length: " + std::to_string(now.body.size()) + "\r\n\r\n" + now.body;
    SSL_write(ssl, text.data(), static_cast<int>(text.size()));
    SSL_shutdown(ssl);
  }

  SSL_CTX* const context_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_{false}, hung_up_{false};
  std::atomic<int> asked_{0};
  std::mutex mutex_;
  Answer answer_;
  std::thread thread_;
};

}  // namespace essaim::test
