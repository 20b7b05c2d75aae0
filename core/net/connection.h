// A TCP connection on one loop, in clear or under TLS: raw descriptor, one event, gathered writes.
//
// Thread: the loop's. Lifetime: the owner destroys it at any time outside the connection's own callbacks;
// from within one it uses EventLoop::destroy_later(). The destructor closes and no callback follows.
// Callbacks come from the loop, never from within a call of the owner, with one exception: none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/base/shared_bytes.h"
#include "core/net/event_loop.h"
#include "core/net/socket_address.h"
#include "core/net/tls.h"

namespace essaim::net {

class Connection : public Disposable {
 public:
  class Listener {
   public:
    virtual void on_connected() {}                      // outgoing only, once
    virtual void on_data(std::string_view bytes) = 0;   // valid during the call; up to 64 KB
    virtual void on_drained() {}                        // everything written has gone to the kernel
    virtual void on_tls_established(const TlsInfo&) {}  // after start_tls()
    // The peer sends no more, which may be all that it shut down. true: answers are under way; the connection
    // stays open for them until close_after_flush(). false: it closes after what is queued.
    virtual bool on_input_ended() { return false; }
    // Exactly once, last: kCancelled when the peer closed in order, kTemporary for resets, failed connects
    // and handshakes that were cut off, kInvalid for those that failed as such (`during_tls` tells both apart: the
    // caller may try again in clear), kIo when the source address cannot be bound.
    virtual void on_closed(const Error& reason, bool during_tls) = 0;

   protected:
    ~Listener() = default;
  };

  // Takes over an accepted descriptor. Reading begins at once.
  static std::unique_ptr<Connection> adopt(EventLoop& loop, int fd, const SocketAddress& peer,
                                           Listener* listener);
  // Connects; on_connected() or on_closed() follows. `source` may be invalid (any).
  static std::unique_ptr<Connection> connect(EventLoop& loop, const SocketAddress& peer,
                                             const SocketAddress& source, Listener* listener);
  ~Connection() override = default;

  // Queues; sent with one gathered system call at the end of the turn (or at flush()). Shared bytes are not
  // copied.
  virtual void write(std::string_view bytes) = 0;
  virtual void write_shared(SharedBytes bytes, std::size_t offset, std::size_t length) = 0;
  virtual void flush() = 0;
  virtual std::size_t pending_output() const = 0;  // bytes queued and not yet with the kernel

  // While paused nothing is read, so the peer is slowed by TCP. A close of the peer is noticed at
  // resume_reading().
  virtual void pause_reading() = 0;
  virtual void resume_reading() = 0;

  // Starts a handshake when the output queued so far has gone. Bytes that came before and were not yet given
  // to the listener are dropped (CVE-2011-0411). No callback with data until on_tls_established().
  virtual void start_tls_server(std::shared_ptr<TlsServerContext> context) = 0;
  // `check` says how the server's certificate is judged (null: it is not). A bad one that had to be good is a failed
  // handshake.
  virtual void start_tls_client(std::shared_ptr<TlsClientContext> context, const std::string& server_name,
                                const std::string& session_key,
                                std::shared_ptr<const TlsPeerCheck> check = nullptr) = 0;
  virtual bool tls_active() const = 0;
  // What the handshake brought, also one that failed; empty before it.
  virtual TlsInfo tls_info() const = 0;

  // Sends what is queued, then closes in order; on_closed() follows (kCancelled).
  virtual void close_after_flush() = 0;

  virtual const SocketAddress& peer() const = 0;
  virtual SocketAddress local() const = 0;
};

}  // namespace essaim::net
