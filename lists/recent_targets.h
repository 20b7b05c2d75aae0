// Addresses that were found a moment ago to be those of lists, so that a busy list is not looked up for every RCPT. Only
// that a post is welcome is remembered, never a refusal, and only for kRemembered: what it rests on is looked at again in
// the transaction that stores the post. A list that was closed or deleted within that time refuses the post at the end of
// data instead of at RCPT.
//
// Thread-safe. Bounded: a full memory is emptied.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/smtp/address.h"
#include "lists/recipients.h"

namespace essaim::lists {

class RecentTargets {
 public:
  static constexpr Duration kRemembered = std::chrono::milliseconds(20);

  std::optional<Resolution> find(const smtp::Address& address, MonoTime now);
  void note(const smtp::Address& address, const Resolution& resolution, MonoTime now);

 private:
  struct Entry {
    Resolution resolution;
    MonoTime found{};
  };
  std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;  // by address as written
};

}  // namespace essaim::lists
