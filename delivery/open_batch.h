// A batch that this node owns and works on: its progress, what of it is out at the destinations, and what the
// database does not know yet. Pure (no I/O, no clock); used by the queue's thread only.
//
// A recipient is final (delivered, failed, suppressed), out (given to the destinations), or waits here. When none is out the
// batch is idle and can be released. Who waits here
//   - was returned: goes as soon as the batch is claimed again;
//   - was put off, as the destination is suspended by itself (until a known time) or by an operator: no attempt, no pause. This
//     is also for those whose connections failed, which did count as an attempt;
//   - was tried and deferred: has a pause of its own, which grows with the recipient's attempts (retry.h) and follows from the
//     ledger, so it is the same in whatever round, and on whatever node, the batch is.
// A batch is due when the first of its recipients is. Those whose time has come are sent out again also while others are out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "delivery/note.h"
#include "delivery/retry.h"

namespace essaim::delivery {

// What happened since the last save that must go to the database together with the progress.
struct UnsavedPart {
  struct FailedOne {
    std::uint16_t index = 0;
    std::shared_ptr<const smtp::Reply> reply;
    std::string host;
  };
  std::vector<FailedOne> failures;
  std::map<std::pair<int, std::uint64_t>, std::size_t> segments;  // (loop, segment) -> outcomes
  std::size_t outcomes = 0;
};

// The different replies for which some wait, the latest last; with more than kMost the eldest is forgotten, and who waits for
// that waits until its time.
class Reasons {
 public:
  static constexpr std::size_t kMost = 16;
  void add(const std::string& reply);
  void clear() { replies_.clear(); }
  bool empty() const { return replies_.empty(); }
  bool tell_of(std::string_view words) const;  // one of them does
  const std::vector<std::string>& replies() const { return replies_; }

 private:
  std::vector<std::string> replies_;
};

class OpenBatch {
 public:
  // `record` as claimed; its recipients move into the batch that the loops share.
  OpenBatch(storage::BatchRecord record, std::shared_ptr<const ActivePost> post);

  const std::shared_ptr<const ActiveBatch>& batch() const { return batch_; }
  const storage::PostRecord& post() const { return batch_->post->post; }
  const storage::BatchRecord& record() const { return record_; }  // without recipients
  int priority() const { return record_.priority; }

  // Before sending. Those for which `suppress` is true are suppressed; those for which `keep` gives a reply
  // are put off with it. Gives those who are to go now; also asked again while some are out.
  void suppress_if(const std::function<bool(const storage::BatchRecipient&)>& suppress,
                   const std::string& reason, WallTime now);
  // Those that wait fail; it does not count against those of whom no host has said anything.
  void expire(WallTime now);
  std::vector<std::uint16_t> send_out(
      const std::function<const std::string*(const storage::BatchRecipient&)>& keep, WallTime now,
      const RetryPauses& pauses = {});

  void not_sent() { not_sent_ = true; }  // it was recalled before anything was sent

  // Gives those who were put off and did not know of it: they did not wait for the same already.
  std::vector<std::uint16_t> apply(const Note& note);
  bool idle() const { return out_ == 0; }
  std::size_t out() const { return out_; }
  bool finished() const { return record_.pending == 0; }
  bool returned_any() const;                             // somebody who is still to go
  bool kept_any() const { return !kept_whys_.empty(); }  // by the operator's word
  // When the first of those goes who have a pause or were put off until a known time, with others of them that follow closely;
  // none: there are no such.
  std::optional<WallTime> next_due(const RetryPauses& pauses, WallTime now) const;
  // The suspension that `words` tell of is over; none: whoever may go by the clock as it is now goes.
  void hasten(const std::string& words, WallTime now);
  // True if every recipient that is out has a domain for which `is` says true (and there is one).
  bool all_out_in(const std::function<bool(const std::string& domain)>& is) const;
  // True if one that is out has.
  bool any_out_in(const std::function<bool(const std::string& domain)>& is) const;
  // Those who are out and for whom `is` says true.
  std::vector<std::uint16_t> out_of(const std::function<bool(const storage::BatchRecipient&)>& is) const;

  // What has not been saved; take it for a save, give it back when the save failed.
  std::size_t unsaved() const { return unsaved_.outcomes; }
  std::size_t unsaved_failures() const { return unsaved_.failures.size(); }
  UnsavedPart take_unsaved();
  void give_back(UnsavedPart part);

  // The row to save while it stays open (kOwned).
  storage::BatchRecord progress_record() const;
  // The row that ends our ownership; only when idle. `due` and `attempts` are those of a waiting batch.
  struct Release {
    storage::BatchQueue queue = storage::BatchQueue::kReady;
    WallTime due{};
    std::string why;
  };
  storage::BatchRecord release_record(const Release& release) const;
  // Why it waits: the last deferral, and what was kept from sending, of each reason as much as tells what it is.
  std::string why() const;

  // The database may have it as nobody's already, or as somebody else's.
  bool may_be_released() const { return releasing || doubted || lost; }

  // Bookkeeping of the QueueManager.
  bool saving = false;
  bool releasing = false;      // the save under way, or that failed last, ends our ownership
  bool given_back = false;     // was recalled because its destinations are saturated
  bool some_departed = false;  // somebody who was out has left the list
  bool for_others = false;     // of a destination whose budget other nodes have
  MonoTime for_others_since{};
  bool doubted = false;      // a save did not find it ours, and the database is asked whose it is
  bool lost = false;         // somebody else has it
  bool was_retried = false;  // a save of unknown outcome went before
  int save_failures = 0;
  std::uint64_t suspensions_seen = 0;  // the state of the suspensions that decided who was kept
  WallTime kept_until{};               // the earliest known end of one of them; 0: none is known
  int refusals = 0;                    // of its failures, by the listener
  MonoTime not_before{};               // of the next save
  MonoTime first_unsaved{};
  std::size_t units = 0;  // of the budget

 private:
  enum class Place : std::uint8_t { kHere, kOut, kReturned, kPutOff };
  bool is_out(std::size_t index) const { return places_[index] == Place::kOut; }
  void apply_state(const Note& note, std::uint16_t index);
  bool put_off(std::uint16_t index, const std::string& reply, WallTime now);  // false: it is so already
  void put_off_until(WallTime until, const std::string& reply);
  bool was_spoken_of(const storage::RecipientStatus& status) const;
  // The end of the recipient's own pause; none if it goes with the batch.
  std::optional<WallTime> pause_end(const storage::RecipientStatus& status, const RetryPauses& pauses,
                                    WallTime now) const;
  WallTime pause_begin(const storage::RecipientStatus& status, WallTime now) const;
  void set_state(std::uint16_t index, storage::RecipientState state);
  std::uint32_t reply_index(const std::string& reply);
  std::uint32_t host_index(const std::string& host);
  WallTime last_word(const storage::RecipientStatus& status) const;

  storage::BatchRecord record_;
  std::shared_ptr<const ActiveBatch> batch_;
  std::vector<Place> places_;
  std::size_t out_ = 0;
  bool deferred_ = false;
  bool not_sent_ = false;
  WallTime put_off_until_{};  // the earliest; 0: nobody was
  WallTime promoted_for_{};   // when it was due, until it is sent out
  std::string why_;
  Reasons kept_whys_, put_off_whys_;
  UnsavedPart unsaved_;
  std::unordered_map<std::string, std::uint32_t> replies_, hosts_;
};

}  // namespace essaim::delivery
