#include "smtpd/cli/post_recipients.h"

#include <cstddef>
#include <numeric>
#include <utility>
#include <vector>

#include "core/base/text.h"
#include "smtpd/cli/people.h"
#include "storage/batch_store.h"
#include "storage/post_filter.h"

namespace essaim::smtpd::cli {
namespace {

using storage::RecipientState;

const char* state_name(RecipientState state) {
  switch (state) {
    case RecipientState::kPending:
      return "pending";
    case RecipientState::kDelivered:
      return "delivered";
    case RecipientState::kDeferred:
      return "deferred";
    case RecipientState::kFailed:
      return "failed";
    case RecipientState::kSuppressed:
      return "suppressed";
  }
  return "?";
}

storage::RecipientStatus status_of(const storage::BatchRecord& batch, std::size_t i) {
  return i < batch.progress.recipients.size() ? batch.progress.recipients[i] : storage::RecipientStatus();
}

ShownRecipient shown(const storage::PostRecord& post, const storage::BatchRecord& batch, std::size_t i) {
  const storage::BatchProgress& progress = batch.progress;
  const storage::RecipientStatus status = status_of(batch, i);
  ShownRecipient out;
  out.address = batch.recipients[i].local + "@" + batch.recipients[i].domain;
  out.state = state_name(status.state);
  if (status.reply < progress.replies.size()) out.reply = progress.replies[status.reply];
  if (status.host < progress.hosts.size()) out.host = progress.hosts[status.host];
  // The marks of those who wait say what becomes of them if they expire, and when they are tried: see storage/records.h.
  if (status.state == RecipientState::kDeferred) out.host = std::string(storage::split_host(out.host).host);
  if (status.state != RecipientState::kPending)
    out.time = format_iso8601(post.accepted + std::chrono::seconds(status.time));
  out.attempts = status.attempts;
  return out;
}

}  // namespace

std::string sent_to(const storage::PostRecord& post) {
  return post.kind == storage::PostKind::kForward && !post.target.empty() ? post.target : post.list_address;
}

Result<WantedRecipients> wanted_recipients(const std::string& text) {
  WantedRecipients out;
  if (text.empty() || text == "all") return out;
  if (text == "none") {
    out.none = true;
    return out;
  }
  for (const RecipientState s :
       {RecipientState::kPending, RecipientState::kDelivered, RecipientState::kDeferred,
        RecipientState::kFailed, RecipientState::kSuppressed}) {
    if (text == state_name(s)) {
      out.state = s;
      return out;
    }
  }
  if (text.starts_with("@") && text.size() > 1) {
    out.who.domain = text.substr(1);
    return out;
  }
  if (text.find('@') != std::string::npos) {
    out.who.recipient = searched_address(text);
    return out;
  }
  const std::string meant =
      nearest(text, {"all", "none", "pending", "delivered", "deferred", "failed", "suppressed"});
  return Error{ErrorCode::kInvalid, "--recipients: \"" + text +
                                        "\" is neither a state (all, none, pending, delivered, deferred, "
                                        "failed, suppressed) nor an address "
                                        "nor @domain" +
                                        (meant.empty() ? "" : "; did you mean \"" + meant + "\"?")};
}

Result<void> for_each_recipient(Site& site, const storage::PostRecord& post, const WantedRecipients& wanted,
                                const std::function<void(const ShownRecipient&)>& each) {
  if (wanted.none) return {};
  const storage::RecipientMatch match(wanted.who);
  std::vector<int> numbers(static_cast<std::size_t>(post.batches));
  std::iota(numbers.begin(), numbers.end(), 0);
  if (match.any()) {
    auto some = site.read([&](storage::Connection& c) { return storage::batches_for(c, post.id, match); });
    // With one of them on a damaged page each is looked at by itself.
    if (!some.ok() && some.error().code != ErrorCode::kDamaged) return some.error();
    if (some.ok()) numbers = *std::move(some);
  }
  for (const int number : numbers) {
    std::optional<storage::BatchRecord> batch;
    std::string damage;
    ESSAIM_TRY(site.read([&](storage::Connection& c) -> Result<void> {
      auto found = storage::BatchStore(c).load(post.id, number, true);
      if (!found.ok() && found.error().code == ErrorCode::kDamaged) {
        damage = found.error().message;
        return {};
      }
      if (!found.ok()) return found.error();
      batch = *std::move(found);
      return {};
    }));
    if (!damage.empty()) each({"(batch " + std::to_string(number) + ")", "damaged", "", damage, "", 0});
    if (!batch) continue;
    for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
      if (wanted.state && status_of(*batch, i).state != *wanted.state) continue;
      if (match.any() && !match.matches(batch->recipients[i])) continue;
      each(shown(post, *batch, i));
    }
  }
  return {};
}

}  // namespace essaim::smtpd::cli
