#include "delivery/recorder.h"

#include <algorithm>

#include "core/base/counters.h"
#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/smtp/address.h"
#include "core/smtp/enhanced_code.h"
#include "delivery/failure_policy.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kHostLimit = 256;  // octets, of the journal and the ledger

storage::RecipientState state_of(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDelivered:
      return storage::RecipientState::kDelivered;
    case Outcome::Kind::kFailed:
      return storage::RecipientState::kFailed;
    case Outcome::Kind::kDeferred:
    case Outcome::Kind::kReturned:
      break;
  }
  return storage::RecipientState::kDeferred;
}

const char* event_of(Outcome::Kind kind) {
  switch (kind) {
    case Outcome::Kind::kDelivered:
      return "delivered";
    case Outcome::Kind::kFailed:
      return "failed";
    case Outcome::Kind::kDeferred:
    case Outcome::Kind::kReturned:
      break;
  }
  return "deferred";
}

constexpr std::size_t kMostTogether = 1 + storage::JournalRecord::kMaxAlso;  // recipients in a record

// Notes go to the queue when there are so many, or after this time: to wake its thread costs more than to note
// an outcome, and it only counts them until a batch is done.
constexpr std::size_t kNotesTogether = 256;
constexpr Duration kNotesAfter = std::chrono::milliseconds(2);

// "mx.example.org[192.0.2.1]:25 TLSv1.3" as the ledger keeps it.
std::string host_text(const PeerInfo& peer) {
  if (!peer.tls) return peer.host;
  return peer.host + ' ' + peer.tls_info.version;
}

}  // namespace

namespace {

// With what else is known, see storage::split_host(). The marks must survive the limit of the journal.
std::string marked_host(const PeerInfo* peer, const Outcome& outcome, const ActiveBatch& batch,
                        bool with_its_batch) {
  std::string host = peer != nullptr ? host_text(*peer) : std::string();
  std::string marks;
  const bool deferred = outcome.kind == Outcome::Kind::kDeferred;
  if (outcome.kind == Outcome::Kind::kDelivered && outcome.dsn_passed_on && !batch.dsn.empty())
    marks = storage::kDsnPassedOn;
  const bool spoken_of = outcome.reply_from_peer
                             ? speaks_of_recipient(outcome.stage, outcome.reply)
                             : says_nobody_is_there(outcome.stage, outcome.reply, outcome.our_way);
  if (outcome.about_message || (deferred && !spoken_of)) marks = storage::kAboutMessage;
  if (deferred && with_its_batch) marks += storage::kWithItsBatch;
  if (host.size() > kHostLimit - marks.size()) host.resize(kHostLimit - marks.size());
  return host.append(marks);
}

// A line for each of the recipients, of the note.
void log_outcome(const Note& note, Indices recipients, Outcome::Kind kind, const smtp::EnhancedCode& code,
                 const PeerInfo* peer, const Delays& delays) {
  const storage::PostRecord& post = note.batch->post->post;
  if (log::level() > log::Level::kInfo) return;
  std::string delay, parts;
  log::append_seconds(note.time - post.accepted, &delay);
  for (const Duration part : {delays.before_queue, delays.in_queue, delays.connect, delays.transmission}) {
    if (!parts.empty()) parts.push_back('/');
    log::append_seconds(std::max(Duration{}, part), &parts);
  }
  const std::string id = format_id(post.id), dsn = smtp::to_string(code),
                    use = std::to_string(peer != nullptr ? peer->transactions + 1 : 0);
  std::string to;
  for (const std::uint16_t index : recipients) {
    const storage::BatchRecipient& recipient = note.batch->recipients[index];
    to.assign(recipient.local).append(1, '@').append(recipient.domain);
    log::Line line(log::Level::kInfo, event_of(kind));
    line.add("id", id).add("list", post.list_address).add("to", to);
    line.add("relay", peer != nullptr ? std::string_view(peer->host) : "none");
    line.add("delay", delay).add("delays", parts).add("dsn", dsn).add("reply", note.reply);
    line.add("tls", peer != nullptr && peer->tls ? std::string_view(peer->tls_info.version) : "no");
    line.add("conn_use", use);
    line.write();
  }
}

}  // namespace

