#include "delivery/crew.h"

#include <algorithm>
#include <utility>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "delivery/failure_policy.h"
#include "delivery/loop_side.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kReportAfter = 32;  // recipients consumed; earlier when the stock is low
constexpr std::size_t kRepliesKept = 4;
constexpr std::size_t kTimedUpTo = 64 << 10;  // octets of a message whose time is that of the replies
constexpr int kHeldForSilences = 4;           // and nothing taken: that is long
constexpr std::size_t kDomainsCounted = 100;  // for a connection that failed before it carried anything
constexpr int kMailFlood = 28, kUnregistered = 500;  // X.7.n

// The peer, not the recipient or the message, is what could not take it.
bool is_trouble(const Outcome& outcome) {
  if (outcome.kind != Outcome::Kind::kDeferred) return false;
  if (outcome.reply.code == 421 || !outcome.reply_from_peer) return true;
  const smtp::EnhancedCode& code = outcome.reply.enhanced;
  switch (outcome.stage) {
    case Stage::kMail:
      return code.subject != 1;  // X.1.x: the sender's address
    case Stage::kFinalDot:
      // X.7.x: we bring too much, or too much that it does not like. But by X.7.1 filters greylist there (Rspamd, milters),
      // which each recipient has to go through once.
      return code.subject == 7 && code.detail != 1;
    case Stage::kRcpt:
      // We are too fast, as Microsoft says by 4.7.500 and others that are not registered, and who keeps to what is by X.7.28. All
      // else is about the recipient, or greylisting.
      return code.subject == 7 && (code.detail == kMailFlood || code.detail >= kUnregistered);
    default:
      return outcome.stage == Stage::kEhlo || outcome.stage == Stage::kBanner;
  }
}

// Blocks for copies that differ; for others what they share is made, and kept with the post.
std::vector<std::string> signed_blocks(const ActiveBatch& batch, Indices indices, const TokenMinter& minter,
                                       WallTime now) {
  const ActivePost& post = *batch.post;
  std::vector<std::string> blocks;
  std::string own;
  for (const std::uint16_t index : indices) {
    own.clear();
    post.private_header.fill(post.post, batch.recipients[index], minter, &own);
    if (!signs_each(post)) {
      post.signer->prepare_common(own, now);
      return {};
    }
    blocks.push_back(post.signer->sign(PostSigner::Form::kAsIs, own, now) + own);
  }
  return blocks;
}

}  // namespace

Crew::Crew(LoopSide& side, std::string key, std::size_t home)
    : side_(side), key_(std::move(key)), home_(home) {
  report_.loop = side_.number();
}

Crew::~Crew() = default;

void Crew::take(Lease lease) {
  domains_ = std::move(lease.domains);
  policy_ = std::move(lease.policy);
  tls_ = std::move(lease.tls);
  for (Slice& slice : lease.slices) {
    const std::size_t recipients = slice.indices.size(), all = messages(slice);
    const bool some_left = side_.keep_of(&slice);
    report_.consumed += recipients - slice.indices.size();
    report_.unsent += all - messages(slice);
    if (some_left) stock(std::move(slice));
  }
  for (auto& list : lease.connections) open(std::move(list), lease.standing);
  wake();
  // Nobody to do it: a connection ended while the lease was on its way.
  if (hands_.empty()) return_stock();
  if (!report_.empty()) report_soon();
}

CourierSettings Crew::courier_settings() const {
  CourierSettings settings = side_.courier_settings();
  settings.tls = policy_->tls != TlsSetting::kOff && side_.fabric().tls != nullptr;
  settings.recipients_per_transaction = policy_->recipients_per_transaction;
  settings.transactions_per_connection = policy_->transactions_per_connection;
  settings.source_ipv4 = policy_->source_ipv4;
  settings.source_ipv6 = policy_->source_ipv6;
  return settings;
}

