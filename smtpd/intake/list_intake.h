// Binds SMTP sessions to the lists: which recipients there are, and what becomes of a message.
//
// Threads: as intake.h says; nothing blocks. Recipients are looked up on the database's reader threads. A message that is
// in memory is submitted at once, one that went to a file is read back on the intake's own threads before; how many octets
// are under way at a time is bounded, the others wait where they are. Completions run on whatever thread
// knows the answer; the session brings them to its loop.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/executor.h"
#include "lists/acceptance.h"
#include "lists/recipients.h"
#include "smtpd/intake/verification.h"
#include "smtpd/session/intake.h"
#include "storage/cluster/node_lease.h"

namespace essaim::smtpd {

class ListIntake final : public Intake {
 public:
  // `in_flight` octets of content at most are between here and the database (one message always may be).
  // What comes from outside is verified, and marked under `authserv_id`; of what our own people submit, and of all where
  // nobody is judged, only the policy of the author's domain and its signatures are looked up, for the planner. `trusted_sealers`: domains in lower case, A-labels. `lease`: of a node that shares its database;
  // without it nothing is accepted, with 451. Null: a node alone.
  ListIntake(const lists::Services& services, std::string hostname, std::uint64_t in_flight,
             std::unique_ptr<Verification> verification, std::string authserv_id,
             std::vector<std::string> trusted_sealers = {}, const storage::NodeLease* lease = nullptr,
             bool hides_submitters = false);
  ~ListIntake() override;  // waits for what was submitted

  // Of a listener for submission: MAIL must be an address of the account.
  std::optional<smtp::Reply> check_sender(const TransactionInfo& transaction) override;
  void check_recipient(const TransactionInfo& transaction, const smtp::Address& recipient,
                       std::function<void(RecipientAnswer)> done) override;
  void submit(std::unique_ptr<IncomingMessage> message, std::function<void(smtp::Reply)> done) override;
  // Refuses what waits and what comes, with 421; then waits until nothing is under way.
  void finish();

 private:
  struct Waiting {
    std::shared_ptr<IncomingMessage> message;
    std::function<void(smtp::Reply)> done;
  };
  bool may_accept() const { return lease_ == nullptr || lease_->holds(); }
  // Starts what the bound allows; on the intake's threads what is in a file or is verified, and what others are not to
  // be held up by.
  enum class Caller { kSession, kDatabase };
  void start_some(Caller caller);
  struct Verified;
  void run(Waiting waiting);
  void verify(std::shared_ptr<Verified> work);
  void conclude(const std::shared_ptr<Verified>& work, mailauth::Answers answers);
  void hand_over(std::shared_ptr<lists::Submission> submission, std::uint64_t size,
                 std::function<void(smtp::Reply)> done);
  void ended(std::uint64_t octets);

  const lists::RecipientResolver resolver_;
  const lists::Acceptance acceptance_;
  const std::string hostname_;
  const std::unique_ptr<Verification> verification_;
  const std::string authserv_id_;
  const std::vector<std::string> trusted_sealers_;
  const std::uint64_t limit_;
  const storage::NodeLease* const lease_;
  const bool hides_submitters_;
  std::mutex mutex_;
  std::condition_variable idle_;
  std::deque<Waiting> waiting_;
  std::uint64_t octets_ = 0;  // under way
  std::size_t running_ = 0;
  bool finishing_ = false;
  Executor readers_;  // last: its threads end first
};

}  // namespace essaim::smtpd
