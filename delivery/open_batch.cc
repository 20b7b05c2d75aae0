#include "delivery/open_batch.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/counters.h"
#include "delivery/failure_policy.h"
#include "storage/batch_progress.h"

namespace essaim::delivery {

using storage::RecipientState;

namespace {

constexpr std::size_t kReplyLimit = 512;
constexpr std::size_t kHostLimit = 256;
constexpr std::size_t kLeastOfReason = 128, kWhyLimit = 1'200;  // octets
constexpr int kCloselyBehind = 8;                               // within this part of the pause
constexpr std::chrono::seconds kClockMoved{10};

std::string cut(const std::string& text, std::size_t limit) {
  return text.size() <= limit ? text : text.substr(0, limit);
}

// As storage::split_host() reads it.
std::string waiting_host(std::string_view host, bool spoken_of, bool with_its_batch) {
  std::string text(host);
  if (!spoken_of) text += storage::kAboutMessage;
  if (with_its_batch) text += storage::kWithItsBatch;
  return text;
}

void index_table(const std::vector<std::string>& table,
                 std::unordered_map<std::string, std::uint32_t>* index) {
  for (std::size_t i = 0; i < table.size(); ++i) index->emplace(table[i], static_cast<std::uint32_t>(i));
}

}  // namespace

void Reasons::add(const std::string& reply) {
  // It is the latest now.
  std::erase(replies_, reply);
  if (replies_.size() >= kMost) replies_.erase(replies_.begin());
  replies_.push_back(reply);
}

bool Reasons::tell_of(std::string_view words) const {
  return std::any_of(replies_.begin(), replies_.end(),
                     [words](const std::string& reply) { return reply.find(words) != std::string::npos; });
}

OpenBatch::OpenBatch(storage::BatchRecord record, std::shared_ptr<const ActivePost> post)
    : record_(std::move(record)) {
  auto batch = std::make_shared<ActiveBatch>();
  batch->post = std::move(post);
  batch->number = record_.number;
  promoted_for_ = record_.due;
  batch->recipients = std::move(record_.recipients);
  record_.recipients.clear();
  if (const storage::PostRecord& its = batch->post->post; passes_dsn_on(its))
    batch->dsn.assign(batch->recipients.size(), {its.dsn.notify, its.dsn.original_recipient});
  record_.progress.recipients.resize(batch->recipients.size());
  int most_attempts = record_.attempts;
  for (const storage::RecipientStatus& status : record_.progress.recipients) {
    batch->tried.push_back(status.attempts > 0);
    batch->spoken_of.push_back(was_spoken_of(status));
    most_attempts = std::max<int>(most_attempts, status.attempts);
  }
  batch->round = most_attempts + 1;
  batch_ = std::move(batch);
  places_.resize(batch_->recipients.size());
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
    if (is_final(status.state) || is_out(i) || !suppress(batch_->recipients[i])) continue;
    set_state(static_cast<std::uint16_t>(i), RecipientState::kSuppressed);
    count(Counter::kSuppressed);
    status.time = storage::seconds_since(post().accepted, now);
    status.reply = reply_index(reason);
    ++unsaved_.outcomes;
  }
}

void OpenBatch::expire(WallTime now) {
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    storage::RecipientStatus& status = record_.progress.recipients[i];
    if (is_final(status.state) || is_out(i)) continue;
    const bool untried = expired_untried(post(), status.attempts);
    const bool about_message = untried || (status.attempts > 0 && !was_spoken_of(status));
    const std::string host(storage::split_host(record_.progress.hosts[status.host]).host);
    status.host = host_index(waiting_host(host, !about_message, false));
    auto reply =
        std::make_shared<const smtp::Reply>(expired_reply(untried, record_.progress.replies[status.reply]));
    set_state(static_cast<std::uint16_t>(i), RecipientState::kFailed);
    status.time = storage::seconds_since(post().accepted, now);
    status.reply = reply_index(cut(reply->to_string(), kReplyLimit));
    unsaved_.failures.push_back(
        {static_cast<std::uint16_t>(i), std::move(reply), record_.progress.hosts[status.host]});
    ++unsaved_.outcomes;
  }
}

