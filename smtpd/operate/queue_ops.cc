#include "smtpd/operate/queue_ops.h"

#include <algorithm>
#include <thread>

#include "core/base/log.h"
#include "core/base/text.h"
#include "storage/batch_store.h"
#include "storage/expansion.h"
#include "storage/post_filter.h"

namespace essaim::smtpd::operate {
namespace {

using storage::BatchQueue;
using storage::BatchRecord;
using storage::BatchStore;
using storage::Connection;
using storage::Database;
using storage::Durability;
using storage::PostStore;
using storage::RecipientState;

constexpr int kBatchesPerStep = 20;
constexpr int kPatience = 20;  // times 100 ms, for what is in transmission to come back

bool waits(RecipientState state) {
  return state == RecipientState::kPending || state == RecipientState::kDeferred;
}

// Suppresses the recipients of a batch that match and still wait. Gives how many.
int suppress(BatchRecord* batch, const storage::RecipientMatch& match, const std::string& reason,
             WallTime accepted, WallTime now) {
  auto& progress = batch->progress;
  if (progress.recipients.empty()) progress.recipients.resize(batch->recipients.size());
  std::uint32_t reply = 0;
  int changed = 0;
  for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
    auto& status = progress.recipients[i];
    if (!waits(status.state) || (match.any() && !match.matches(batch->recipients[i]))) continue;
    if (reply == 0) {
      progress.replies.push_back(reason);
      reply = static_cast<std::uint32_t>(progress.replies.size() - 1);
    }
    status.state = RecipientState::kSuppressed;
    status.reply = reply;
    status.host = 0;
    status.time =
        static_cast<std::uint32_t>(std::max<std::int64_t>(0, (to_millis(now) - to_millis(accepted)) / 1000));
    ++changed;
  }
  batch->suppressed += changed;
  batch->pending -= changed;
  if (batch->pending == 0) {
    batch->queue = BatchQueue::kFinished;
    batch->why.clear();
  }
  return changed;
}

class Operation {
 public:
  Operation(Database& database, const Clock& clock, const QueueRequest& request)
      : database_(database), clock_(clock), request_(request), match_(request.selection.filter) {}

  Result<void> hold(Id id) {
    return set_held(id, true, request_.reason.empty() ? "held by operator" : request_.reason);
  }

  Result<void> set_held(Id id, bool held, const std::string& reason) {
    return database_.write_now(Durability::kAccept,
                               [&](Connection& c) { return PostStore(c).set_held(id, held, reason); });
  }

  Result<storage::PostRecord> post(Id id) {
    storage::PostRecord out;
    ESSAIM_TRY(database_.read_now([&](Connection& c) -> Result<void> {
      auto found = PostStore(c).find(id);
      if (!found.ok()) return found.error();
      if (!found->has_value()) return Error{ErrorCode::kNotFound, "no post " + format_id(id)};
      out = **found;
      return {};
    }));
    return out;
  }

  // What is not yet in batches must be before it can be suppressed: accepted = delivered + failed +
  // suppressed + pending.
  Result<void> expand_all(Id id) {
    for (;;) {
      auto record = post(id);
      if (!record.ok()) return record.error();
      if (record->expanded || record->list_id == 0) return {};
      ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) {
        storage::PostRecord fresh = *record;
        return storage::expand_members(c, &fresh, 0, kBatchesPerStep);
      }));
    }
  }

  // Calls `change` with each batch of the post that nobody owns and something waits in; saves it when that
  // says so. Batches that a node owns are waited for a while.
  Result<void> for_each_batch(Id id, const std::function<bool(BatchRecord&)>& change, bool with_recipients) {
    std::vector<BatchRecord> batches;
    ESSAIM_TRY(database_.read_now([&](Connection& c) -> Result<void> {
      auto all = BatchStore(c).of_post(id, false);
      if (!all.ok()) return all.error();
      batches = *std::move(all);
      return {};
    }));
    for (const BatchRecord& head : batches) {
      if (head.pending == 0) continue;
      bool owned = true;
      for (int tries = 0; owned && tries < kPatience; ++tries) {
        if (tries > 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
        ESSAIM_TRY(database_.write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
          owned = false;
          auto found = BatchStore(c).load(id, head.number, with_recipients);
          if (!found.ok()) return found.error();
          if (!found->has_value()) return {};
          BatchRecord batch = **found;
          owned = batch.queue == BatchQueue::kOwned;
          if (owned || batch.pending == 0) return {};
          return change(batch) ? BatchStore(c).save_unowned(batch) : Result<void>();
        }));
        if (owned && !patient_) break;
      }
      if (owned) {
        change_.busy += head.pending;
        patient_ = false;  // whoever has it is slow: the others are not waited for
      }
    }
    return {};
  }

  Result<void> remove(Id id) {
    auto record = post(id);
    if (!record.ok()) return record.error();
    ESSAIM_TRY(expand_all(id));
    const std::string reason =
        "deleted by operator" + (request_.reason.empty() ? "" : ": " + request_.reason);
    std::int64_t removed = 0;
    ESSAIM_TRY(for_each_batch(
        id,
        [&](BatchRecord& batch) {
          const int n = suppress(&batch, match_, reason, record->accepted, clock_.wall_now());
          removed += n;
          return n > 0;
        },
        true));
    change_.recipients += removed;
    change_.posts += removed > 0 ? 1 : 0;
    return {};
  }

  Result<void> retry(Id id) {
    std::int64_t tried = 0;
    ESSAIM_TRY(for_each_batch(
        id,
        [&](BatchRecord& batch) {
          if (batch.queue != BatchQueue::kWaiting) return false;
          std::int64_t concerned = batch.pending;
          if (match_.any()) {
            concerned = 0;
            for (std::size_t i = 0; i < batch.recipients.size(); ++i) {
              const bool pending =
                  batch.progress.recipients.empty() || waits(batch.progress.recipients[i].state);
              concerned += pending && match_.matches(batch.recipients[i]) ? 1 : 0;
            }
          }
          if (concerned == 0) return false;
          batch.queue = BatchQueue::kReady;
          batch.due = clock_.wall_now();
          tried += concerned;
          return true;
        },
        true));
    change_.recipients += tried;
    change_.posts += tried > 0 ? 1 : 0;
    return {};
  }

  Database& database_;
  const Clock& clock_;
  const QueueRequest& request_;
  const storage::RecipientMatch match_;
  QueueChange change_;
  bool patient_ = true;
};

}  // namespace