void Crew::open(std::vector<HostCandidate> list, Standing standing) {
  if (side_.stopping() || list.empty()) {
    side_.fabric().return_connection(standing);
    report_.closed.push_back({true, Stage::kLost, {}, false});
    return;
  }
  auto hand = std::make_unique<Hand>();
  hand->opened = hand->standing = standing;
  hand->turn = side_.clock().mono_now();
  hand->courier = std::make_unique<Courier>(side_.loop(), courier_settings(), side_.fabric().tls,
                                            side_.fabric().minter, std::move(list), this);
  Hand* added = hand.get();
  hands_.push_back(std::move(hand));
  if (destination_traced()) trace(added, true);
  added->courier->start();
}

void Crew::wake() {
  // A courier may end while it is woken: look it up again each time.
  std::vector<Courier*> idle;
  for (const auto& hand : hands_)
    if (hand->courier->idle()) idle.push_back(hand->courier.get());
  for (Courier* courier : idle) {
    if (stock_.empty()) return;
    if (hand_of(*courier) != nullptr) courier->wake();
  }
}

void Crew::close_all() {
  std::vector<Courier*> all;
  all.reserve(hands_.size());
  for (const auto& hand : hands_) all.push_back(hand->courier.get());
  for (Courier* courier : all)
    if (hand_of(*courier) != nullptr) courier->close();
}

void Crew::abort() {
  for (const auto& hand : hands_) {
    for (const InFlight& flight : hand->flights) {
      Slice slice{flight.transaction.batch, flight.open, flight.queued};
      if (!slice.indices.empty()) side_.recorder().give_back(slice);
    }
    side_.fabric().return_connection(hand->standing);
  }
  // At once, not by destroy_later(): we are in a task of our own, and nothing may call this crew any more.
  hands_.clear();
  for (const Slice& slice : take_stock(take_all_out)) side_.recorder().give_back(slice);
}

void Crew::add_fruitless(MonoTime now, std::vector<Fruitless>* all) {
  for (const auto& hand : hands_) {
    if (const auto since = hand->courier->fruitless_since(now, side_.settings().silence))
      all->push_back({*since, hand->standing, this, hand->courier.get()});
  }
}

void Crew::give_up(Courier& courier, Duration after) {
  log::info("connection-given-up", {{"host", std::string_view(courier.peer().host)}, {"after", after}});
  count(Counter::kGivenUp);
  report_.kept_waiting = true;
  report_soon();
  courier.give_up();
}

void Crew::give_back(const TakeOut& take_out) {
  const auto unsent = [&](Slice* slice) {
    const std::size_t all = messages(*slice);
    Slice out = take_out(slice);
    report_.consumed += out.indices.size();
    report_.unsent += all - messages(*slice);
    return out;
  };
  for (const Slice& slice : take_stock(unsent)) side_.recorder().give_back(slice);
  // What was on its way back home comes to the queue instead.
  for (Slice& slice : report_.returned)
    if (const Slice out = take_out(&slice); !out.indices.empty()) side_.recorder().give_back(out);
  std::erase_if(report_.returned, [](const Slice& slice) { return slice.indices.empty(); });
  if (!report_.empty()) report_soon();
}

void Crew::on_ready(Courier& courier) {
  const PeerInfo& peer = courier.peer();
  if (!peer.source.empty() && side_.fabric().sources.ends(peer.source))
    log::info("source-address-works-again", {{"address", std::string_view(peer.source)}});
  if (Hand* hand = hand_of(courier); hand != nullptr)
    for (FailedAddress& left : std::exchange(hand->left, {}))
      if (left.address != peer.address) report_.failed_addresses.push_back(std::move(left));
  ++report_.ready;
  report_soon();
}

