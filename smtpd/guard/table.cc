#include "smtpd/guard/table.h"

namespace essaim::smtpd::guard {

Entry& Table::at(const Network& key) {
  const auto [it, made] = entries_.try_emplace(key);
  it->second.key = &it->first;
  return it->second;
}

Entry* Table::find(const Network& key) {
  const auto it = entries_.find(key);
  return it == entries_.end() ? nullptr : &it->second;
}

void Table::unlist(Entry& entry) {
  if (!entry.listed) return;
  (entry.newer ? entry.newer->older : newest_) = entry.older;
  (entry.older ? entry.older->newer : oldest_) = entry.newer;
  entry.newer = entry.older = nullptr;
  entry.listed = false;
  --idle_;
}

void Table::list(Entry& entry) {
  unlist(entry);
  if (entry.connections_now > 0) return;
  entry.older = newest_;
  (newest_ ? newest_->newer : oldest_) = &entry;
  newest_ = &entry;
  entry.listed = true;
  ++idle_;
}

void Table::forget_oldest() {
  while (idle_ > max_idle_) {
    Entry& last = *oldest_;
    const Network key = *last.key;
    unlist(last);
    entries_.erase(key);
  }
}

void Table::settle(Entry& entry) {
  list(entry);
  forget_oldest();
}

void Table::settle(Entry& client, Entry& network) {
  list(client);
  list(network);
  forget_oldest();
}

}  // namespace essaim::smtpd::guard
