#include "delivery/recovery.h"

#include <map>
#include <set>
#include <vector>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/smtp/enhanced_code.h"
#include "delivery/save.h"
#include "storage/batch_store.h"
#include "storage/journal.h"
#include "storage/post_again.h"
#include "storage/post_store.h"

namespace essaim::delivery {
namespace {

using Failures = std::map<std::uint16_t, storage::JournalRecord>;  // by index within the batch

Result<void> record_failures(storage::Connection& connection, storage::NodeStore::Identity node, Id post_id,
                             int number, const Failures& failures, FailureListener& listener,
                             bool* of_another) {
  *of_another = false;
  storage::BatchStore batches(connection);
  Result<std::optional<storage::BatchRecord>> loaded = batches.load(post_id, number, true);
  if (!loaded.ok()) return loaded.error();
  if (!loaded->has_value()) return {};
  storage::BatchRecord batch = std::move(**loaded);
  // Ours, or nobody's: it was saved before it was released, which its recipients show, or the power took the claim and left
  // the journal, which is synced by itself.
  const bool owned = batch.owner != 0;
  *of_another = owned && batch.owner != node.number;
  if (*of_another) return {};
  Result<std::optional<storage::PostRecord>> post = storage::PostStore(connection).find(post_id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return {};

  std::vector<Failure> told;
  batch.progress.recipients.resize(batch.recipients.size());
  for (const auto& [index, record] : failures) {
    if (index >= batch.recipients.size()) continue;
    storage::RecipientStatus& status = batch.progress.recipients[index];
    if (status.state != storage::RecipientState::kPending &&
        status.state != storage::RecipientState::kDeferred)
      continue;
    const std::uint32_t time = storage::seconds_since((*post)->accepted, record.time);
    if (storage::is_old_news(status, time)) continue;
    status.state = storage::RecipientState::kFailed;
    status.attempts = std::max(status.attempts, record.attempts);
    status.time = time;
    status.reply = static_cast<std::uint32_t>(batch.progress.replies.size());
    status.host = static_cast<std::uint32_t>(batch.progress.hosts.size());
    batch.progress.replies.push_back(record.reply);
    batch.progress.hosts.push_back(record.host);
    ++batch.failed;
    --batch.pending;
    const storage::MarkedHost host = storage::split_host(record.host);
    told.push_back({&**post, batch.recipients[index], parse_kept_reply(record.reply), std::string(host.host),
                    host.about_message});
  }
  if (told.empty()) return {};
  if (!owned && batch.pending == 0) batch.queue = storage::BatchQueue::kFinished;
  ESSAIM_TRY(owned ? batches.save({batch.owner, batch.epoch}, batch) : batches.save_unowned(batch));
  return listener.on_failures(connection, told);
}

}  // namespace

smtp::Reply parse_kept_reply(std::string_view text) {
  smtp::Reply reply;
  if (const auto code = parse_u64(text.substr(0, 3)); code && *code >= 200 && *code <= 599) {
    reply.code = static_cast<int>(*code);
    text.remove_prefix(3);
    if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    std::size_t used = 0;
    if (const auto enhanced = smtp::parse_enhanced_code(text, &used)) {
      reply.enhanced = *enhanced;
      text.remove_prefix(used);
      if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    }
  }
  reply.text = std::string(text);
  return reply;
}

Result<void> recover(storage::Database& database, const std::string& directory,
                     storage::NodeStore::Identity node, FailureListener& listener) {
  std::map<std::pair<Id, int>, Failures> failures;
  Result<std::vector<std::string>> files =
      storage::read_journal(directory, [&](const storage::JournalRecord& record) -> Result<void> {
        Failures& some = failures[{record.post_id, record.batch}];
        if (record.state == storage::RecipientState::kFailed) some[record.index] = record;
        if (record.state == storage::RecipientState::kDelivered) some.erase(record.index);
        return {};
      });
  if (!files.ok()) return files.error();
  std::set<std::pair<Id, int>> untold;  // another node has them, and finds such failures again
  for (const auto& batch : failures) {
    if (batch.second.empty()) continue;
    bool of_another = false;
    const Result<void> told = database.write_now(
        storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
          ESSAIM_TRY(record_failures(connection, node, batch.first.first, batch.first.second, batch.second,
                                     listener, &of_another));
          ESSAIM_CRASH_POINT("recover-failures.before-commit");
          return {};
        });
    if (told.ok() && of_another) untold.insert(batch.first);
    if (!told.ok() && !is_about_the_work(told.error())) return told.error();
    // One damaged row must not keep the server from starting: storage merges them, unreported.
    if (!told.ok())
      log::error("failures-not-reported", {{"id", format_id(batch.first.first)},
                                           {"batch", batch.first.second},
                                           {"error", std::string_view(told.error().message)}});
    ESSAIM_CRASH_POINT("recover-failures.after-commit");
  }
  Result<std::size_t> merged = storage::recover_journal(database, directory, node.number, node.epoch, untold);
  if (!merged.ok()) return merged.error();
  if (!files->empty())
    log::info("journal-recovered", {{"files", static_cast<std::uint64_t>(files->size())},
                                    {"outcomes", static_cast<std::uint64_t>(*merged)}});
  return {};
}

Result<void> release_others(storage::Database& database, storage::NodeStore::Identity node) {
  Result<std::int64_t> released =
      storage::release_batches(database, [node](storage::BatchStore& batches, storage::Place only) {
        return batches.release_others(node.number, only);
      });
  if (!released.ok()) return released.error();
  if (*released > 0)
    log::warning("batches-of-other-nodes-released", {{"node", node.number}, {"batches", *released}});
  return {};
}

}  // namespace essaim::delivery