void Crew::on_candidate_failed(Courier& courier, const HostCandidate& host, Stage stage,
                               const smtp::Reply& reply) {
  const PeerInfo& peer = courier.peer();
  Hand* hand = hand_of(courier);
  FailedAddress failed{host.address};
  if (hand != nullptr) {
    hand->counted.clear();
    took_nothing(*hand, host.address);
    const MonoTime now = side_.clock().mono_now();
    failed.after = now - std::exchange(hand->turn, now);
  }
  if (peer.took_nothing) {
    if (hand != nullptr) hand->left.push_back(std::move(failed));
  } else if (!peer.source_unusable) {
    report_.failed_addresses.push_back(std::move(failed));
  } else if (side_.fabric().sources.begins(peer.source)) {
    // Once: every connection that needs it fails the same way.
    log::error("source-address-unusable",
               {{"address", std::string_view(peer.source)}, {"reason", std::string_view(reply.text)}});
  }
  if (report_.replies.size() < kRepliesKept) report_.replies.push_back(reply.to_string());
  if (stage == Stage::kTls) {
    std::size_t left = kDomainsCounted;
    for (const std::string& domain : domains_)
      if (left-- > 0)
        count_tls(peer, domain, &reply);
      else
        break;
  }
  log::info("connect-failed", {{"host", std::string_view(host.name)},
                               {"address", std::string_view(host.address)},
                               {"stage", to_string(stage)},
                               {"reply", reply.to_string()}});
  report_soon();
}

bool Crew::next(Courier& courier, Transaction* transaction) {
  Hand* hand = hand_of(courier);
  if (hand == nullptr) return false;
  const WallTime wall = side_.clock().wall_now();
  Slice slice;
  while (side_.may_send() && !side_.closed_to(*policy_) &&
         stock_.pop(1, policy_->recipients_per_transaction, &slice)) {
    report_.consumed += slice.indices.size();
    // Expiry holds in every state: also for what waited long for its turn.
    if (slice.batch->post->post.expires <= wall) {
      ++report_.unsent;
      side_.recorder().record_expired(slice);
      continue;
    }
    InFlight flight;
    if (signs_each(*slice.batch->post)) {
      flight.transaction.block = blocks_.take(slice.batch.get(), slice.indices.front());
      if (flight.transaction.block.empty()) {
        // It came back from a courier that did not begin it.
        report_.consumed -= slice.indices.size();
        stock(std::move(slice));
        continue;
      }
    }
    flight.transaction.batch = slice.batch;
    flight.transaction.indices = slice.indices;
    flight.open = std::move(slice.indices);
    flight.queued = slice.queued;
    flight.started = hand->turn = side_.clock().mono_now();
    const std::string& domain = slice.batch->recipients[flight.open.front()].domain;
    if (hand->counted.insert(domain).second) count_tls(courier.peer(), domain, nullptr);
    *transaction = flight.transaction;
    flight.transaction.block.clear();
    hand->idle.clear();
    ++report_.begun;
    const std::string& target = side_.trace_target().list;
    if (!target.empty()) trace(hand, destination_traced() || slice.batch->post->post.list_address == target);
    hand->flights.push_back(std::move(flight));
    if (stock_.empty() || report_.consumed >= kReportAfter) report_soon();
    return true;
  }
  if (report_.consumed > 0) report_soon();
  hand->idle.set(&side_.idle_hands(), &courier, side_.clock().mono_now(), hand->standing, policy_->group);
  return false;
}

bool Crew::may_send_message() {
  return side_.fabric().may_act();
}

// By nobody but us, who may not send, or who close our own port: it was not tried.
bool Crew::put_off_by_us(const Outcome& outcome) const {
  if (outcome.kind != Outcome::Kind::kDeferred || outcome.stage == Stage::kFinalDot) return false;
  if (side_.closed_to(*policy_)) return !outcome.reply_from_peer || outcome.reply.code == 421;
  return !outcome.reply_from_peer && !side_.fabric().may_act();
}

