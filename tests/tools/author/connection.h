// One connection of an author to a server, blocking: lines of SMTP, in clear or under TLS, with AUTH.
#pragma once

#include <map>
#include <memory>
#include <string>

#include <openssl/ssl.h>

namespace author {

enum class Tls { kNone, kStartTls, kImplicit };

// Of all connections of a thread.
struct Memory {
  std::map<std::string, std::string> salted;  // SCRAM: SaltedPassword by salt, as clients keep it
  SSL_SESSION* session = nullptr;             // the last one; used once with TLS 1.3
};

class Connection {
 public:
  explicit Connection(Memory* memory) : memory_(memory) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // To the answered EHLO. False: why() says what went wrong, here and below.
  bool open(const std::string& host, int port, Tls tls, SSL_CTX* context, bool resume);
  bool login(const std::string& mechanism, const std::string& name, const std::string& password);
  bool submit(const std::string& from, const std::string& to, const std::string& message);
  void quit();

  bool resumed() const { return ssl_ != nullptr && SSL_session_reused(ssl_) == 1; }
  const std::string& why() const { return why_; }

 private:
  bool fail(const std::string& why);
  bool send(const std::string& bytes);
  int receive(char* buffer, int size);
  // The last line of a reply; its code must begin with that digit.
  bool expect(char digit, std::string* text = nullptr);
  bool command(const std::string& line, char digit, std::string* text = nullptr);
  bool handshake(SSL_CTX* context, bool resume);
  bool plain(const std::string& name, const std::string& password);
  bool scram(const std::string& name, const std::string& password);

  Memory* const memory_;
  int fd_ = -1;
  SSL* ssl_ = nullptr;
  std::string in_, why_;
};

}  // namespace author
