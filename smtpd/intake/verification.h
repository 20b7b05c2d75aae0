// Which of a message is verified, and by what; and the look-ups in DNS for it, on one loop of several in turn.
//
// Thread-safe. `done` comes once, on a loop, at the latest when the patience is over. The loops run until all that was
// begun has ended (ListIntake::finish() waits for it).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/network.h"
#include "core/dns/resolver.h"
#include "core/mailauth/lookups.h"
#include "core/mailauth/message_check.h"
#include "core/net/event_loop.h"
#include "smtpd/session/intake.h"

namespace essaim::smtpd {

struct VerificationOptions {
  Duration patience{};
  bool judges = true;           // else what is found out serves the lists' planner alone
  std::vector<Network> relays;  // our own, that stand in front of us
};

class Verification {
 public:
  struct UnderWay;  // on one loop
  struct Place {
    net::EventLoop* loop = nullptr;
    dns::Resolver* resolver = nullptr;
    // Made here.
    std::shared_ptr<mailauth::QuestionTurns> turns{};
    std::shared_ptr<UnderWay> under_way{};
  };
  // Without places nothing is looked up.
  Verification(std::vector<Place> places, VerificationOptions options);
  bool enabled() const { return !places_.empty(); }
  // Whether anybody's claim is doubted: not of people who have logged in, who are known better.
  bool judges(const ClientInfo& client) const { return options_.judges && client.login == nullptr; }
  // Of the client, or of the one for whom a relay of ours says that it hands on.
  static const std::string& address_of(const ClientInfo& client);
  // That address is the sender's own: not that of one of our lists, or of a relay of ours.
  bool has_own_address(const ClientInfo& client) const;
  // What SPF is checked of, where the address says anything about the sender.
  mailauth::MailSource source_of(const TransactionInfo& transaction) const;

  // Whose a message is where many wait for something: its account's, its network's; of what a relay of ours hands on, and
  // where nobody is judged, the sender's domain's.
  std::string whose(const TransactionInfo& transaction) const;

  void look_up(const std::string& whose, std::shared_ptr<const mailauth::MessageCheck> check,
               std::function<void(mailauth::Answers)> done);
  // All that is under way, and what comes, ends at once; what is not known then is a temporary error.
  void give_up();

 private:
  std::vector<Place> places_;
  const VerificationOptions options_;
  std::atomic<std::size_t> next_{0};
};

}  // namespace essaim::smtpd
