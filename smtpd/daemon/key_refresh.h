// Brings the keys of what members leave with from the database, now and then, so that every node makes tokens with a new
// one soon after it was made. (Whether one is good, readers of tokens ask the database each time.)
//
// Made and destroyed on its loop; tokens and database outlive it.
#pragma once

#include <memory>

#include "core/net/event_loop.h"
#include "lists/tokens.h"
#include "storage/database.h"

namespace essaim::smtpd {

class KeyRefresh {
 public:
  KeyRefresh(net::EventLoop& loop, storage::Database& database, lists::Tokens& tokens);

 private:
  void refresh();

  storage::Database& database_;
  lists::Tokens& tokens_;
  net::Timer timer_;
};

}  // namespace essaim::smtpd