void log_put_off(const Note& note, Indices recipients) {
  const std::string_view text = note.reply;
  std::size_t used = 0;
  const auto code = smtp::parse_enhanced_code(text.substr(std::min<std::size_t>(4, text.size())), &used);
  Delays delays;
  delays.in_queue = note.in_queue;
  delays.before_queue = Duration(note.time - note.batch->post->post.accepted) - note.in_queue;
  log_outcome(note, recipients, Outcome::Kind::kDeferred, code.value_or(smtp::EnhancedCode{}), nullptr,
              delays);
}

Recorder::Recorder(net::EventLoop& loop, int loop_number, const Clock& clock, storage::JournalWriter& journal,
                   NoteSink& sink, std::function<void()> writable_again)
    : loop_(loop),
      loop_number_(loop_number),
      clock_(clock),
      journal_(journal),
      sink_(sink),
      writable_again_(std::move(writable_again)),
      retry_timer_(loop, [this] { retry(); }),
      flush_timer_(loop, [this] { flush(); }) {}

void Recorder::record(const std::shared_ptr<const ActiveBatch>& batch, Indices recipients,
                      const Outcome& outcome, const PeerInfo* peer, const Delays& delays, WallTime until) {
  for (; recipients.size() > kMostTogether; recipients = recipients.subspan(kMostTogether))
    record(batch, recipients.first(kMostTogether), outcome, peer, delays, until);
  Note note;
  note.batch = batch;
  note.indices.assign(recipients.begin(), recipients.end());
  note.kind = outcome.kind;
  note.until = until;
  note.time = clock_.wall_now();
  note.reply = outcome.reply.to_string();
  note.loop = loop_number_;
  note.host = marked_host(peer, outcome, *batch, until != WallTime{});
  if (outcome.kind == Outcome::Kind::kFailed) {
    const bool same = last_failure_ && last_failure_->code == outcome.reply.code &&
                      last_failure_->enhanced == outcome.reply.enhanced &&
                      last_failure_->text == outcome.reply.text;
    if (!same) last_failure_ = std::make_shared<const smtp::Reply>(outcome.reply);
    note.failure = last_failure_;
  }
  const bool recorded = unrecorded_.empty() && journal_note(&note);
  count(outcome.kind == Outcome::Kind::kDelivered ? Counter::kDelivered
        : outcome.kind == Outcome::Kind::kFailed  ? Counter::kFailed
                                                  : Counter::kDeferred,
        recipients.size());
  log_outcome(note, note.indices, outcome.kind, outcome.reply.enhanced, peer, delays);
  if (recorded) return push(std::move(note));
  unrecorded_.push_back(std::move(note));
  if (!retry_timer_.active()) retry_timer_.start(std::chrono::seconds(1));
}

void Recorder::record_all(const Slice& slice, Outcome::Kind kind, Stage stage, const smtp::Reply& reply,
                          bool our_way, WallTime until) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.stage = stage;
  outcome.reply = reply;
  outcome.our_way = our_way;
  outcome.about_message = kind == Outcome::Kind::kFailed && says_message(stage, reply, slice.indices.size());
  record_made_here(slice, outcome, until);
}

void Recorder::put_off(const Slice& slice, const smtp::Reply& reply, WallTime until) {
  Note note;
  note.batch = slice.batch;
  note.indices = slice.indices;
  note.until = until;
  note.time = clock_.wall_now();
  note.reply = reply.to_string();
  note.in_queue = std::max(Duration{}, delays_of(slice).in_queue);
  push(std::move(note));
}