void Crew::on_outcome(Courier& courier, const Transaction& transaction, const Outcome& outcome,
                      Indices recipients) {
  Hand* hand = hand_of(courier);
  if (hand == nullptr) return;
  for (auto flight = hand->flights.begin(); flight != hand->flights.end(); ++flight) {
    if (flight->transaction.batch != transaction.batch) continue;
    if (std::find(flight->open.begin(), flight->open.end(), recipients.front()) == flight->open.end())
      continue;
    // Both have the order of the transaction.
    auto next = recipients.begin();
    std::erase_if(flight->open, [&](std::uint16_t index) {
      if (next == recipients.end() || *next != index) return false;
      ++next;
      return true;
    });
    ESSAIM_CHECK(next == recipients.end());

    if (outcome.kind == Outcome::Kind::kReturned || put_off_by_us(outcome)) {
      Slice slice{transaction.batch, {recipients.begin(), recipients.end()}, flight->queued};
      if (side_.keep_of(&slice)) report_.returned.push_back(std::move(slice));
    } else {
      flight->attempted = true;
      const PeerInfo& peer = courier.peer();
      const MonoTime now = side_.clock().mono_now();
      Delays delays;
      delays.transmission = now - flight->started;
      delays.connect = peer.transactions == 0 ? peer.connect_delay : Duration{};
      delays.in_queue = flight->started - flight->queued;
      delays.before_queue = Duration(side_.clock().wall_now() - transaction.batch->post->post.accepted) -
                            delays.in_queue - delays.transmission;
      side_.recorder().record(transaction.batch, recipients, outcome, &peer, delays);
      if (outcome.kind == Outcome::Kind::kDelivered) {
        flight->accepted = true;
      } else {
        if (is_trouble(outcome)) {
          flight->troubled = true;
          report_.trouble = outcome.reply;
        }
        if (outcome.kind == Outcome::Kind::kFailed && outcome.reply_from_peer &&
            refuses_us(outcome.stage, outcome.reply))
          note_refusal(transaction.batch->post->post.id, recipients.size(), outcome.reply);
        remember_reply(outcome, peer);
      }
    }
    if (flight->open.empty()) settle(hand, flight);
    return;
  }
}

// A session, for TLS-RPT and for people. Without TLS it counts as such; a certificate that is only looked at (MTA-STS in
// testing) counts as it was found; else what kept the policy from being had.
void Crew::count_tls(const PeerInfo& peer, const std::string& domain, const smtp::Reply* failure) {
  if (tls_ == nullptr || policy_->tls == TlsSetting::kOff) return;
  TlsSession session;
  session.domain = domain;
  session.policy_type = tls_->policy_type;
  session.policy = tls_->policy;
  session.mx_host = peer.name;
  session.receiving_ip = peer.address;
  session.sending_ip = peer.local;
  const net::TlsInfo& info = peer.tls_info;
  const bool dane = tls_->policy_type == "tlsa";
  if (failure != nullptr) {
    session.result = info.verdict != net::TlsVerdict::kUnchecked ? result_type(info.verdict, dane)
                     : failure->enhanced.detail == 10            ? result_type(net::TlsVerdict::kNoTls, dane)
                                                                 : result_type(net::TlsVerdict::kOther, dane);
    session.detail = failure->text;
  } else if (!peer.tls) {
    session.result = result_type(net::TlsVerdict::kNoTls, dane);
    session.detail = "in clear";
  } else {
    session.result = result_type(info.verdict, dane);
    session.detail = info.version + " " + info.cipher + (info.resumed ? ", resumed" : "") +
                     (info.verified.empty() ? "" : ", verified by " + info.verified) +
                     (info.problem.empty() ? "" : ", " + info.problem);
    if (session.result.empty() && !tls_->trouble_type.empty()) {
      session.result = tls_->trouble_type;
      session.policy_type = "sts";
      session.detail += ", " + tls_->trouble;
    }
  }
  side_.fabric().tls_results->add(session, side_.clock().wall_now());
}

