// Brings keys from the database every twenty seconds, so that every node uses a new one soon after it was made: those of
// what members leave with (whether one is good, readers of tokens ask the database each time), and those that sign.
//
// Made and destroyed on its loop; tokens, ring and database outlive it.
#pragma once

#include <memory>

#include "core/net/event_loop.h"
#include "lists/tokens.h"
#include "smtpd/operate/key_ring.h"
#include "storage/database.h"

namespace essaim::smtpd {

class KeyRefresh {
 public:
  KeyRefresh(net::EventLoop& loop, storage::Database& database, lists::Tokens& tokens, KeyRing& ring);

 private:
  void refresh();

  storage::Database& database_;
  lists::Tokens& tokens_;
  KeyRing& ring_;
  net::Timer timer_;
};

}  // namespace essaim::smtpd
