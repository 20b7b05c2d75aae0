// TLS records that arrive in pieces, split anywhere, and with one octet changed on the way: what the server's side gives out is what
// the client sent, from its beginning, and never anything else. OpenSSL is the client.
//
//   octets: how it is split; which octet is changed (two; 0: none); the text
#include <memory>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/net/tls_stream.h"
#include "tests/fuzz/target.h"
#include "tests/support/certificate.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using Io = net::TlsStream::Io;

namespace {

std::shared_ptr<net::TlsServerContext> server_context() {
  static const auto context = [] {
    const test::TempDir folder;
    auto loaded = net::TlsServerContext::load({{folder.write("tls.pem", test::make_certificate_pem())}, {}});
    ESSAIM_CHECK(loaded.ok());
    return *loaded;
  }();
  return context;
}

// The client, its octets going into memory and coming from there.
struct Client {
  Client() : context(SSL_CTX_new(TLS_client_method())), ssl(SSL_new(context)) {
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_connect_state(ssl);
  }
  ~Client() {
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
  }
  std::string take() {
    std::string out(BIO_ctrl_pending(SSL_get_wbio(ssl)), '\0');
    if (!out.empty()) BIO_read(SSL_get_wbio(ssl), out.data(), static_cast<int>(out.size()));
    return out;
  }
  SSL_CTX* context;
  SSL* ssl;
};

struct Wire {
  Wire() { ESSAIM_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0); }
  ~Wire() {
    close(ends[0]);
    close(ends[1]);
  }
  int ends[2];
};

class Server {
 public:
  explicit Server(int fd) : stream_(net::TlsStream::server(fd, server_context())) {}
  // False: it has given up.
  bool go_on() {
    if (!ready_) {
      const Io io = stream_->handshake();
      if (io == Io::kFailed || io == Io::kClosed) return false;
      ready_ = io == Io::kDone;
    }
    char buffer[64];
    std::size_t got = 0;
    while (ready_) {
      const Io io = stream_->read(buffer, sizeof buffer, &got);
      if (io == Io::kFailed || io == Io::kClosed) return false;
      if (io != Io::kDone) break;
      received.append(buffer, got);
    }
    return true;
  }
  std::string received;

 private:
  std::unique_ptr<net::TlsStream> stream_;
  bool ready_ = false;
};

}  // namespace

ESSAIM_FUZZ_TARGET(tls_records) {
  const unsigned seed = fuzz::take_choice(&data);
  const std::size_t high = fuzz::take_choice(&data), low = fuzz::take_choice(&data);
  const std::size_t spoilt = high << 8 | low;  // the position behind it
  Wire wire;
  Client client;
  Server server(wire.ends[0]);
  std::size_t sent = 0, written = 0;
  bool alive = true;
  for (int turn = 0; alive && turn < 40; ++turn) {
    if (SSL_do_handshake(client.ssl) == 1 && written < data.size()) {
      const std::size_t part = std::min<std::size_t>(data.size() - written, 1 + seed * 16);
      if (SSL_write(client.ssl, data.data() + written, static_cast<int>(part)) > 0) written += part;
    }
    ERR_clear_error();
    std::string octets = client.take();
    if (spoilt > sent && spoilt <= sent + octets.size()) octets[spoilt - 1 - sent] ^= 1;
    sent += octets.size();
    for (const std::string_view piece : fuzz::at_random(octets, seed)) {
      ESSAIM_CHECK(send(wire.ends[1], piece.data(), piece.size(), MSG_NOSIGNAL) ==
                   static_cast<ssize_t>(piece.size()));
      alive = server.go_on();
      if (!alive) break;  // it reads no more, and small pieces soon fill the pipe
    }
    char buffer[16'384];
    const ssize_t got = recv(wire.ends[1], buffer, sizeof buffer, 0);
    if (got > 0) BIO_write(SSL_get_rbio(client.ssl), buffer, static_cast<int>(got));
  }
  ESSAIM_CHECK(data.substr(0, server.received.size()) == server.received);
  if (spoilt == 0 || spoilt > sent)
    ESSAIM_CHECK(alive && server.received == data.substr(0, written) && (written > 0) == !data.empty());
}
