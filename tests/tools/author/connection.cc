#include "tests/tools/author/connection.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

namespace author {
namespace {

std::string base64(const std::string& bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(length));
  return out;
}

std::string unbase64(const std::string& text) {
  std::string out(text.size(), '\0');
  const int length =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (length < 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  out.resize(static_cast<std::size_t>(length) - padding);
  return out;
}

std::string hmac(const std::string& key, const std::string& text) {
  unsigned char out[32];
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &length);
  return {reinterpret_cast<const char*>(out), length};
}

std::string random_text() {
  unsigned char octets[18];
  RAND_bytes(octets, sizeof octets);
  return base64({reinterpret_cast<const char*>(octets), sizeof octets});
}

}  // namespace

Connection::~Connection() {
  SSL_free(ssl_);
  if (fd_ >= 0) close(fd_);
}

bool Connection::fail(const std::string& why) {
  if (why_.empty()) why_ = why;
  return false;
}

bool Connection::send(const std::string& bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const auto size = static_cast<int>(bytes.size() - at);
    const long sent = ssl_ != nullptr
                          ? SSL_write(ssl_, bytes.data() + at, size)
                          : ::send(fd_, bytes.data() + at, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent <= 0) return fail("the connection broke");
    at += static_cast<std::size_t>(sent);
  }
  return true;
}

int Connection::receive(char* buffer, int size) {
  if (ssl_ != nullptr) return SSL_read(ssl_, buffer, size);
  return static_cast<int>(recv(fd_, buffer, static_cast<std::size_t>(size), 0));
}

bool Connection::expect(char digit, std::string* text) {
  for (;;) {
    for (std::size_t end = in_.find("\r\n"); end != std::string::npos; end = in_.find("\r\n")) {
      const std::string line = in_.substr(0, end);
      in_.erase(0, end + 2);
      if (line.size() > 3 && line[3] == '-') continue;
      if (text != nullptr) *text = line.size() > 4 ? line.substr(4) : std::string();
      return line.empty() || line[0] != digit ? fail(line) : true;
    }
    char buffer[4096];
    const int got = receive(buffer, sizeof buffer);
    if (got <= 0) return fail("the connection ended");
    in_.append(buffer, static_cast<std::size_t>(got));
  }
}

bool Connection::command(const std::string& line, char digit, std::string* text) {
  return send(line + "\r\n") && expect(digit, text);
}

bool Connection::handshake(SSL_CTX* context, bool resume) {
  ssl_ = SSL_new(context);
  SSL_set_fd(ssl_, fd_);
  if (resume && memory_->session != nullptr) SSL_set_session(ssl_, memory_->session);
  if (SSL_connect(ssl_) == 1) return true;
  ERR_clear_error();
  return fail("the handshake failed");
}

bool Connection::open(const std::string& host, int port, Tls tls, SSL_CTX* context, bool resume) {
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  if (connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail(std::strerror(errno));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls == Tls::kImplicit && !handshake(context, resume)) return false;
  if (!expect('2') || !command("EHLO author.example", '2')) return false;
  if (tls != Tls::kStartTls) return true;
  return command("STARTTLS", '2') && handshake(context, resume) && command("EHLO author.example", '2');
}

bool Connection::login(const std::string& mechanism, const std::string& name, const std::string& password) {
  return mechanism == "PLAIN" ? plain(name, password) : scram(name, password);
}

bool Connection::plain(const std::string& name, const std::string& password) {
  return command("AUTH PLAIN " + base64(std::string(1, '\0') + name + std::string(1, '\0') + password), '2');
}

// RFC 7677, not bound to the channel.
bool Connection::scram(const std::string& name, const std::string& password) {
  const std::string bare = "n=" + name + ",r=" + random_text();
  std::string challenge;
  if (!command("AUTH SCRAM-SHA-256 " + base64("n,," + bare), '3', &challenge)) return false;
  const std::string first = unbase64(challenge);
  std::map<char, std::string> fields;
  std::istringstream parts(first);
  for (std::string part; std::getline(parts, part, ',');)
    if (part.size() > 2) fields[part[0]] = part.substr(2);
  std::string& salted = memory_->salted[fields['s'] + fields['i']];
  if (salted.empty()) {
    const std::string salt = unbase64(fields['s']);
    unsigned char out[32];
    PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()),
                      reinterpret_cast<const unsigned char*>(salt.data()), static_cast<int>(salt.size()),
                      std::atoi(fields['i'].c_str()), EVP_sha256(), sizeof out, out);
    salted.assign(reinterpret_cast<const char*>(out), sizeof out);
  }
  const std::string client_key = hmac(salted, "Client Key");
  unsigned char stored[32];
  SHA256(reinterpret_cast<const unsigned char*>(client_key.data()), client_key.size(), stored);
  const std::string last = "c=" + base64("n,,") + ",r=" + fields['r'];
  std::string proof =
      hmac({reinterpret_cast<const char*>(stored), sizeof stored}, bare + "," + first + "," + last);
  for (std::size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<char>(proof[i] ^ client_key[i]);
  return command(base64(last + ",p=" + base64(proof)), '3') && command("", '2');
}

bool Connection::submit(const std::string& from, const std::string& to, const std::string& message) {
  if (!send("MAIL FROM:<" + from + ">\r\nRCPT TO:<" + to + ">\r\nDATA\r\n")) return false;
  return expect('2') && expect('2') && expect('3') && send(message) && expect('2');
}

void Connection::quit() {
  if (!command("QUIT", '2')) return;
  if (ssl_ == nullptr) return;
  // With TLS 1.3 the ticket has come by now.
  if (SSL_SESSION* session = SSL_get1_session(ssl_); session != nullptr) {
    SSL_SESSION_free(memory_->session);
    memory_->session = session;
  }
  SSL_shutdown(ssl_);
}

}  // namespace author
