// One outgoing connection: tries the candidates in order until one greets and answers EHLO, then carries
// transactions until there are no more, the peer has had enough, or the idle time is over. When the peer turns out to
// have trouble of its own before it took anything, its recipients come back and the next candidate is tried, unless that
// failed lately; when nobody behind it lets us in we come back to it, and what it says counts. It runs the
// sans-I/O ClientSession on a net::Connection. One loop; destroyed by EventLoop::destroy_later() after
// on_finished().
//
// Contract: every recipient that next() gave gets exactly one on_outcome(). A final dot whose reply never
// came is kDeferred with Stage::kFinalDot and no reply from the peer: the recipient may get it twice, and the
// queue must know.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/net/connection.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"
#include "delivery/work.h"

namespace essaim::delivery {

class LostHandshakes;
class RecipientLimits;
class TroubledHosts;

struct CourierSettings {
  std::string helo;  // our host name
  // STARTTLS as each candidate asks (tls/host_tls.h); false: never.
  bool tls = true;
  // Hosts whose handshake failed and that need not be verified get their mail in clear at once; null: no memory.
  std::shared_ptr<TroubledHosts> broken_tls = nullptr;
  // Those whose handshake was lost or hung, once: that is no reason for clear text; null: nor ever is.
  std::shared_ptr<LostHandshakes> lost_tls = nullptr;
  // Where connections come from, by family; "": the system's choice.
  std::string source_ipv4, source_ipv6;
  std::size_t recipients_per_transaction = 100;
  // Of hosts that take fewer and told it by ending the connection; null: each connection learns it anew.
  std::shared_ptr<RecipientLimits> recipient_limits = nullptr;
  int transactions_per_connection = 100;  // 0: no limit
  // RFC 5321 §4.5.3.2
  Duration connect_timeout = std::chrono::seconds(30);
  Duration greeting_timeout = std::chrono::minutes(5);
  Duration command_timeout = std::chrono::minutes(5);
  Duration data_timeout = std::chrono::minutes(3);  // per progress of the body
  Duration final_dot_timeout = std::chrono::minutes(10);
  Duration idle_timeout = std::chrono::seconds(5);  // kept open without work
  // All candidates together, as each may take all of the above: then no further one is tried, but two are (RFC 5321 §5.1).
  Duration candidates_time = std::chrono::minutes(10);
  // With PIPELINING the next envelope goes out behind the final dot (RFC 2920 §3.1: "explicitly allowed"): one
  // round trip and half of the system calls for each message. A server, or a filter in front of it, that loses
  // what follows the dot or takes offence is noticed, nothing of the next message has been sent to it then, and
  // it is remembered in `chain_refusals` (null: it is not).
  bool chain_transactions = false;
  std::shared_ptr<TroubledHosts> chain_refusals;
  // With it, posts that bring `plain` go out by BDAT to servers that offer CHUNKING (RFC 3030): the whole
  // transaction in one turn, which on the loopback was twice the throughput and over a distance saves two of
  // three round trips. Null, the default: DATA. What speaks against it is what stands between us and some
  // servers: a filter that does not know BDAT takes the message for commands.
  std::shared_ptr<TroubledHosts> chunking;
};

// Who it is for the log and the ledger.
struct PeerInfo {
  std::string host;                  // "mx.example.org[192.0.2.1]:25"
  std::string source;                // address that was to be bound; "": the system's choice
  bool source_unusable = false;      // it could not be
  bool took_nothing = false;         // it let us in, and was left
  bool refused = false;              // in its own words it did not let us in, or took nothing
  std::string name, address, local;  // of the host, numeric; and our own address
  bool tls = false;
  net::TlsInfo tls_info;  // also of a handshake that failed
  int transactions = 0;   // done on this connection before the present one
  Duration connect_delay{};
  // That the message of the last outcome has taken to go out, as far as a slow line of ours would: it has not kept us waiting.
  Duration sending{};
  // What it announced by LIMITS (RFC 9422); 0: nothing. The session keeps to them by itself; who cuts
  // transactions to size beforehand spares it the work.
  std::size_t recipients_max = 0;
  int mails_max = 0;
};

class Courier : public net::Disposable {
 public:
  class Listener {
   public:
    // EHLO is answered: the connection can carry mail. Once more behind a candidate that took none.
    virtual void on_ready(Courier& courier) = 0;
    // A candidate could not be used (refused, timed out, 4xx or 5xx greeting, TLS that failed also in clear
    // ...), or was ready and took nothing.
    virtual void on_candidate_failed(Courier& courier, const HostCandidate& host, Stage stage,
                                     const smtp::Reply& reply) = 0;
    // The next transaction; false: nothing now (the courier waits for wake() or idles out).
    virtual bool next(Courier& courier, Transaction* transaction) = 0;
    // Asked before the first octet of its message.
    virtual bool may_send_message() { return true; }
    // For these recipients of it, who share the outcome.
    virtual void on_outcome(Courier& courier, const Transaction& transaction, const Outcome& outcome,
                            Indices recipients) = 0;
    // Last call, once. `usable` tells whether any candidate ever got ready; also when we closed it before that, which is nothing
    // against them.
    virtual void on_finished(Courier& courier, bool usable, Stage stage, const smtp::Reply& why) = 0;

   protected:
    ~Listener() = default;
  };

  // Called with lines of the dialogue for the trace; empty function when nobody looks. 'C' is we, 'S' the
  // peer.
  using Trace = std::function<void(char side, std::string_view line)>;

  Courier(net::EventLoop& loop, const CourierSettings& settings, std::shared_ptr<net::TlsClientContext> tls,
          const TokenMinter& minter, std::vector<HostCandidate> candidates, Listener* listener);
  ~Courier() override;

  void start();
  void wake();   // there is work again
  void close();  // after the transaction under way: QUIT; on_finished() follows
  void set_trace(Trace trace);
  const PeerInfo& peer() const;
  bool idle() const;
  // Since when it has been at its present transaction, or at getting to the first one, if the peer keeps it waiting: it has
  // said nothing for `silence`, or has been at it for four times that, and nothing of a message has been sent. Else nothing.
  std::optional<MonoTime> fruitless_since(MonoTime now, Duration silence) const;
  // Ends that as if its time were over, and no other candidate is tried; unless a message has begun meanwhile.
  void give_up();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::delivery
