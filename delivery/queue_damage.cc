// Of QueueManager: claims in a file of which a page is damaged. SQLite fails each statement that reads such a page, and lets nothing
// be written behind it in the same transaction, so that one row there would keep all others from being claimed. From the first such
// failure on batches are claimed one by one, as the indexes tell of them; the one at which that fails is passed over, and the
// next claim goes on without it. Once in a while all is tried as ever.
#include <utility>

#include "core/base/counters.h"
#include "delivery/queue_manager.h"

namespace essaim::delivery {
namespace {

constexpr Duration kOneByOneFor = std::chrono::minutes(10);
constexpr std::size_t kMostPassedOver = 10'000;
// Failures in a row. A page has some dozen rows, and its neighbours are read where a row gets longer.
constexpr int kStandsStillAfter = 500;

}  // namespace

void QueueManager::claim_one_by_one(const std::shared_ptr<ClaimRequest>& request,
                                    const std::shared_ptr<ClaimResult>& result) {
  database_.read([request, but = passed_over_](
                     storage::Connection& connection) { return find_places(connection, but, request.get()); },
                 hop([this, request, result](const Result<void>& outcome) {
                   if (!outcome.ok()) return claimed(result, request, outcome);
                   submit_claim(request, result);
                 }));
}

bool QueueManager::met_damage(const ClaimResult& result, const std::string& why) {
  const MonoTime now = clock_.mono_now();
  if (now >= one_by_one_until_) {  // it was a claim as ever
    one_by_one_until_ = now + kOneByOneFor;
    if (!stands_still_) count(Counter::kDamagedRows);
    return true;
  }
  const bool known = result.at != 0 && passed_over_.size() < kMostPassedOver;
  if (known && passed_over_.insert(result.at).second) storage::tell_damaged(result.passed);
  damage_in_a_row_ = known ? damage_in_a_row_ + 1 : kStandsStillAfter;
  if (damage_in_a_row_ < kStandsStillAfter) return true;
  one_by_one_until_ = MonoTime{};  // it may be mended meanwhile
  if (!stands_still_.exchange(true))
    log::error("delivery-stands-still",
               {{"error", std::string_view(why)}, {"do", "docs/operating.md, A damaged database file"}});
  return false;
}

void QueueManager::no_damage_met(bool one_by_one) {
  damage_in_a_row_ = 0;
  if (stands_still_.exchange(false)) log::info("delivery-goes-on", {});
  if (one_by_one) return;
  one_by_one_until_ = MonoTime{};
  passed_over_.clear();
}

}  // namespace essaim::delivery
