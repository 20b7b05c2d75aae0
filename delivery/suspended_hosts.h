// MX hosts that the operator has suspended, by patterns as in destination_rule.h: who is blocked at a provider is blocked at its
// hosts, and not for one of the hundreds of domains that they take mail for. Which hosts a domain has is known on the loops only,
// so that is where they ask. Set by the queue; thread-safe, and cheap where there are none.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/smtp/reply.h"
#include "delivery/next_hop.h"
#include "storage/node_store.h"

namespace essaim::delivery {

// As a suspension names it, in small letters: a smart host that is set by its address is called "[192.0.2.1]" in replies and by
// its loops, and "192.0.2.1" here.
std::string suspended_name(const std::string& host);

class SuspendedHosts {
 public:
  struct Wait {
    std::string pattern;
    WallTime until{};   // 0: until resumed
    smtp::Reply reply;  // of who waits for it, with the words of storage::suspended_reply()
    friend bool operator==(const Wait& a, const Wait& b) {
      return a.pattern == b.pattern && a.until == b.until && a.reply.text == b.reply.text;
    }
  };
  // Those of the records that are about hosts. True if they are others than before.
  bool set(const std::vector<storage::SuspensionRecord>& records);
  // The first that names one of the hosts; not for ourselves.
  std::optional<Wait> of(const NextHop& hop, WallTime now) const;

 private:
  std::atomic<bool> any_{false};
  mutable std::mutex mutex_;
  std::vector<Wait> waits_;
};

}  // namespace essaim::delivery
