// Of QueueManager: what the operator has suspended. Claims leave lists and everything where they are (see
// ClaimBarrier); recipients of a suspended domain are kept back when their batch is opened, since the others in
// it may go. What is out when a suspension begins comes back, and what has waited for one that is over is due.
#include "core/base/text.h"
#include "delivery/destination_policy.h"
#include "delivery/queue_manager.h"

namespace essaim::delivery {

namespace {

// A list that is made inside the server, when a listmaster lets it be, ends the suspension of an earlier one of its name; so may a
// command that fails in the middle. Neither rings here. Among nodes the membership watches the table, but sees only how many there are
// and the youngest: of one that was made here and is ended at another node before the next look, nothing but the ring would be known,
// and everything held back for ever.
constexpr Duration kSuspensionsAnew = std::chrono::seconds(10);

}  // namespace

void QueueManager::suspensions_changed() {
  read_suspensions(false);
}

void QueueManager::look_at_suspensions() {
  if (suspensions_unread_) return suspensions_changed();
  if (suspensions_version_ != 0 && clock_.mono_now() >= suspensions_next_ && fabric_.may_act())
    read_suspensions(true);
}

void QueueManager::read_suspensions(bool if_others) {
  suspensions_unread_ = false;
  suspensions_next_ = clock_.mono_now() + kSuspensionsAnew;
  const std::uint64_t asked = ++suspensions_asked_;
  auto records = std::make_shared<std::vector<storage::SuspensionRecord>>();
  database_.read_latest(
      [records](storage::Connection& connection) -> Result<void> {
        Result<std::vector<storage::SuspensionRecord>> all = storage::SuspensionStore(connection).all();
        if (!all.ok()) return all.error();
        *records = std::move(*all);
        return {};
      },
      hop([this, records, if_others, asked](const Result<void>& outcome) {
        // Who rang meanwhile is told what is newer; and where it failed, it comes again.
        if (if_others && (asked != suspensions_asked_ || !outcome.ok())) return;
        if (outcome.ok()) {
          suspension_trouble_.over();
          if (!if_others || *records != suspensions_known_) suspensions_read(*records);
          return;
        }
        if (suspension_trouble_.again())
          log::warning("suspensions-unreadable", {{"error", std::string_view(outcome.error().message)}});
        suspensions_unread_ = true;  // tick() reads them again
      }));
}

void QueueManager::suspensions_read(const std::vector<storage::SuspensionRecord>& records) {
  const WallTime now = clock_.wall_now();
  suspensions_known_ = records;
  const Suspensions before = std::exchange(suspensions_, Suspensions(records));
  const Suspensions::Change change = suspensions_.since(before, now);
  ++suspensions_version_;
  if (fabric_.suspended_hosts.set(records))
    for (std::size_t loop = 0; loop < fabric_.loops.size(); ++loop)
      fabric_.post(loop, [](LoopSide& side) { side.suspended_hosts_changed(); });
  // What waited for one that is over is due now. It may wait for another one as well: the claim sees to that.
  // At the start all of it, as something may have been resumed while nothing ran.
  if (suspensions_version_ == 1) {
    to_hasten_.insert(storage::kSuspendedWords);
  } else if (change.ended) {
    to_hasten_.insert(change.words.begin(), change.words.end());
    for (const auto& [key, batch] : open_)
      for (const std::string& words : change.words) batch->hasten(words, now);
  }
  maybe_more_.fill(true);
  look_for_due_ = true;
  claim_soon();
  if (!change.begun) return;
  // What is out and was suspended just now comes back and waits.
  auto filter = std::make_shared<RecallFilter>();
  std::vector<std::shared_ptr<const ActiveBatch>> until_idle;
  for (const auto& [key, batch] : open_) {
    const auto suspended = [&](const std::string& domain) {
      return suspension_of(suspensions_, domain, now) != nullptr &&
             suspension_of(before, domain, now) == nullptr;
    };
    if (!suspensions_.holds_back(batch->post(), now) && !batch->any_out_in(suspended)) continue;
    filter->batches.insert(key);
    until_idle.push_back(batch->batch());
  }
  if (!until_idle.empty()) give_back(std::move(filter), std::move(until_idle));
}

const Suspensions::Wait* QueueManager::suspension_of(const Suspensions& suspensions,
                                                     const std::string& domain, WallTime now) const {
  if (suspensions.empty()) return nullptr;
  if (const Suspensions::Wait* wait = suspensions.of_domain(domain, now)) return wait;
  const std::string smarthost = ascii_lowered(smarthost_of(*settings_, domain));
  if (smarthost.empty()) return nullptr;
  if (const Suspensions::Wait* wait = suspensions.of_domain(smarthost, now)) return wait;
  const Result<HostPort> parsed = parse_smarthost(smarthost);
  return parsed.ok() ? suspensions.of_domain(parsed->host, now) : nullptr;
}

// Their batches are due by themselves at that time; this is for those who look at the table.
void QueueManager::drop_expired_suspensions() {
  const WallTime now = clock_.wall_now();
  const std::optional<WallTime> end = suspensions_.first_end();
  if (dropping_expired_ || draining_ || !end || *end > now || !database_.healthy()) return;
  dropping_expired_ = true;
  auto dropped = std::make_shared<std::vector<storage::SuspensionRecord>>();
  write(
      [now, dropped](storage::Connection& connection) -> Result<void> {
        auto over = storage::SuspensionStore(connection).drop_expired(now);
        if (!over.ok()) return over.error();
        *dropped = std::move(*over);
        return {};
      },
      [this, dropped](const Result<void>& outcome) {
        dropping_expired_ = false;
        if (!outcome.ok()) return;  // tick() tries again
        for (const storage::SuspensionRecord& record : *dropped)
          log::info("suspension-over", {{"what", storage::to_string(record.scope)},
                                        {"subject", std::string_view(record.subject)},
                                        {"reason", std::string_view(record.reason)}});
        suspensions_changed();
      });
}

}  // namespace essaim::delivery
