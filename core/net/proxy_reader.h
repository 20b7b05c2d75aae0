// Reads the PROXY header off a descriptor that was just accepted, before anything else is done with it: not one octet
// behind the header is read, nothing is written, so the connection can begin with a greeting or a TLS handshake.
//
// Thread: the loop's. `done` is called once, from the loop; from within it the reader may be given to
// destroy_later(). The destructor closes the descriptor unless `done` was called with it.
#pragma once

#include <functional>
#include <optional>

#include <event2/event_struct.h>

#include "core/base/result.h"
#include "core/net/event_loop.h"
#include "core/net/proxy_header.h"

namespace essaim::net {

class ProxyReader final : public Disposable {
 public:
  // kInvalid: it is no such header, or not within `patience`. kCancelled: the peer went before it said
  // anything, as checks of balancers do. kTemporary: it went in the middle. The descriptor is closed then.
  using Done = std::function<void(Result<ProxyHeader> header, int fd)>;
  ProxyReader(EventLoop& loop, int fd, Duration patience, Done done);
  ~ProxyReader() override;
  void on_doomed() override;

 private:
  void on_readable();
  void end(Result<ProxyHeader> header);

  EventLoop& loop_;
  int fd_;
  Done done_;
  ProxyHeaderParser parser_;
  bool begun_ = false;
  Timer deadline_;
  event event_{};
};

}  // namespace essaim::net
