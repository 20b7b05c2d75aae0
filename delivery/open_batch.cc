#include "delivery/open_batch.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "delivery/failure_policy.h"

namespace essaim::delivery {

using storage::RecipientState;

namespace {

constexpr std::size_t kReplyLimit = 512;
constexpr std::size_t kHostLimit = 256;

bool is_final(RecipientState state) {
  return state != RecipientState::kPending && state != RecipientState::kDeferred;
}

std::string cut(const std::string& text, std::size_t limit) {
  return text.size() <= limit ? text : text.substr(0, limit);
}

void index_table(const std::vector<std::string>& table,
                 std::unordered_map<std::string, std::uint32_t>* index) {
  for (std::size_t i = 0; i < table.size(); ++i) index->emplace(table[i], static_cast<std::uint32_t>(i));
}

}  // namespace

OpenBatch::OpenBatch(storage::BatchRecord record, std::shared_ptr<const ActivePost> post)
    : record_(std::move(record)) {
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::move(post);
  batch->number = record_.number;
  batch->round = record_.attempts + 1;
  batch->recipients = std::move(record_.recipients);
  record_.recipients.clear();
  if (const storage::PostRecord& its = batch->post->post; passes_dsn_on(its))
    batch->dsn.assign(batch->recipients.size(), {its.dsn.notify, its.dsn.original_recipient});
  record_.progress.recipients.resize(batch->recipients.size());
  for (const storage::RecipientStatus& status : record_.progress.recipients)
    batch->tried.push_back(status.attempts > 0);
  batch_ = std::move(batch);
  is_out_.resize(batch_->recipients.size());
  index_table(record_.progress.replies, &replies_);
  index_table(record_.progress.hosts, &hosts_);
  // The sums follow from the states, whatever the row said.
  record_.count = static_cast<int>(batch_->recipients.size());
  record_.delivered = record_.failed = record_.suppressed = 0;
  for (const storage::RecipientStatus& status : record_.progress.recipients) {
    if (status.state == RecipientState::kDelivered) ++record_.delivered;
    if (status.state == RecipientState::kFailed) ++record_.failed;
    if (status.state == RecipientState::kSuppressed) ++record_.suppressed;
  }
  record_.pending = record_.count - record_.delivered - record_.failed - record_.suppressed;
}

void OpenBatch::suppress_if(const std::function<bool(const storage::BatchRecipient&)>& suppress,
                            const std::string& reason, WallTime now) {
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    storage::RecipientStatus& status = record_.progress.recipients[i];
    if (is_final(status.state) || is_out_[i] || !suppress(batch_->recipients[i])) continue;
    set_state(static_cast<std::uint16_t>(i), RecipientState::kSuppressed);
    count(Counter::kSuppressed);
    status.time = seconds_since_acceptance(now);
    status.reply = reply_index(reason);
    ++unsaved_.outcomes;
  }
}

void OpenBatch::expire(WallTime now) {
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    storage::RecipientStatus& status = record_.progress.recipients[i];
    if (is_final(status.state) || is_out_[i]) continue;
    const bool untried = expired_untried(post(), status.attempts);
    if (untried) status.host = host_index(std::string(storage::kAboutMessage));
    auto reply =
        std::make_shared<const smtp::Reply>(expired_reply(untried, record_.progress.replies[status.reply]));
    set_state(static_cast<std::uint16_t>(i), RecipientState::kFailed);
    status.time = seconds_since_acceptance(now);
    status.reply = reply_index(cut(reply->to_string(), kReplyLimit));
    unsaved_.failures.push_back(
        {static_cast<std::uint16_t>(i), std::move(reply), record_.progress.hosts[status.host]});
    ++unsaved_.outcomes;
  }
}

std::vector<std::uint16_t> OpenBatch::send_out(
    const std::function<const std::string*(const storage::BatchRecipient&)>& keep, WallTime now) {
  std::vector<std::uint16_t> indices;
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    storage::RecipientStatus& status = record_.progress.recipients[i];
    if (is_out_[i] || is_final(status.state)) continue;
    if (const std::string* reply = keep(batch_->recipients[i])) {
      kept_why_ = cut(*reply, kReplyLimit);
      const std::uint32_t text = reply_index(kept_why_);
      if (status.state == RecipientState::kDeferred && status.reply == text) continue;
      set_state(static_cast<std::uint16_t>(i), RecipientState::kDeferred);
      status.time = seconds_since_acceptance(now);
      status.reply = text;
      status.host = 0;
      ++unsaved_.outcomes;
      continue;
    }
    is_out_[i] = true;
    indices.push_back(static_cast<std::uint16_t>(i));
  }
  out_ += indices.size();
  return indices;
}