std::vector<std::uint16_t> OpenBatch::send_out(
    const std::function<const std::string*(const storage::BatchRecipient&)>& keep, WallTime now,
    const RetryPauses& pauses) {
  std::vector<std::uint16_t> indices;
  const bool suspended = put_off_until_ > now;
  // The node that found it due may have a clock that is ahead of ours.
  const WallTime due = std::max(now, std::exchange(promoted_for_, WallTime{}));
  if (!suspended) {
    put_off_until_ = WallTime{};
    put_off_whys_.clear();
  }
  kept_whys_.clear();
  bool pausing = false;
  for (std::size_t i = 0; i < batch_->recipients.size(); ++i) {
    const storage::RecipientStatus& status = record_.progress.recipients[i];
    if (is_final(status.state) || is_out(i) || places_[i] == Place::kReturned) continue;
    if (const std::string* reply = keep(batch_->recipients[i])) {
      const std::string why = cut(*reply, kReplyLimit);
      kept_whys_.add(why);
      put_off(static_cast<std::uint16_t>(i), why, now);
      places_[i] = Place::kHere;
      continue;
    }
    if (places_[i] == Place::kPutOff && suspended) continue;
    // Whose last attempt is still to come, by a clock that went back, has waited.
    if (pause_end(status, pauses, now).value_or(due) > due && last_word(status) < now + kClockMoved) {
      pausing = true;
      continue;
    }
    places_[i] = Place::kOut;
    indices.push_back(static_cast<std::uint16_t>(i));
  }
  if (!pausing) why_.clear();
  out_ += indices.size();
  return indices;
}

std::vector<std::uint16_t> OpenBatch::apply(const Note& note) {
  ESSAIM_CHECK(note.batch == batch_);
  const bool attempted = note.kind != Outcome::Kind::kReturned;
  const bool until_known = note.until != WallTime{};
  const std::string text = cut(note.reply, kReplyLimit), peer = cut(note.host, kHostLimit);
  const std::uint32_t reply = attempted ? reply_index(text) : 0;
  const std::uint32_t host = attempted ? host_index(peer) : 0;
  const storage::MarkedHost marked = storage::split_host(peer);
  std::vector<std::uint16_t> news;
  for (const std::uint16_t index : note.indices) {
    ESSAIM_CHECK(index < places_.size());
    if (!is_out(index)) continue;  // said twice: the first word counts
    places_[index] = until_known ? Place::kPutOff : attempted ? Place::kHere : Place::kReturned;
    --out_;
    if (until_known) put_off_until(note.until, text);
    if (!attempted) {
      if (until_known && put_off(index, text, note.time)) news.push_back(index);
      for_others = for_others || note.for_others;
      continue;
    }
    storage::RecipientStatus& status = record_.progress.recipients[index];
    // A word about the recipient is remembered, whatever comes behind it.
    const bool still_spoken_of =
        note.kind == Outcome::Kind::kDeferred && marked.about_message && was_spoken_of(status);
    status.host = still_spoken_of ? host_index(waiting_host(marked.host, true, marked.with_its_batch)) : host;
    if (status.attempts < 0xffff) ++status.attempts;
    status.time = storage::seconds_since(post().accepted, note.time);
    status.reply = reply;
    ++unsaved_.outcomes;
    ++unsaved_.segments[{note.loop, note.segment}];
    apply_state(note, index);
  }
  return news;
}

bool OpenBatch::returned_any() const {
  if (not_sent_) return true;
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (places_[i] == Place::kReturned && !is_final(record_.progress.recipients[i].state)) return true;
  return false;
}

void OpenBatch::put_off_until(WallTime until, const std::string& reply) {
  if (put_off_until_ == WallTime{} || until < put_off_until_) put_off_until_ = until;
  put_off_whys_.add(reply);
}

// Without an attempt.
bool OpenBatch::put_off(std::uint16_t index, const std::string& reply, WallTime now) {
  storage::RecipientStatus& status = record_.progress.recipients[index];
  const std::uint32_t text = reply_index(reply);
  const std::uint32_t host =
      status.attempts == 0 ? 0 : host_index(waiting_host("", was_spoken_of(status), true));
  if (status.state == RecipientState::kDeferred && status.reply == text && status.host == host) return false;
  set_state(index, RecipientState::kDeferred);
  status.time = storage::seconds_since(post().accepted, now);
  status.reply = text;
  status.host = host;
  ++unsaved_.outcomes;
  return true;
}

bool OpenBatch::was_spoken_of(const storage::RecipientStatus& status) const {
  return status.attempts > 0 && !storage::split_host(record_.progress.hosts[status.host]).about_message;
}