void Recorder::record_expired(const Slice& slice) {
  // The round is the batch's: others of it may have been tried while these waited.
  const ActiveBatch& batch = *slice.batch;
  struct Part {
    bool tried, spoken_of;
  };
  for (const Part of : {Part{false, false}, Part{true, false}, Part{true, true}}) {
    Slice part{slice.batch, {}, slice.queued};
    for (const std::uint16_t index : slice.indices) {
      const bool tried = !batch.tried.empty() && batch.tried[index];
      const bool spoken_of = tried && batch.spoken_of[index];
      if (tried == of.tried && spoken_of == of.spoken_of) part.indices.push_back(index);
    }
    if (part.indices.empty()) continue;
    const bool untried = expired_untried(batch.post->post, of.tried ? 1 : 0);
    Outcome outcome;
    outcome.kind = Outcome::Kind::kFailed;
    outcome.about_message = untried || (of.tried && !of.spoken_of);
    outcome.reply = expired_reply(untried);
    record_made_here(part, outcome);
  }
}

void Recorder::record_made_here(const Slice& slice, const Outcome& outcome, WallTime until) {
  record(slice.batch, slice.indices, outcome, nullptr, delays_of(slice), until);
}

Delays Recorder::delays_of(const Slice& slice) const {
  Delays delays;
  const MonoTime now = clock_.mono_now();
  if (slice.queued != MonoTime{}) delays.in_queue = now - slice.queued;
  delays.before_queue =
      Duration(clock_.wall_now() - slice.batch->post->post.accepted) - std::max(Duration{}, delays.in_queue);
  return delays;
}

void Recorder::give_back(const Slice& slice, bool for_others) {
  Note note;
  note.for_others = for_others;
  note.batch = slice.batch;
  note.indices = slice.indices;
  push(std::move(note));
}

bool Recorder::journal_note(Note* note) {
  scratch_.post_id = note->batch->post->post.id;
  scratch_.batch = note->batch->number;
  scratch_.index = note->indices.front();
  scratch_.also.assign(note->indices.begin() + 1, note->indices.end());
  scratch_.state = state_of(note->kind);
  scratch_.attempts = static_cast<std::uint16_t>(std::clamp(note->batch->round, 0, 0xffff));
  scratch_.time = note->time;
  scratch_.reply.assign(note->reply, 0, 512);
  scratch_.host.assign(note->host, 0, kHostLimit);
  ESSAIM_CRASH_POINT("journal.before-append");
  Result<std::uint64_t> segment = journal_.append(scratch_);
  if (!segment.ok()) return false;
  ESSAIM_CRASH_POINT("journal.after-append");
  note->segment = *segment;
  return true;
}

void Recorder::push(Note note) {
  // Somebody waits for what is given back.
  const bool wanted = note.kind == Outcome::Kind::kReturned && note.until == WallTime{};
  ready_.push_back(std::move(note));
  if (flush_posted_) return;
  if (!wanted && ready_.size() < kNotesTogether) {
    if (!flush_timer_.active()) flush_timer_.start(kNotesAfter);
    return;
  }
  flush_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) flush();
  });
}

void Recorder::flush() {
  flush_posted_ = false;
  flush_timer_.cancel();
  if (ready_.empty()) return;
  std::vector<Note> notes;
  notes.swap(ready_);
  sink_.take_notes(std::move(notes));
}

void Recorder::give_up_journal() {
  retry_timer_.cancel();
  for (Note& note : unrecorded_) {
    note.loop = -1;
    ready_.push_back(std::move(note));
  }
  unrecorded_.clear();
  flush();
}

void Recorder::retry() {
  while (!unrecorded_.empty()) {
    if (!journal_note(&unrecorded_.front())) {
      retry_timer_.start(std::chrono::seconds(1));
      return;
    }
    push(std::move(unrecorded_.front()));
    unrecorded_.pop_front();
  }
  writable_again_();
}

}  // namespace essaim::delivery
