// Of QueueManager: members who leave while a batch with their copy is open, as it may be for hours behind a host that is slow or
// away. Who left before is found by the claim.
#include <algorithm>
#include <utility>

#include "delivery/queue_manager.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::delivery {
namespace {

constexpr Duration kLookForDepartures = std::chrono::seconds(10);

// What is asked about a list, and the answer.
struct ListAsked {
  Id list = 0;
  std::int64_t since = 0;
  std::int64_t revision = 0;
  std::vector<storage::MemberLeft> left;
};

Result<void> ask(storage::Connection& connection, std::vector<ListAsked>* lists) {
  std::vector<Id> ids;
  ids.reserve(lists->size());
  for (const ListAsked& one : *lists) ids.push_back(one.list);
  Result<std::map<Id, std::int64_t>> revisions = storage::DirectoryStore(connection).revisions(ids);
  if (!revisions.ok()) return revisions.error();
  for (ListAsked& one : *lists) {
    one.left.clear();
    // 0: it is gone, and its members are there until its posts are finished. Those who are erased then make no revision.
    one.revision = (*revisions)[one.list];
    if (one.revision == one.since) continue;
    Result<std::vector<storage::MemberLeft>> left =
        storage::MemberStore(connection).left_since(one.list, one.since);
    if (!left.ok()) return left.error();
    one.left = std::move(*left);
  }
  return {};
}

}  // namespace

// One statement for all of them, and one more for each whose members have changed.
void QueueManager::look_for_departures() {
  const MonoTime now = clock_.mono_now();
  if (looking_for_departures_ || draining_ || resting_ || now < departures_next_ || !fabric_.may_act())
    return;
  departures_next_ = now + std::min<Duration>(kLookForDepartures, settings_->retry_initial);
  std::map<Id, std::int64_t> open;  // lists, and the oldest revision at which a post was accepted
  for (const auto& [key, batch] : open_) {
    const storage::PostRecord& post = batch->post();
    const auto& recipients = batch->batch()->recipients;
    if (recipients.empty() || !is_for_members(post, recipients.front())) continue;
    const auto [list, is_new] = open.emplace(post.list_id, post.list_revision);
    if (!is_new) list->second = std::min(list->second, post.list_revision);
  }
  std::erase_if(departures_, [&](const auto& known) { return open.count(known.first) == 0; });
  for (const auto& [list, revision] : open) {
    Departures& known = departures_.try_emplace(list, Departures{revision, {}}).first->second;
    // Posts to some lists are always open. What a claim under way has taken is not among them yet, and may be older.
    if (!claiming_) known.left.forget(revision);
  }
  if (departures_.empty()) return;
  auto lists = std::make_shared<std::vector<ListAsked>>();
  for (const auto& [id, list] : departures_) lists->push_back({id, list.since, 0, {}});
  looking_for_departures_ = true;
  database_.read([lists](storage::Connection& connection) { return ask(connection, lists.get()); },
                 hop([this, lists](const Result<void>& outcome) {
                   looking_for_departures_ = false;
                   if (!outcome.ok()) return;  // the next look
                   bool some = false;
                   for (const ListAsked& one : *lists) {
                     Departures& list = departures_[one.list];
                     list.since = std::max(list.since, one.revision);
                     some = list.left.add(one.left) || some;
                   }
                   if (some) take_out_departed();
                 }));
}

bool QueueManager::has_left(const storage::PostRecord& post, const storage::BatchRecipient& one) const {
  if (one.member_id == 0 || !is_for_members(post, one)) return false;
  const auto list = departures_.find(post.list_id);
  return list != departures_.end() && list->second.left.left(one.member_id, post.list_revision);
}

void QueueManager::suppress_departed(OpenBatch* batch, WallTime now) {
  const auto list = departures_.find(batch->post().list_id);
  if (list == departures_.end() || list->second.left.empty()) return;
  batch->suppress_if([&](const storage::BatchRecipient& one) { return has_left(batch->post(), one); },
                     "left the list", now);
}

// Who is out comes back alone, and the others go on; then, and behind a flight that was in vain, look_at() finds who has left.
void QueueManager::take_out_departed() {
  const WallTime now = clock_.wall_now();
  auto filter = std::make_shared<RecallFilter>();
  for (const auto& [key, batch] : open_) {
    if (batch->may_be_released()) continue;
    suppress_departed(batch.get(), now);
    const std::vector<std::uint16_t> out = batch->out_of(
        [&, &post = batch->post()](const storage::BatchRecipient& one) { return has_left(post, one); });
    if (!out.empty()) {
      batch->some_departed = true;
      filter->recipients[key] = {out.begin(), out.end()};
    }
    look_at(batch.get());
  }
  if (!filter->recipients.empty()) give_back(std::move(filter));
}

}  // namespace essaim::delivery