void OpenBatch::apply(const Note& note) {
  ESSAIM_CHECK(note.batch == batch_);
  const bool attempted = note.kind != Outcome::Kind::kReturned;
  const std::uint32_t reply = attempted ? reply_index(cut(note.reply, kReplyLimit)) : 0;
  const std::uint32_t host = attempted ? host_index(cut(note.host, kHostLimit)) : 0;
  for (const std::uint16_t index : note.indices) {
    ESSAIM_CHECK(index < is_out_.size());
    if (!is_out_[index]) continue;  // said twice: the first word counts
    is_out_[index] = false;
    --out_;
    if (!attempted) {
      returned_ = true;
      continue;
    }
    storage::RecipientStatus& status = record_.progress.recipients[index];
    if (status.attempts < 0xffff) ++status.attempts;
    status.time = seconds_since_acceptance(note.time);
    status.reply = reply;
    status.host = host;
    ++unsaved_.outcomes;
    ++unsaved_.segments[{note.loop, note.segment}];
    apply_state(note, index);
  }
}

void OpenBatch::apply_state(const Note& note, std::uint16_t index) {
  switch (note.kind) {
    case Outcome::Kind::kDelivered:
      set_state(index, RecipientState::kDelivered);
      break;
    case Outcome::Kind::kFailed:
      set_state(index, RecipientState::kFailed);
      unsaved_.failures.push_back({index, note.failure, cut(note.host, kHostLimit)});
      break;
    case Outcome::Kind::kDeferred:
      set_state(index, RecipientState::kDeferred);
      deferred_ = true;
      why_ = cut(note.reply, kReplyLimit);
      break;
    case Outcome::Kind::kReturned:
      break;
  }
}

bool OpenBatch::all_out_in(const std::function<bool(const std::string& domain)>& is) const {
  if (out_ == 0) return false;
  for (std::size_t i = 0; i < is_out_.size(); ++i)
    if (is_out_[i] && !is(batch_->recipients[i].domain)) return false;
  return true;
}

bool OpenBatch::any_out_in(const std::function<bool(const std::string& domain)>& is) const {
  for (std::size_t i = 0; i < is_out_.size(); ++i)
    if (is_out_[i] && is(batch_->recipients[i].domain)) return true;
  return false;
}

std::string OpenBatch::why() const {
  if (why_.empty() || kept_why_.empty()) return why_.empty() ? kept_why_ : why_;
  return cut(why_, kReplyLimit / 2) + "; " + cut(kept_why_, kReplyLimit / 2);
}

UnsavedPart OpenBatch::take_unsaved() {
  return std::exchange(unsaved_, UnsavedPart{});
}

void OpenBatch::give_back(UnsavedPart part) {
  unsaved_.outcomes += part.outcomes;
  for (auto& [segment, count] : part.segments) unsaved_.segments[segment] += count;
  part.failures.insert(part.failures.end(), std::make_move_iterator(unsaved_.failures.begin()),
                       std::make_move_iterator(unsaved_.failures.end()));
  unsaved_.failures = std::move(part.failures);
}

storage::BatchRecord OpenBatch::progress_record() const {
  storage::BatchRecord record = record_;
  record.queue = storage::BatchQueue::kOwned;
  return record;
}

storage::BatchRecord OpenBatch::release_record(const Release& release) const {
  ESSAIM_CHECK(idle());
  storage::BatchRecord record = record_;
  record.queue = release.queue;
  record.due = release.due;
  record.why = release.why;
  if (deferred_) ++record.attempts;
  // What is left may go to a single domain: then a saturated one can be passed over by the claim.
  record.destination.clear();
  bool first = true;
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    if (is_final(record.progress.recipients[i].state)) continue;
    const std::string& domain = batch_->recipients[i].domain;
    if (!first && record.destination != domain) {
      record.destination.clear();
      break;
    }
    record.destination = domain;
    first = false;
  }
  return record;
}

void OpenBatch::set_state(std::uint16_t index, RecipientState state) {
  RecipientState& current = record_.progress.recipients[index].state;
  ESSAIM_CHECK(!is_final(current));
  current = state;
  if (state == RecipientState::kDelivered) ++record_.delivered;
  if (state == RecipientState::kFailed) ++record_.failed;
  if (state == RecipientState::kSuppressed) ++record_.suppressed;
  if (is_final(state)) --record_.pending;
}

std::uint32_t OpenBatch::reply_index(const std::string& reply) {
  auto [it, added] = replies_.emplace(reply, static_cast<std::uint32_t>(record_.progress.replies.size()));
  if (added) record_.progress.replies.push_back(reply);
  return it->second;
}

std::uint32_t OpenBatch::host_index(const std::string& host) {
  auto [it, added] = hosts_.emplace(host, static_cast<std::uint32_t>(record_.progress.hosts.size()));
  if (added) record_.progress.hosts.push_back(host);
  return it->second;
}

std::uint32_t OpenBatch::seconds_since_acceptance(WallTime now) const {
  const std::int64_t ms = to_millis(now) - to_millis(post().accepted);
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms / 1000, 0, 0xffffffff));
}

}  // namespace essaim::delivery
