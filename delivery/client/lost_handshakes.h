// Hosts at which the connection went or hung within a TLS handshake, for opportunistic TLS. Once, this is the network and no
// reason for clear text; when the next handshake that begins a while later has the same end, and none worked between
// them, it is the host (a filter in front of it, as a rule). One object, shared by all couriers; thread-safe; bounded.
#pragma once

#include <cstddef>
#include <mutex>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"

namespace essaim::delivery {

class LostHandshakes {
 public:
  static constexpr std::size_t kMost = 10'000;
  // Connections that were opened by then may have been lost by the same trouble.
  static constexpr Duration kOneTrouble = std::chrono::seconds(30);
  static constexpr Duration kForgotten = std::chrono::hours(24);

  explicit LostHandshakes(Duration one_trouble = kOneTrouble) : one_trouble_(one_trouble) {}

  // The handshake of a connection that was begun at `began` was lost. True: another one before it was, too.
  bool lost(const std::string& peer, MonoTime began, MonoTime now);
  void worked(const std::string& peer);

 private:
  const Duration one_trouble_;
  std::mutex mutex_;
  std::unordered_map<std::string, MonoTime> since_;
};

}  // namespace essaim::delivery
