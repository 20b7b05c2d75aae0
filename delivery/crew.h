// The couriers that one loop runs for one destination, with a small stock of slices from its home. It decides
// nothing: the home grants connections and hands out work; the crew tells how it went, once per turn at most,
// and asks by reporting what it has consumed. One loop; owned by the LoopSide.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "delivery/courier.h"
#include "delivery/idle_hands.h"
#include "delivery/lease.h"
#include "delivery/rotation.h"

namespace essaim::delivery {

class LoopSide;

class Crew final : public Courier::Listener {
 public:
  Crew(LoopSide& side, std::string key, std::size_t home);
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  void take(Lease lease);
  void wake();       // there may be work again: journal writable
  void close_all();  // drain: the transactions under way end, then the connections
  void abort();      // at once: what is in flight comes back to the queue
  void give_back(const TakeOut& take_out);
  void bring_stock_home();  // what is not in flight
  bool done() const {
    return hands_.empty() && stock_.empty() && signing_.empty() && report_.empty() && !report_posted_;
  }
  void retrace();  // the trace target changed
  struct Fruitless {
    MonoTime since{};
    Standing standing = Standing::kUnknown;
    Crew* crew = nullptr;
    Courier* courier = nullptr;
  };
  // Those whose peers keep them waiting; see Courier::fruitless_since().
  void add_fruitless(MonoTime now, std::vector<Fruitless>* all);
  void give_up(Courier& courier, Duration after);

 private:
  struct InFlight {
    Transaction transaction;
    std::vector<std::uint16_t> open;  // without an outcome yet
    MonoTime queued{};
    MonoTime started{};
    bool attempted = false;  // by one of them
    bool accepted = false;
    bool troubled = false;
  };
  struct Hand {
    std::unique_ptr<Courier> courier;
    std::deque<InFlight> flights;
    IdleHands::Mark idle;
    Standing opened = Standing::kUnknown;
    Standing standing = Standing::kUnknown;  // for which its place counts: as it was opened, or proven since
    MonoTime turn{};                         // its transaction began, or the way to the first one
    bool traced = false;
    std::set<std::string> counted;    // domains for which its TLS was counted
    std::vector<FailedAddress> left;  // hosts that took nothing: failing once another one lets us in
  };

  void on_ready(Courier& courier) override;
  void on_candidate_failed(Courier& courier, const HostCandidate& host, Stage stage,
                           const smtp::Reply& reply) override;
  bool next(Courier& courier, Transaction* transaction) override;
  bool may_send_message() override;
  void on_outcome(Courier& courier, const Transaction& transaction, const Outcome& outcome,
                  Indices recipients) override;
  void on_finished(Courier& courier, bool usable, Stage stage, const smtp::Reply& why) override;

  Hand* hand_of(const Courier& courier);
  void trace(Hand* hand, bool on);
  bool destination_traced() const;
  void open(std::vector<HostCandidate> candidates, Standing standing);
  // Into the stock, by way of the threads that sign where that is needed.
  void stock(Slice slice);
  void sign(Slice slice);
  void signed_now(std::uint64_t number, std::vector<std::string> blocks);
  std::vector<Slice> take_stock(const TakeOut& take_out);
  void return_stock();
  std::size_t messages(const Slice& slice) const;
  CourierSettings courier_settings() const;
  bool put_off_by_us(const Outcome& outcome) const;
  void took_nothing(const Hand& hand, const std::string& address);
  void settle(Hand* hand, std::deque<InFlight>::iterator flight);
  void note_refusal(Id post, std::size_t recipients, const smtp::Reply& reply);
  void remember_reply(const Outcome& outcome, const PeerInfo& peer);
  void count_tls(const PeerInfo& peer, const std::string& domain, const smtp::Reply* failure);
  void report_soon();
  void report_now();

  LoopSide& side_;
  const std::string key_;
  const std::size_t home_;
  std::vector<std::string> domains_;
  std::shared_ptr<const DestinationPolicy> policy_;  // of the last lease
  std::shared_ptr<const TlsAnswer> tls_;             // likewise
  Rotation stock_;
  std::map<std::uint64_t, Slice> signing_;  // like stock_, but not ready
  std::uint64_t last_signing_ = 0;
  SignedBlocks blocks_;  // of slices in stock
  std::vector<std::unique_ptr<Hand>> hands_;
  Report report_;
  bool report_posted_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace essaim::delivery
