// Which of a URL's hosts the next connection tries first: where the last one was received, unless a connection to it has failed
// of late. A host whose disk is full, or whose cluster stands, still takes connections: it would be the first again and again,
// and every work would wait for it before it failed.
//
// Any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace essaim::storage {

class HostChoice {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kAvoided{30};  // after a failure

  explicit HostChoice(std::size_t hosts) : failed_(hosts) {}
  // Of the database of this process: what becomes of them is counted under these names (storage/database_hosts.h).
  explicit HostChoice(std::vector<std::string> names);

  // Each host once, by its place in the URL. Those that failed of late come last, the one that failed first before the others:
  // they are better than none.
  std::vector<std::size_t> order(Time now) const;

  void received(std::size_t host);
  void left(std::size_t host);  // a connection that was received has ended
  // Whether that is news: there are others, and this one had not failed of late.
  bool failed(std::size_t host, Time now);

 private:
  const std::vector<std::string> names_;  // none: nothing is counted
  mutable std::mutex mutex_;
  std::size_t first_ = 0;
  std::vector<std::optional<Time>> failed_;  // when it did last
};

}  // namespace essaim::storage
