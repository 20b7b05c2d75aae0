// The TLS step of a connection: OpenSSL on the raw descriptor. Knows no event and no queue; the connection
// asks it to go on when the descriptor is ready. Loop thread only, except on_new_session(), which comes from
// within a call here.
#pragma once

#include <memory>
#include <string>

#include "core/net/tls.h"

struct ssl_st;

namespace essaim::net {

// What OpenSSL has to say about the last failure on this thread, in one line; empties its queue.
std::string take_openssl_errors();

// Where the octets come from and go to.
struct TlsWire {
  int fd = -1;
  std::size_t taken = 0;  // from the descriptor, within one call of the stream
};

// A peer may send messages of the handshake behind it (KeyUpdate, RFC 8446 §4.6.3), as many as it likes; OpenSSL's read goes on as
// long as nothing else comes. So no call here takes more than some 32 KB from the descriptor (then it is kWantRead, and the
// descriptor can still be read), and who sends such messages only is failed.
class TlsStream {
 public:
  enum class Io {
    kDone,       // progress was made
    kWantRead,   // again when the descriptor can be read
    kWantWrite,  // again when it can be written
    kClosed,     // the peer sent close_notify
    kFailed      // problem() says why; nothing more works
  };

  // The descriptor stays the caller's and must outlive the stream.
  static std::unique_ptr<TlsStream> server(int fd, std::shared_ptr<TlsServerContext> context);
  // `check` may be null: the certificate is not judged.
  static std::unique_ptr<TlsStream> client(int fd, std::shared_ptr<TlsClientContext> context,
                                           const std::string& server_name, const std::string& session_key,
                                           std::shared_ptr<const TlsPeerCheck> check = nullptr);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  Io handshake();
  Io read(char* buffer, std::size_t size, std::size_t* got);
  bool has_pending()
      const;  // whether bytes have been taken from the descriptor that read() has not given yet
  // After kWantRead and kWantWrite the next call must begin with the same bytes and be no shorter.
  Io write(const char* bytes, std::size_t size, std::size_t* written);
  // Tells the peer that no more comes; does not wait for anything.
  void send_close_notify();
  // After the handshake; after one that failed, why.
  const TlsInfo& info() const { return info_; }
  const std::string& problem() const { return problem_; }
  bool lost() const { return lost_; }  // after kFailed: the connection went, and nothing was said of TLS

  static int on_new_session(ssl_st* ssl, ssl_session_st* session);

 private:
  TlsStream() = default;
  Io outcome(int result);
  void attach(int fd);
  void begin_call();
  static void on_message(int written, int version, int type, const void* bytes, std::size_t size, ssl_st* ssl,
                         void* self);
  void prepare(const TlsPeerCheck& check);
  bool judge();  // the server's certificate; false: it is bad and had to be good
  void look_at_client();

  TlsWire wire_;
  ssl_st* ssl_ = nullptr;
  std::shared_ptr<TlsServerContext> server_;
  std::shared_ptr<TlsClientContext> client_;
  std::string session_key_;
  std::shared_ptr<const TlsPeerCheck> check_;
  std::string problem_;
  TlsInfo info_;
  int idle_messages_ = 0;  // of the handshake, since the peer's last data
  bool established_ = false;
  bool failed_ = false;
  bool lost_ = false;
};

}  // namespace essaim::net
