#include "delivery/recorder.h"

#include <algorithm>
#include <cstdio>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/smtp/address.h"
#include "core/smtp/enhanced_code.h"

namespace essaim::delivery {
namespace {

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

double seconds(Duration d) {
  return std::max(0.0, std::chrono::duration<double>(d).count());
}

}  // namespace

std::string host_text(const PeerInfo& peer) {
  if (!peer.tls) return peer.host;
  return peer.host + ' ' + peer.tls_info.version;
}

Recorder::Recorder(net::EventLoop& loop, int loop_number, const Clock& clock, storage::JournalWriter& journal,
                   NoteSink& sink, std::function<void()> writable_again)
    : loop_(loop),
      loop_number_(loop_number),
      clock_(clock),
      journal_(journal),
      sink_(sink),
      writable_again_(std::move(writable_again)),
      retry_timer_(loop, [this] { retry(); }) {}

void Recorder::record(const std::shared_ptr<const ActiveBatch>& batch, const Outcome& outcome,
                      const PeerInfo* peer, const Delays& delays) {
  Note note;
  note.batch = batch;
  note.index = outcome.index;
  note.kind = outcome.kind;
  note.time = clock_.wall_now();
  note.reply = outcome.reply.to_string();
  note.loop = loop_number_;
  if (peer != nullptr) note.host = host_text(*peer);
  if (outcome.kind == Outcome::Kind::kFailed) {
    const bool same = last_failure_ && last_failure_->code == outcome.reply.code &&
                      last_failure_->enhanced == outcome.reply.enhanced &&
                      last_failure_->text == outcome.reply.text;
    if (!same) last_failure_ = std::make_shared<const smtp::Reply>(outcome.reply);
    note.failure = last_failure_;
  }
  log_outcome(note, outcome, peer, delays);
  if (!unrecorded_.empty() || !journal_note(&note)) {
    unrecorded_.push_back(std::move(note));
    if (!retry_timer_.active()) retry_timer_.start(std::chrono::seconds(1));
    return;
  }
  push(std::move(note));
}

void Recorder::record_all(const Slice& slice, Outcome::Kind kind, Stage stage, const smtp::Reply& reply) {
  Outcome outcome;
  outcome.kind = kind;
  outcome.stage = stage;
  outcome.reply = reply;
  Delays delays;
  const MonoTime now = clock_.mono_now();
  if (slice.queued != MonoTime{}) delays.in_queue = now - slice.queued;
  delays.before_queue =
      Duration(clock_.wall_now() - slice.batch->post->post.accepted) - std::max(Duration{}, delays.in_queue);
  for (const std::uint16_t index : slice.indices) {
    outcome.index = index;
    record(slice.batch, outcome, nullptr, delays);
  }
}

void Recorder::give_back(const Slice& slice) {
  for (const std::uint16_t index : slice.indices) {
    Note note;
    note.batch = slice.batch;
    note.index = index;
    push(std::move(note));
  }
}

bool Recorder::journal_note(Note* note) {
  scratch_.post_id = note->batch->post->post.id;
  scratch_.batch = note->batch->number;
  scratch_.index = note->index;
  scratch_.state = state_of(note->kind);
  scratch_.attempts = static_cast<std::uint16_t>(std::clamp(note->batch->round, 0, 0xffff));
  scratch_.time = note->time;
  scratch_.reply.assign(note->reply, 0, 512);
  scratch_.host.assign(note->host, 0, 256);
  ESSAIM_CRASH_POINT("journal.before-append");
  Result<std::uint64_t> segment = journal_.append(scratch_);
  if (!segment.ok()) return false;
  ESSAIM_CRASH_POINT("journal.after-append");
  note->segment = *segment;
  return true;
}

void Recorder::push(Note note) {
  ready_.push_back(std::move(note));
  if (flush_posted_) return;
  flush_posted_ = true;
  loop_.post([this, alive = std::weak_ptr<int>(alive_)] {
    if (!alive.expired()) flush();
  });
}

void Recorder::flush() {
  flush_posted_ = false;
  if (ready_.empty()) return;
  std::vector<Note> notes;
  notes.swap(ready_);
  sink_.take_notes(std::move(notes));
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

void Recorder::log_outcome(const Note& note, const Outcome& outcome, const PeerInfo* peer,
                           const Delays& delays) const {
  const storage::PostRecord& post = note.batch->post->post;
  const storage::BatchRecipient& recipient = note.batch->recipients[note.index];
  char parts[96];
  const int length =
      std::snprintf(parts, sizeof parts, "%.3f/%.3f/%.3f/%.3f", seconds(delays.before_queue),
                    seconds(delays.in_queue), seconds(delays.connect), seconds(delays.transmission));
  std::string to = recipient.local;
  to += '@';
  to += recipient.domain;
  log::info(event_of(outcome.kind),
            {{"id", format_id(post.id)},
             {"list", std::string_view(post.list_address)},
             {"to", std::move(to)},
             {"relay", peer != nullptr ? std::string_view(peer->host) : std::string_view("none")},
             {"delay", Duration(note.time - post.accepted)},
             {"delays", std::string_view(parts, static_cast<std::size_t>(std::max(0, length)))},
             {"dsn", smtp::to_string(outcome.reply.enhanced)},
             {"reply", std::string_view(note.reply)},
             {"tls", peer != nullptr && peer->tls ? std::string_view(peer->tls_info.version)
                                                  : std::string_view("no")},
             {"conn_use", peer != nullptr ? peer->transactions + 1 : 0}});
}

}  // namespace essaim::delivery
