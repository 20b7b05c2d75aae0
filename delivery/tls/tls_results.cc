#include "delivery/tls/tls_results.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "core/base/counters.h"
#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/text.h"

namespace essaim::delivery {
namespace {

std::string key_of(const storage::TlsResultRow& row) {
  std::string key;
  put_u64(&key, static_cast<std::uint64_t>(row.day));
  for (const std::string* part : {&row.domain, &row.policy_type, &row.policy, &row.result, &row.mx_host,
                                  &row.receiving_ip, &row.sending_ip})
    put_string(&key, *part);
  return key;
}

Counter counter_of(const TlsSession& session) {
  const bool good = session.result.empty();
  if (session.policy_type == "tlsa") return good ? Counter::kTlsOutDane : Counter::kTlsOutDaneFailed;
  if (session.policy_type == "sts") return good ? Counter::kTlsOutSts : Counter::kTlsOutStsFailed;
  return good ? Counter::kTlsOutNoPolicy : Counter::kTlsOutNoPolicyFailed;
}

}  // namespace

const char* result_type(net::TlsVerdict verdict, bool dane) {
  switch (verdict) {
    case net::TlsVerdict::kUnchecked:
    case net::TlsVerdict::kGood:
      return "";
    case net::TlsVerdict::kNoTls:
      return "starttls-not-supported";
    case net::TlsVerdict::kNameMismatch:
      return "certificate-host-mismatch";
    case net::TlsVerdict::kExpired:
      return "certificate-expired";
    case net::TlsVerdict::kTlsaMismatch:
      return "tlsa-invalid";
    case net::TlsVerdict::kNotTrusted:
      return dane ? "tlsa-invalid" : "certificate-not-trusted";
    case net::TlsVerdict::kOther:
      break;
  }
  return "validation-failure";
}

void TlsResults::add(const TlsSession& session, WallTime now) {
  count(counter_of(session));
  storage::TlsResultRow row;
  row.day = to_millis(now) / 86'400'000;
  row.domain = session.domain;
  row.policy_type = session.policy_type;
  row.policy = session.policy;
  row.result = session.result;
  if (!session.result.empty()) {
    row.mx_host = session.mx_host;
    row.receiving_ip = session.receiving_ip;
    row.sending_ip = session.sending_ip;
    row.detail = escaped_for_display(session.detail, 300);
  }
  row.sessions = 1;
  const std::lock_guard lock(mutex_);
  const auto [at, added] = counts_.try_emplace(key_of(row), row);
  if (!added) ++at->second.sessions;
  if (counts_.size() > kMostCounts) counts_.erase(at);
  if (words_.size() >= kDomainsKept && !words_.contains(session.domain)) words_.erase(words_.begin());
  std::deque<std::string>& words = words_[session.domain];
  words.push_front(format_iso8601(now) + " " + session.mx_host + "[" + session.receiving_ip +
                   "]: " + (session.result.empty() ? "" : session.result + ": ") +
                   escaped_for_display(session.detail, 300));
  if (words.size() > kWordsKept) words.pop_back();
}

std::vector<std::string> TlsResults::last(const std::string& domain) const {
  const std::lock_guard lock(mutex_);
  const auto found = words_.find(domain);
  if (found == words_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

std::vector<storage::TlsResultRow> TlsResults::take() {
  std::vector<storage::TlsResultRow> rows;
  const std::lock_guard lock(mutex_);
  for (auto& [key, row] : std::exchange(counts_, {})) rows.push_back(std::move(row));
  return rows;
}

void TlsResults::put_back(std::span<const storage::TlsResultRow> rows) {
  const std::lock_guard lock(mutex_);
  for (const storage::TlsResultRow& row : rows) {
    if (counts_.size() >= kMostCounts) return;
    const auto [at, added] = counts_.try_emplace(key_of(row), row);
    if (!added) at->second.sessions += row.sessions;
  }
}

void TlsResults::flush(storage::Database& database, int node) {
  auto rows = std::make_shared<const Rows>(take());
  if (rows->empty()) return;
  {
    const std::lock_guard lock(mutex_);
    ++flushes_;
  }
  write_from(database, node, rows, 0);
}

// The next ones are queued when these are written: claims and outcomes come between.
void TlsResults::write_from(storage::Database& database, int node, const std::shared_ptr<const Rows>& rows,
                            std::size_t first) {
  const std::size_t count = std::min(kWrittenTogether, rows->size() - first);
  database.write(
      storage::Durability::kProgress,
      [rows, first, count, node](storage::Connection& connection) -> Result<void> {
        storage::TlsResultStore store(connection);
        for (const storage::TlsResultRow& row : std::span(*rows).subspan(first, count))
          ESSAIM_TRY(store.add(node, row));
        return {};
      },
      [self = shared_from_this(), &database, node, rows, first, count](const Result<void>& written) {
        if (written.ok() && first + count < rows->size())
          return self->write_from(database, node, rows, first + count);
        if (!written.ok()) {
          self->put_back(std::span(*rows).subspan(first));
          log::warning("tls-results-not-kept", {{"error", std::string_view(written.error().message)}});
        }
        self->flushed();
      });
}

void TlsResults::flushed() {
  const std::lock_guard lock(mutex_);
  --flushes_;
  none_under_way_.notify_all();
}

void TlsResults::wait_for_database() {
  std::unique_lock lock(mutex_);
  none_under_way_.wait(lock, [this] { return flushes_ == 0; });
}

}  // namespace essaim::delivery
