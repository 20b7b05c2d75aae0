// What travels between the queue, the destinations and the connections. Posts and batches are immutable here and shared
// by all loops; progress belongs to the QueueManager alone, and outcomes flow to it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/base/shared_bytes.h"
#include "core/smtp/reply.h"
#include "delivery/personal.h"
#include "delivery/signing.h"
#include "storage/records.h"

namespace essaim::delivery {

// What a notification of failure brings back of the message.
enum class DsnReturn : std::uint8_t { kNone, kFull, kHeaders };

// Parts of a message that is kept once.
struct ByteRanges {
  struct Range {
    std::size_t offset = 0, length = 0;
  };
  std::vector<Range> ranges;
  std::size_t octets = 0;  // of all
};

// The message in `wire` as it was before its dots were stuffed (RFC 5321 §4.5.2), for BDAT: what is left between the
// stuffed dots and before the final one. So a message of 50 MB is not kept twice. No ranges when there would be more
// than `most`, or when `wire` has no end.
ByteRanges unstuffed(std::string_view wire, std::size_t most = 64);
// The same one after the other, while `take` gives true. False: not all, or `wire` has no end.
bool for_each_unstuffed(std::string_view wire, const std::function<bool(const ByteRanges::Range&)>& take);

struct ActivePost {
  storage::PostRecord post;
  SharedBytes
      wire;  // the rendering as sent: dot-stuffed, with ".\r\n" at its end; sent after the private header block
  Template envelope_sender;
  Template private_header;  // CRLF lines; its lines never begin with a dot

  // What follows is optional; a post without it goes out by DATA, in 8 bit, and asks for no notification.
  std::shared_ptr<const PostSigner> signer;  // null: it is not signed
  ByteRanges plain;                          // of `wire`, for BDAT (RFC 3030)
  SharedBytes
      wire_7bit;  // a rendering in ASCII (core/mail/downgrade.h), in the form of `wire`; for servers without
                  // 8BITMIME or SMTPUTF8
  bool smtputf8 = false;  // the header has UTF-8, so that the rendering can only go to a server with SMTPUTF8
  DsnReturn dsn_return = DsnReturn::kNone;  // RET (RFC 3461 §4.3)
  std::string dsn_envelope_id;              // ENVID (§4.4) as on the wire, in xtext; "" if none
};

// DSN parameters of one recipient (RFC 3461 §4.1, §4.2), as on the wire. Values that are none are not sent.
struct RecipientDsn {
  std::string notify;              // "NEVER", "SUCCESS,FAILURE" ...
  std::string original_recipient;  // "rfc822;user+2Btag@domain", "utf-8;..."
};

// Whether the DSN parameters of the sender go on with the post (RFC 3461 §5.2.1, §5.2.7): only where the
// envelope sender is still the sender's own. They end at a list, and wherever bounces come back to us first.
bool passes_dsn_on(const storage::PostRecord& post);

// Its copies have fields of their own and are signed one by one.
inline bool signs_each(const ActivePost& post) {
  return post.signer != nullptr && !post.private_header.constant();
}

struct ActiveBatch {
  std::shared_ptr<const ActivePost> post;
  int number = 0;
  int round = 1;  // of the attempt that is made now
  std::vector<storage::BatchRecipient> recipients;
  std::vector<RecipientDsn> dsn;  // empty, or one for each of `recipients`
  // Of each: in a round before; empty: none was.
  std::vector<bool> tried,
      spoken_of;  // the latter: by a host, and not only of us or of itself (failure_policy.h)
};

// Some recipients of one batch, all of one domain, in order.
struct Slice {
  std::shared_ptr<const ActiveBatch> batch;
  std::vector<std::uint16_t> indices;
  MonoTime queued{};  // when it was ready to go, for the delays in the log
};

// Takes what is wanted out of a slice, and leaves the rest of it. Either may be without recipients.
using TakeOut = std::function<Slice(Slice*)>;
inline Slice take_all_out(Slice* slice) {
  return {slice->batch, std::exchange(slice->indices, {}), slice->queued};
}

// One SMTP transaction: one recipient of a personal post, or up to the limit of a common one.
struct Transaction {
  std::shared_ptr<const ActiveBatch> batch;
  std::vector<std::uint16_t> indices;
  std::string block{};  // signature and private header of a personal copy, when it was made before
};

// Where in the dialogue something went wrong (the rows of failure_policy.cc).
enum class Stage { kDns, kConnect, kTls, kBanner, kEhlo, kMail, kRcpt, kData, kFinalDot, kLost };
const char* to_string(Stage stage);

// Recipients, as indices into their batch, in order.
using Indices = std::span<const std::uint16_t>;

// The end of one attempt, for one recipient or for several of a transaction that share it.
struct Outcome {
  enum class Kind {
    kDelivered,
    kDeferred,  // try again later
    kFailed,    // for good
    kReturned,  // not attempted: the connection ended first; may go out on another one at once
  };
  Kind kind = Kind::kReturned;
  Stage stage = Stage::kLost;
  smtp::Reply reply;  // of the peer, or made by us ({451, 4.4.1, "connect to ...: timed out"})
  bool reply_from_peer = false;
  bool our_way = false;  // to a smart host, or to ourselves: known where no peer was asked
  // A failure that says something about the message, about the way it would have to be written or about us, and nothing
  // about the recipient (failure_policy.h): reported, and counted against nobody.
  bool about_message = false;
  // The peer was given the DSN parameters, so the duty to notify is its own now (RFC 3461 §5.2.1). False with
  // NOTIFY=SUCCESS: a "relayed" report is ours to make (§5.2.2).
  bool dsn_passed_on = false;
};

struct HostTls;

// Where a courier tries to connect, in this order.
struct HostCandidate {
  std::string name;     // of the MX host, for logs and SNI
  std::string address;  // numeric
  std::uint16_t port = 25;
  std::shared_ptr<const HostTls> tls =
      nullptr;           // what is asked of its TLS (tls/host_tls.h); null: opportunistic
  bool failing = false;  // it failed lately
};

}  // namespace essaim::delivery
