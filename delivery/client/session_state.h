// The states of the client session and, as data, what belongs to each: a name for traces, words for logs and
// replies made by us ("... timed out while <words>"), and the setting that bounds it.
#pragma once

#include "delivery/courier.h"

namespace essaim::delivery {

enum class SessionState {
  kGreeting,   // waits for the 220 of the server
  kEhlo,       // waits for the reply to EHLO
  kHelo,       // ... to HELO, after EHLO was refused
  kStartTls,   // ... to STARTTLS
  kHandshake,  // TLS is being negotiated by the connection
  kIdle,       // nothing under way and nothing outstanding
  kEnvelope,   // waits for replies to RSET, MAIL, RCPT and DATA
  kBody,       // the body goes out
  kFinalDot,   // the body has gone; waits for the verdict
  kDone,       // on_done() was called
};

struct StateRow {
  SessionState state;
  const char* name;
  const char* words;
  Duration CourierSettings::*timeout;  // null: none
};

const StateRow& row_of(SessionState state);

}  // namespace essaim::delivery
