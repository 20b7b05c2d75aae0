// What travels between the queue, the destinations and the connections. Posts and batches are immutable here and shared
// by all loops; progress belongs to the QueueManager alone, and outcomes flow to it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/shared_bytes.h"
#include "core/smtp/reply.h"
#include "delivery/personal.h"
#include "storage/records.h"

namespace essaim::delivery {

struct ActivePost {
  storage::PostRecord post;
  SharedBytes wire;  // the rendering as sent: dot-stuffed, with ".\r\n" at its end; sent after the private header block
  Template envelope_sender;
  Template private_header;  // CRLF lines; its lines never begin with a dot
};

struct ActiveBatch {
  std::shared_ptr<const ActivePost> post;
  int number = 0;
  int round = 1;  // of the attempt that is made now
  std::vector<storage::BatchRecipient> recipients;
};

// Some recipients of one batch, all of one domain, in order.
struct Slice {
  std::shared_ptr<const ActiveBatch> batch;
  std::vector<std::uint16_t> indices;
  MonoTime queued{};  // when it was ready to go, for the delays in the log
};

// One SMTP transaction: one recipient of a personal post, or up to the limit of a common one.
struct Transaction {
  std::shared_ptr<const ActiveBatch> batch;
  std::vector<std::uint16_t> indices;
};

// Where in the dialogue something went wrong (the rows of failure_policy.cc).
enum class Stage { kDns, kConnect, kTls, kBanner, kEhlo, kMail, kRcpt, kData, kFinalDot, kLost };
const char* to_string(Stage stage);

// The end of one attempt for one recipient.
struct Outcome {
  enum class Kind {
    kDelivered,
    kDeferred,  // try again later
    kFailed,    // for good
    kReturned,  // not attempted: the connection ended first; may go out on another one at once
  };
  Kind kind = Kind::kReturned;
  std::uint16_t index = 0;
  Stage stage = Stage::kLost;
  smtp::Reply reply;   // of the peer, or made by us ({451, 4.4.1, "connect to ...: timed out"})
  bool reply_from_peer = false;
};

// Where a courier tries to connect, in this order.
struct HostCandidate {
  std::string name;     // of the MX host, for logs and SNI
  std::string address;  // numeric
  std::uint16_t port = 25;
};

}  // namespace essaim::delivery