void Crew::settle(Hand* hand, std::deque<InFlight>::iterator flight) {
  if (flight->accepted) {
    ++report_.successes;
    hand->turn = side_.clock().mono_now();  // also of what was begun behind its final dot
    if (hand->standing == Standing::kUnknown) {
      side_.fabric().improve_connection(std::exchange(hand->standing, Standing::kProven));
      hand->idle.improve(hand->standing);
    }
    if (flight->transaction.batch->post->wire->size() <= kTimedUpTo) {
      ++report_.timed;
      report_.time += side_.clock().mono_now() - flight->started;
    }
  }
  if (flight->troubled) ++report_.troubles;
  if (!flight->attempted) ++report_.unsent;
  if (flight->attempted && !flight->accepted) {
    took_nothing(*hand, hand->courier->peer().address);
    // What was begun behind its final dot has waited for that, and for all of it to go out.
    if (hand->flights.size() > 1) hand->turn = side_.clock().mono_now();
  }
  hand->flights.erase(flight);
  if (report_.troubles > 0 || report_.unsent > 0 || !report_.returned.empty() || report_.successes >= 8 ||
      stock_.empty())
    report_soon();
}

// Who keeps us waiting for the reply to the final dot is not given up before its time: that would be a second copy for whoever
// has taken the message. But it is remembered, so that few places are lost so. Hosts that took mail before this connection are not
// doubted together with their neighbours: it may have been our own line. On the same one is soon done: who takes one and then
// hangs is no better. Nor is one of the operator's choice doubted, nor is the time that the message itself takes to go out counted.
void Crew::took_nothing(const Hand& hand, const std::string& address) {
  const MonoTime now = side_.clock().mono_now();
  const Duration waited = now - hand.turn - hand.courier->peer().sending;
  if (policy_->our_way() || waited < kHeldForSilences * side_.settings().silence) return;
  report_.kept_waiting = true;
  if (hand.opened != Standing::kProven) side_.fabric().doubted.kept_us_waiting(address, now);
}

void Crew::on_finished(Courier& courier, bool usable, Stage stage, const smtp::Reply& why) {
  const auto found = std::find_if(hands_.begin(), hands_.end(),
                                  [&](const auto& hand) { return hand->courier.get() == &courier; });
  if (found == hands_.end()) return;
  // The courier's contract leaves nothing open here; if it ever did, the work would come back, not vanish.
  for (const InFlight& flight : (*found)->flights)
    if (!flight.open.empty())
      report_.returned.push_back(Slice{flight.transaction.batch, flight.open, flight.queued});
  const Standing standing = (*found)->standing;
  const bool refused = !usable && courier.peer().refused;
  side_.loop().destroy_later(std::move((*found)->courier));
  hands_.erase(found);
  side_.fabric().return_connection(standing);
  report_.closed.push_back({usable, stage, why, refused});
  if (hands_.empty()) return_stock();
  report_soon();
}

void Crew::bring_stock_home() {
  return_stock();
  if (!report_.empty()) report_soon();
}

void Crew::return_stock() {
  for (Slice& slice : take_stock(take_all_out)) {
    report_.consumed += slice.indices.size();
    report_.unsent += messages(slice);
    report_.returned.push_back(std::move(slice));
  }
}

std::size_t Crew::messages(const Slice& slice) const {
  if (slice.batch->post->post.mode == storage::CopyMode::kPersonal) return slice.indices.size();
  const std::size_t together = std::max<std::size_t>(1, policy_->recipients_per_transaction);
  return (slice.indices.size() + together - 1) / together;
}

// Ready or not; blocks that were made for it are forgotten.
std::vector<Slice> Crew::take_stock(const TakeOut& take_out) {
  std::vector<Slice> taken = stock_.take(take_out), left;
  for (auto it = signing_.begin(); it != signing_.end();) {
    Slice out = take_out(&it->second);
    if (out.indices.empty()) {
      ++it;
      continue;
    }
    taken.push_back(std::move(out));
    // Its blocks would come in the order of all that were to be signed.
    if (!it->second.indices.empty()) left.push_back(std::move(it->second));
    it = signing_.erase(it);
  }
  for (const Slice& slice : taken)
    for (const std::uint16_t index : slice.indices) blocks_.take(slice.batch.get(), index);
  for (Slice& slice : left) sign(std::move(slice));
  return taken;
}

