// Limits per client and per network: connections at the same time, connections, messages and recipients in a
// time, errors and junk; and what happens under stress, when connections, message memory or descriptors get
// short: those inside get shorter deadlines and are served, newcomers are told to come later.
//
// Thread-safe (sixteen shards, each with its lock; a client and its network are in the same one). Memory is
// bounded: see GuardSettings::max_idle_entries. Owner: the daemon; it outlives the sessions, which have it by
// SessionEnvironment and call it themselves. Addresses are text; what is no address is not limited.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/clock.h"
#include "core/smtp/reply.h"
#include "smtpd/guard/account_rates.h"
#include "smtpd/guard/pressure.h"
#include "smtpd/guard/settings.h"
#include "smtpd/guard/table.h"

namespace essaim::smtpd::guard {

struct Verdict {
  std::optional<smtp::Reply> refusal;  // none: go on
  bool stressed = false;               // deadlines should be short
  bool allowed() const { return !refusal.has_value(); }
};

class Guard {
 public:
  // `hostname` stands in the 421 texts. `memory` may be null; `descriptors` gives the share in use, `free_octets` what
  // the disk for messages has left (empty: enough).
  Guard(GuardSettings settings, std::string hostname, const Clock& clock,
        const smtp::MemoryBudget* memory = nullptr, std::function<double()> descriptors = descriptors_in_use,
        std::function<double()> free_octets = {});
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;

  // At a reload; the prefix lengths and the number of entries stay as they were.
  void set_settings(GuardSettings settings);

  // 421 4.7.0 for what the client or its network does, 421 4.3.2 for what is short here. Each that was
  // allowed is followed by one disconnected().
  Verdict try_connect(std::string_view ip);
  void disconnected(std::string_view ip);
  Verdict on_mail(std::string_view ip);  // 421 4.7.0; 452 4.3.1 when the disk is nearly full
  // 452 4.3.1 then, for those whom nothing else limits. Counts nothing.
  std::optional<smtp::Reply> refusal_for_disk();
  Verdict on_rcpt(std::string_view ip);  // 450 4.7.1: what was accepted before may still be sent
  // Likewise, for who has logged in; also of those addresses that are exempt.
  std::optional<smtp::Reply> on_rcpt_of(const std::string& account);
  void on_error(std::string_view ip);
  void on_junk(std::string_view ip);

  bool stressed();                                         // measures
  bool full();                                             // so does this: newcomers are told to come later
  bool disk_short();                                       // so does this: new mail is
  double disk_left() const { return free_octets_.get(); }  // octets; infinite: that cannot be told
  Pressure pressure() const;
  std::uint32_t connections() const { return connections_.load(std::memory_order_relaxed); }
  std::size_t entries() const;  // remembered at present

 private:
  struct Shard {
    mutable std::mutex mutex;
    std::shared_ptr<const GuardSettings> settings;
    std::unique_ptr<Table> table;
  };
  struct Place;
  enum class What { kMessages, kRecipients, kErrors, kJunk };

  std::optional<Place> place_of(std::string_view ip);
  std::optional<smtp::Reply> refusal_at_connect(const Place& place, Entry& client, Entry& network) const;
  std::optional<smtp::Reply> refusal_of_scope(const Entry& entry, const ScopeLimits& limits,
                                              const char* who) const;
  Verdict judge_connect(std::string_view ip);
  bool enter_if_room(std::uint32_t limit);
  bool count(std::string_view ip, What what);
  smtp::Reply come_later(const char* enhanced, const std::string& why) const;
  Level level();
  std::uint32_t max_connections() const;

  const std::string hostname_;
  const Clock& clock_;
  const int ipv4_network_bits_, ipv6_client_bits_, ipv6_network_bits_;
  PressureGauge gauge_;
  const Sample free_octets_;
  std::atomic<bool> disk_was_short_{false};
  std::atomic<std::uint32_t> connections_{0};
  std::array<Shard, 16> shards_;
  AccountRates accounts_;
};

}  // namespace essaim::smtpd::guard
