// Closes a connection in order: what we sent last (a 421, a 554) must reach a peer that is still sending. To
// close a socket with unread bytes in it would reset the connection and destroy our words on the way, so
// after shutdown the rest is read and forgotten for a moment. Loop thread only.
#pragma once

#include "core/net/event_loop.h"

namespace essaim::net {

// Takes the descriptor. It is closed when the peer closes, after two seconds, or when it sends on and on.
void linger_and_close(EventLoop& loop, int fd);

}  // namespace essaim::net
