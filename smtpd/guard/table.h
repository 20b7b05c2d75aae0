// What is remembered of clients and networks. Those without a connection are forgotten when there are too
// many, the longest unused first; those with one are as many as there are connections. Not synchronised.
#pragma once

#include <cstdint>
#include <unordered_map>

#include "smtpd/guard/network.h"
#include "smtpd/guard/rate.h"

namespace essaim::smtpd::guard {

struct Entry {
  std::uint32_t connections_now = 0;
  Rate connections, messages, recipients, errors, junk;

 private:
  friend class Table;
  const Network* key = nullptr;
  Entry* newer = nullptr;  // among those without a connection
  Entry* older = nullptr;
  bool listed = false;
};

class Table {
 public:
  // `max_idle` is 2 at least: room for a client and its network.
  explicit Table(std::size_t max_idle) : max_idle_(max_idle) {}
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;

  // Made if need be. The reference is valid until the next settle().
  Entry& at(const Network& key);
  Entry* find(const Network& key);
  // To be called when what at() and find() gave is no longer used: an entry without a connection becomes the
  // newest of those, and the oldest go where there are too many.
  void settle(Entry& entry);
  // Both are the newest before anything goes: one must not go for the other.
  void settle(Entry& client, Entry& network);
  std::size_t size() const { return entries_.size(); }

 private:
  void list(Entry& entry);
  void unlist(Entry& entry);
  void forget_oldest();

  const std::size_t max_idle_;
  std::unordered_map<Network, Entry, NetworkHash> entries_;
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  std::size_t idle_ = 0;
};

}  // namespace essaim::smtpd::guard
