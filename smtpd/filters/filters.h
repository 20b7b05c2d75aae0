// Mail filters (milters; docs/filters.md) and what becomes of a message by them, each shown to one after the other in the order of the settings,
// before it is stored: it passes, perhaps changed, is refused in the dialogue, or waits for moderators.
//
// A message of which a filter cannot be asked at any of its addresses is put off or passes, as its settings say. Addresses
// are tried from the one that answered last; while none takes connections, it is asked again every few seconds, and not for each
// message. Each loop has its share of a filter's connections, one for each message under way; more messages wait, with all
// that they wait for bounded by kMostForAll, so that clients have their answer in time.
//
// Thread-safe. `done` comes once, on a loop. The loops run until all that was begun has ended.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/id.h"
#include "core/net/event_loop.h"
#include "core/smtp/reply.h"
#include "smtpd/filters/milter_session.h"
#include "smtpd/settings/listener_role.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

struct Filtered {
  std::string content;
  smtp::Reply reply;         // no code: it may pass
  std::string rule;          // "filter:rspamd", of a reply
  std::string held_by;       // the first filter that would have somebody look at it; "" for none
  std::string held_because;  // its words; may be ""
  std::string
      unanswered;  // of a filter that could not be asked, and what it was shown is put off: the last error
  bool body_changed = false;
  // As in ChangedMessage; nothing: all fields stand where they stood.
  std::optional<std::vector<std::optional<std::size_t>>> places;
};

class Filters {
 public:
  // Of one message, all filters together, with the time for which it waits for its turn: less than a session waits.
  static constexpr Duration kMostForAll = std::chrono::seconds(200);
  static constexpr Duration kConnectTimeout = std::chrono::seconds(5);
  static constexpr Duration kAskedAgain = std::chrono::seconds(5);

  // `most_octets`: of what a filter may make of a message. `most_for_all`: as kMostForAll.
  Filters(std::vector<net::EventLoop*> loops, std::uint64_t most_octets, std::vector<FilterSettings> filters,
          Duration most_for_all = kMostForAll);
  void configure(std::vector<FilterSettings> filters);  // for messages from now on

  // Whether any looks at what comes by such a listener.
  bool any_for(ListenerRole role) const;
  // What is no message passes: acceptance refuses it.
  void check(ListenerRole role, Id id, std::shared_ptr<const milter::Envelope> envelope, std::string content,
             std::function<void(Filtered)> done);
  // What is under way, and what comes, is put off at once.
  void give_up();

 private:
  using Table = std::vector<FilterSettings>;
  struct Place;  // on one loop
  class Chain;   // one message
  std::shared_ptr<const Table> table() const;

  std::vector<std::shared_ptr<Place>> places_;
  const std::uint64_t most_octets_;
  std::atomic<std::size_t> next_{0};
  mutable std::mutex mutex_;
  std::shared_ptr<const Table> table_;
};

}  // namespace essaim::smtpd
