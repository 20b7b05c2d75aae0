// Leaving by a token that only the member has, however it comes: by mail, by the button of a mail program (RFC 8058), by
// our page. It is the request "unsubscribe" that nobody has to approve. Doing it twice is no mistake.
//
// Runs inside the caller's transaction, which may run more than once. What came by HTTP is logged and counted by
// note_departure() behind the commit, what came by mail as all mail is.
#pragma once

#include <string>
#include <string_view>

#include "lists/service_mail.h"

namespace essaim::lists {

enum class LeftBy { kMail, kOneClick, kPage };
std::string_view to_string(LeftBy by);  // "mail", "one-click", "page"

struct Leaver {
  Id list_id = 0, member_id = 0;  // of a token that was read
  LeftBy by = LeftBy::kMail;
  std::string client;       // for the record
  std::string in_reply_to;  // Message-ID; "" for none
};

struct Departure {
  bool left = false;   // now; else it was no member (any more)
  std::string list;    // address; "": there is no such list any more
  std::string member;  // address; "" unless left
};

Result<Departure> leave(WriteContext& context, const Leaver& leaver);
void note_departure(const Leaver& leaver, const Departure& departure);

}  // namespace essaim::lists