const char* to_string(QueueAction action) {
  switch (action) {
    case QueueAction::kHold:
      return "hold";
    case QueueAction::kRelease:
      return "release";
    case QueueAction::kDelete:
      return "delete";
    case QueueAction::kRetry:
      return "retry";
  }
  return "";
}

bool QueueSelection::empty() const {
  return ids.empty() && filter.list.empty() && filter.recipient.empty() && filter.domain.empty() &&
         filter.message_id.empty() && filter.sender.empty() && filter.since == WallTime{} &&
         filter.until == WallTime{};
}

std::map<std::string, std::string> QueueSelection::to_arguments() const {
  std::map<std::string, std::string> out;
  std::string list_of_ids;
  for (Id id : ids) list_of_ids += (list_of_ids.empty() ? "" : ",") + format_id(id);
  const auto put = [&out](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  put("ids", list_of_ids);
  put("list", filter.list);
  put("recipient", filter.recipient);
  put("domain", filter.domain);
  put("sender", filter.sender);
  if (filter.until != WallTime{}) out["until"] = std::to_string(to_millis(filter.until));
  return out;
}

Result<QueueSelection> QueueSelection::from_arguments(const std::map<std::string, std::string>& arguments) {
  QueueSelection out;
  for (const auto& [name, value] : arguments) {
    if (name == "list") out.filter.list = value;
    if (name == "recipient") out.filter.recipient = value;
    if (name == "domain") out.filter.domain = value;
    if (name == "sender") out.filter.sender = value;
    if (name == "until") {
      const auto ms = parse_u64(value);
      if (!ms || *ms > 1'000'000'000'000'000) return Error{ErrorCode::kInvalid, "\"until\" is not a time"};
      out.filter.until = from_millis(static_cast<std::int64_t>(*ms));
    }
    if (name == "ids") {
      for (std::string_view text : split(value, ',')) {
        const auto id = parse_id(text);
        if (!id)
          return Error{ErrorCode::kInvalid, "\"" + escaped_for_display(text, 40) + "\" is not a queue id"};
        out.ids.push_back(*id);
      }
    }
  }
  return out;
}

Result<std::vector<Id>> select_posts(Database& database, const QueueSelection& selection) {
  std::vector<Id> out;
  ESSAIM_TRY(database.read_now([&](Connection& c) -> Result<void> {
    out.clear();
    PostStore posts(c);
    if (!selection.ids.empty()) {
      for (Id id : selection.ids) {
        auto found = posts.find(id);
        if (!found.ok()) return found.error();
        if (!found->has_value()) return Error{ErrorCode::kNotFound, "no post " + format_id(id)};
        out.push_back(id);
      }
      return {};
    }
    storage::PostFilter filter = selection.filter;
    filter.unfinished = true;
    filter.limit = 1'000'000;
    auto found = posts.search(filter);
    if (!found.ok()) return found.error();
    for (const auto& post : *found) out.push_back(post.id);
    return {};
  }));
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

Result<QueueChange> change_queue(Database& database, const Clock& clock, const QueueRequest& request,
                                 const std::function<void(const std::vector<Id>&)>& recall) {
  auto ids = select_posts(database, request.selection);
  if (!ids.ok()) return ids.error();
  Operation operation(database, clock, request);
  if (ids->empty()) return operation.change_;

  // Held while they are worked on, so that a running server does not claim them again in between.
  std::vector<Id> held_here;
  for (Id id : *ids) {
    auto post = operation.post(id);
    if (!post.ok()) return post.error();
    if (request.action == QueueAction::kHold && !post->held) {
      ESSAIM_TRY(operation.hold(id));
      operation.change_.posts += 1;
    } else if (request.action == QueueAction::kRelease && post->held) {
      ESSAIM_TRY(operation.set_held(id, false, ""));
      operation.change_.posts += 1;
    } else if (request.action == QueueAction::kDelete && !post->held) {
      ESSAIM_TRY(operation.set_held(id, true, "being deleted"));
      held_here.push_back(id);
    }
  }
  if (recall && request.action != QueueAction::kRelease) recall(*ids);

  Result<void> outcome;
  for (Id id : *ids) {
    if (request.action == QueueAction::kDelete) outcome = operation.remove(id);
    if (request.action == QueueAction::kRetry) outcome = operation.retry(id);
    if (!outcome.ok()) break;
  }
  for (Id id : held_here) {
    const Result<void> released = operation.set_held(id, false, "");
    if (!released.ok() && outcome.ok()) outcome = released;
  }
  if (!outcome.ok()) return outcome.error();
  log::info("queue-changed", {{"action", to_string(request.action)},
                              {"posts", operation.change_.posts},
                              {"recipients", operation.change_.recipients},
                              {"busy", operation.change_.busy},
                              {"reason", request.reason}});
  return operation.change_;
}

}  // namespace essaim::smtpd::operate
