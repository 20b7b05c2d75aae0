// What became of the TLS of our connections: counted per policy domain and day for TLS-RPT (RFC 8460), and the last few
// of each domain kept in words, for `destination explain`. A session counts once for each domain whose mail it was
// opened for or carried. Thread-safe; bounded: beyond its limits a count is lost, never a connection held up.
//
// Owner: the delivery's fabric, by a shared pointer. Counts go to the database with flush(), on the loop that calls it, without blocking.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/net/tls.h"
#include "storage/tls_result_store.h"

namespace essaim::delivery {

struct TlsSession {
  std::string domain;
  std::string policy_type, policy;  // tls_lookup.h
  std::string result;               // type of RFC 8460 §4.3; "" for success
  std::string detail;
  std::string mx_host, receiving_ip, sending_ip;
};

// The result type of a handshake that ended so; "" for a success. `dane` tells by which policy.
const char* result_type(net::TlsVerdict verdict, bool dane);

class TlsResults : public std::enable_shared_from_this<TlsResults> {
 public:
  static constexpr std::size_t kMostCounts = 50'000;
  static constexpr std::size_t kDomainsKept = 10'000;
  static constexpr std::size_t kWordsKept = 5;

  void add(const TlsSession& session, WallTime now);
  // What the last connections for the domain did, the newest first.
  std::vector<std::string> last(const std::string& domain) const;
  // Writes what was counted since the last time, some rows to a transaction and others' works between; what cannot be written
  // is counted again.
  void flush(storage::Database& database, int node);
  static constexpr std::size_t kWrittenTogether = 500;
  // Until what flush() began is over.
  void wait_for_database();
  std::vector<storage::TlsResultRow> take();  // likewise, as values

 private:
  using Rows = std::vector<storage::TlsResultRow>;
  void put_back(std::span<const storage::TlsResultRow> rows);
  void write_from(storage::Database& database, int node, const std::shared_ptr<const Rows>& rows,
                  std::size_t first);
  void flushed();

  mutable std::mutex mutex_;
  std::map<std::string, storage::TlsResultRow> counts_;
  std::map<std::string, std::deque<std::string>> words_;
  int flushes_ = 0;  // under way
  std::condition_variable none_under_way_;
};

}  // namespace essaim::delivery
