// Binds SMTP sessions to the lists: which recipients there are, and what becomes of a message.
//
// Threads: as intake.h says; nothing blocks. Recipients are looked up on the database's reader threads. A message that is
// in memory and is not verified is submitted at once, others are read back on the intake's own threads before; how many
// octets are under way at a time is bounded, the others wait where they are, and have their turn by whose they are. A message
// whose names are looked up waits where it was, too, with its header alone in memory: who is slow is somebody else's name
// server. Completions run on whatever thread knows the answer; the session brings them to its loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/executor.h"
#include "core/base/fair_queue.h"
#include "lists/acceptance.h"
#include "lists/recipients.h"
#include "smtpd/filters/filters.h"
#include "smtpd/intake/verification.h"
#include "smtpd/session/intake.h"
#include "storage/cluster/node_lease.h"

namespace essaim::smtpd {

class ListIntake final : public Intake {
 public:
  // `in_flight` octets at most are between here and the database: of contents, once for each recipient, as each has a text of
  // its own, twice where there will be a form in 7 bits, and of headers that wait for names (one message besides always may
  // be). What is more with all its recipients (it is bounded by lists/total_size.h) counts as three quarters of it. Large ones,
  // of more than an eighth, have three quarters together and wait for each other; small ones go past those that wait.
  // What comes from outside is verified, and marked under `authserv_id`; of what our own people submit, and of all where
  // nobody is judged, only the policy of the author's domain and its signatures are looked up, for the planner. `trusted_sealers`: domains in lower case, A-labels. `lease`: of a node that shares its database;
  // without it nothing is accepted, with 451. Null: a node alone. `filters` see what is verified, before it is decided; null: none.
  ListIntake(const lists::Services& services, std::string hostname, std::uint64_t in_flight,
             std::unique_ptr<Verification> verification, std::string authserv_id,
             std::vector<std::string> trusted_sealers = {}, const storage::NodeLease* lease = nullptr,
             bool hides_submitters = false, Filters* filters = nullptr);
  ~ListIntake() override;  // waits for what was submitted

  // Of a listener for submission: MAIL must be an address of the account.
  std::optional<smtp::Reply> check_sender(const TransactionInfo& transaction) override;
  void check_recipient(const TransactionInfo& transaction, const smtp::Address& recipient,
                       std::function<void(RecipientAnswer)> done) override;
  void submit(std::unique_ptr<IncomingMessage> message, std::function<void(smtp::Reply)> done) override;
  // Of messages that are verified so many are under way, with their headers in memory; so many of them of one client's network
  // or account, or of our lists.
  static constexpr std::size_t kMostBegun = 1000;
  static constexpr std::size_t kMostOfOne = 100;

  // Messages that wait for room, those that want their content back included. Thread-safe.
  struct Waiting {
    std::size_t large = 0, small = 0;
  };
  Waiting waiting() const;

  // Refuses what waits and what comes, with 421; then waits until nothing is under way, but for no name server.
  void finish();

 private:
  // A message that waits or has begun.
  struct Work;
  struct Lines {
    FairQueue<std::shared_ptr<Work>> large, small;
  };
  static bool is_awaited(const IncomingMessage& message) {
    return message.awaited == nullptr || *message.awaited;
  }
  bool may_accept() const { return lease_ == nullptr || lease_->holds(); }
  std::shared_ptr<Work> work_of(std::unique_ptr<IncomingMessage> message,
                                std::function<void(smtp::Reply)> done) const;
  // Starts what the bound allows; on the intake's threads what is in a file or is verified, and what others are not to
  // be held up by.
  enum class Caller { kSession, kOther };
  void start_some(Caller caller);
  bool has_room(const Work& work) const;  // under the mutex
  std::shared_ptr<Work> next_begun();     // likewise; null if there is none
  std::shared_ptr<Work> take(FairQueue<std::shared_ptr<Work>>* line, std::string whose);  // likewise
  void run(const std::shared_ptr<Work>& work);
  void conclude(const std::shared_ptr<Work>& work);
  std::optional<std::string> content_of(Work& work);
  std::shared_ptr<lists::Submission> submission_of(Work& work, std::string content);
  void hand_over(const std::shared_ptr<Work>& work, std::shared_ptr<lists::Submission> submission);
  void filtered(const std::shared_ptr<Work>& work, const std::shared_ptr<lists::Submission>& submission,
                Filtered found);
  void accept(const std::shared_ptr<Work>& work, std::shared_ptr<lists::Submission> submission);
  void end(Work& work, smtp::Reply reply);
  void one_less();

  const lists::RecipientResolver resolver_;
  const lists::Acceptance acceptance_;
  const std::string hostname_;
  const std::unique_ptr<Verification> verification_;
  const std::string authserv_id_;
  const std::vector<std::string> trusted_sealers_;
  const std::uint64_t limit_;
  const storage::NodeLease* const lease_;
  const bool hides_submitters_;
  Filters* const filters_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  Lines waiting_;
  Lines answered_;                  // their names are looked up: they want their content back
  std::uint64_t octets_ = 0;        // in memory
  std::uint64_t large_octets_ = 0;  // of these, of large ones with their content
  std::size_t in_memory_ = 0;       // with their content
  std::size_t running_ = 0;         // all that has begun and not ended
  std::map<std::string, std::size_t> begun_;
  std::size_t all_begun_ = 0;
  bool finishing_ = false;
  Executor readers_;  // last: its threads end first
};

}  // namespace essaim::smtpd