std::optional<WallTime> OpenBatch::pause_end(const storage::RecipientStatus& status,
                                             const RetryPauses& pauses, WallTime now) const {
  if (pauses.max <= Duration{} || status.state != RecipientState::kDeferred || status.attempts == 0 ||
      storage::split_host(record_.progress.hosts[status.host]).with_its_batch)
    return std::nullopt;
  const auto seed =
      static_cast<std::uint64_t>(record_.post_id) * 1'000'003U + static_cast<std::uint64_t>(record_.number);
  return due_again(pause_begin(status, now), status.attempts, pauses, seed);
}

// A time that is still to come, as the clock went back, says nothing about when the next attempt is due.
WallTime OpenBatch::pause_begin(const storage::RecipientStatus& status, WallTime now) const {
  const WallTime last = last_word(status);
  return last < now + kClockMoved ? last : now;
}

// The ledger has full seconds: the pause begins with the next one.
WallTime OpenBatch::last_word(const storage::RecipientStatus& status) const {
  return post().accepted + std::chrono::seconds(std::int64_t{status.time} + 1);
}

std::optional<WallTime> OpenBatch::next_due(const RetryPauses& pauses, WallTime now) const {
  std::optional<WallTime> first, last;
  Duration pause{};
  const auto each = [&](const auto& take) {
    for (std::size_t i = 0; i < places_.size(); ++i) {
      const storage::RecipientStatus& status = record_.progress.recipients[i];
      if (is_final(status.state) || places_[i] != Place::kHere) continue;
      if (const auto end = pause_end(status, pauses, now)) take(*end, status);
    }
  };
  each([&](WallTime end, const storage::RecipientStatus& status) {
    if (first && *first <= end) return;
    first = end;
    pause = end - pause_begin(status, now);
  });
  each([&](WallTime end, const storage::RecipientStatus&) {
    if (end <= *first + pause / kCloselyBehind && (!last || *last < end)) last = end;
  });
  if (put_off_until_ == WallTime{}) return last;
  return last ? std::min(*last, put_off_until_) : put_off_until_;
}

void OpenBatch::hasten(const std::string& words, WallTime now) {
  if (words.empty())
    put_off_until_ = now;
  else if (put_off_whys_.tell_of(words))
    put_off_until_ = std::min(put_off_until_, now);
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
      if (note.until == WallTime{}) why_ = cut(note.reply, kReplyLimit);
      break;
    case Outcome::Kind::kReturned:
      break;
  }
}

bool OpenBatch::all_out_in(const std::function<bool(const std::string& domain)>& is) const {
  if (out_ == 0) return false;
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (is_out(i) && !is(batch_->recipients[i].domain)) return false;
  return true;
}

bool OpenBatch::any_out_in(const std::function<bool(const std::string& domain)>& is) const {
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (is_out(i) && is(batch_->recipients[i].domain)) return true;
  return false;
}

std::vector<std::uint16_t> OpenBatch::out_of(
    const std::function<bool(const storage::BatchRecipient&)>& is) const {
  std::vector<std::uint16_t> out;
  for (std::size_t i = 0; i < places_.size(); ++i)
    if (is_out(i) && is(batch_->recipients[i])) out.push_back(static_cast<std::uint16_t>(i));
  return out;
}

std::string OpenBatch::why() const {
  std::vector<std::string> all;
  if (!why_.empty()) all.push_back(why_);
  for (const Reasons* reasons : {&kept_whys_, &put_off_whys_})
    all.insert(all.end(), reasons->replies().rbegin(), reasons->replies().rend());
  // Nobody was tried in this round: they wait for what they waited for before.
  if (all.empty()) {
    for (const storage::RecipientStatus& status : record_.progress.recipients)
      if (status.state == RecipientState::kDeferred) return record_.progress.replies[status.reply];
    return record_.why;
  }
  // What is over is found by its words, which begin each reply.
  const std::size_t each = std::max(kReplyLimit / all.size(), kLeastOfReason);
  std::string text;
  for (const std::string& one : all) {
    const std::string part = cut(one, each);
    if (text.size() + part.size() > kWhyLimit) break;
    text.append(text.empty() ? "" : "; ").append(part);
  }
  return text;
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
  if (deferred_) {
    ++record.attempts;
    for (const storage::RecipientStatus& status : record.progress.recipients)
      if (!is_final(status.state)) record.attempts = std::max<int>(record.attempts, status.attempts);
  }
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

}  // namespace essaim::delivery