void Crew::stock(Slice slice) {
  const ActivePost& post = *slice.batch->post;
  if (post.signer == nullptr || (!signs_each(post) && post.signer->common_prepared()))
    return stock_.push(std::move(slice));
  // In groups: large enough that handing over costs little, small enough that the first copies go out soon.
  const std::size_t group = signs_each(post) ? 16 : slice.indices.size();
  for (std::size_t at = 0; at < slice.indices.size(); at += group) {
    const auto begin = slice.indices.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end =
        slice.indices.begin() + static_cast<std::ptrdiff_t>(std::min(at + group, slice.indices.size()));
    sign({slice.batch, {begin, end}, slice.queued});
  }
}

void Crew::sign(Slice slice) {
  const std::uint64_t number = ++last_signing_;
  const Slice& kept = signing_[number] = std::move(slice);
  // Refused only when the engine ends: then the slice is given back like the stock.
  side_.fabric().signers->submit([this, alive = std::weak_ptr<int>(alive_), &loop = side_.loop(),
                                  &minter = side_.fabric().minter, number, batch = kept.batch,
                                  indices = kept.indices, now = side_.clock().wall_now()] {
    auto blocks = signed_blocks(*batch, indices, minter, now);
    loop.post([this, alive, number, blocks = std::move(blocks)]() mutable {
      if (!alive.expired()) signed_now(number, std::move(blocks));
    });
  });
}

void Crew::signed_now(std::uint64_t number, std::vector<std::string> blocks) {
  const auto found = signing_.find(number);
  if (found == signing_.end()) return;  // it was given back meanwhile
  Slice slice = std::move(found->second);
  signing_.erase(found);
  for (std::size_t i = 0; i < blocks.size(); ++i)
    blocks_.put(slice.batch.get(), slice.indices[i], std::move(blocks[i]));
  stock_.push(std::move(slice));
  wake();
}

Crew::Hand* Crew::hand_of(const Courier& courier) {
  for (const auto& hand : hands_)
    if (hand->courier.get() == &courier) return hand.get();
  return nullptr;
}

bool Crew::destination_traced() const {
  const std::string& target = side_.trace_target().destination;
  if (target.empty()) return false;
  // With a smart host every destination goes there.
  return target == key_ || domains_.empty() ||
         std::find(domains_.begin(), domains_.end(), target) != domains_.end();
}

void Crew::retrace() {
  const bool all = destination_traced();
  for (const auto& hand : hands_) trace(hand.get(), all);
}

void Crew::trace(Hand* hand, bool on) {
  if (hand->traced == on) return;
  hand->traced = on;
  if (!on) {
    hand->courier->set_trace({});
    return;
  }
  Courier* courier = hand->courier.get();
  Fabric& fabric = side_.fabric();
  hand->courier->set_trace([courier, &fabric](char side, std::string_view line) {
    if (fabric.trace) fabric.trace(courier->peer().host, side, std::string(line));
  });
}

void Crew::note_refusal(Id post, std::size_t recipients, const smtp::Reply& reply) {
  report_.refused += recipients;
  if (report_.refused_posts.empty() || report_.refused_posts.back() != post)
    report_.refused_posts.push_back(post);
  report_.refusal = reply;
}

void Crew::remember_reply(const Outcome& outcome, const PeerInfo& peer) {
  if (report_.replies.size() >= kRepliesKept) return;
  report_.replies.push_back(peer.host + ": " + outcome.reply.to_string());
}

void Crew::report_soon() {
  if (report_posted_) return;
  report_posted_ = true;
  side_.loop().post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) report_now();
  });
}

void Crew::report_now() {
  report_posted_ = false;
  if (!report_.empty()) {
    Report report = std::move(report_);
    report_ = Report{};
    report_.loop = side_.number();
    side_.fabric().post(home_, [key = key_, report = std::move(report)](LoopSide& home) mutable {
      home.take_report(key, std::move(report));
    });
  }
  if (done()) side_.drop_crew_later(key_);
}

}  // namespace essaim::delivery
