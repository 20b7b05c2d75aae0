// Everything around an Engine: a real database, loops with threads, a resolver with a table, tokens, and a
// listener that keeps the failures it is told. The engine can be stopped and another one started on the same
// database.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/base/executor.h"
#include "core/base/id.h"
#include "delivery/engine.h"
#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/post_store.h"
#include "tests/delivery/queue/test_sink.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/must.h"
#include "tests/support/temp_database.h"

namespace essaim::test {

// Tokens that tests can read: VERP is the post's id, "-" and the member's; the others are that of the member.
class Tokens : public delivery::TokenMinter {
 public:
  void append_verp(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                   std::string* out) const override;
  void append_leave(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                    std::string* out) const override;
  void append_link(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                   std::string* out) const override;
};

class KeptFailures : public delivery::FailureListener {
 public:
  Result<void> on_failures(storage::Connection& connection,
                           const std::vector<delivery::Failure>& failures) override;
  std::map<std::string, int> told() const;  // recipient -> how often
  bool about_message(const std::string& to) const;
  std::string reply(const std::string& to) const;  // the last one; "": none
  std::atomic<bool> locked{false};                 // the rows: it gives up waiting for them

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> told_;
  std::map<std::string, std::string> replies_;
  std::set<std::string> about_message_;
};

bool wait_until(const std::function<bool()>& condition, Duration limit = std::chrono::minutes(3));

// Sets up the site; without the engine.
class Site {
 public:
  Site();

  static std::string domain_name(int d);

  // `count` members in turn over the domains from `first` on.
  void add_members(int count, int domains, int first = 0);
  void remove_member(const std::string& local, const std::string& domain);

  storage::PostRecord new_post(storage::CopyMode mode, int priority);
  // Accepts a post to the list; `batches` are made at once, the rest is left to the engine.
  Id post_to_list(storage::PostRecord post, std::int64_t rank, int batches = 1'000'000);
  Id post_to(storage::PostRecord post, std::int64_t rank, std::vector<storage::BatchRecipient> recipients,
             const std::string& body = rendering(), const std::string& seven_bit = "");
  static std::string rendering();

  storage::LedgerCounts counts(Id post);
  std::vector<storage::BatchRecord> batches(Id post);
  // How often each member's failure was recorded.
  std::map<std::string, int> bounces();
  bool finished(Id post);

  TempDatabase database;
  IdGenerator ids;
  const Id domain_id = 11, list_id = 12;

 private:
  std::int64_t revision_ = 1;
};

// One run of an engine on a site.
class Run {
 public:
  using Dns = std::function<void(FakeResolver&)>;
  Run(Site& site, const Dns& dns, const delivery::EngineSettings& settings, int loops = 2,
      const delivery::KeySource& keys = {}, storage::NodeLease* lease = nullptr,
      const std::string& hostname = "node.test");
  ~Run() { stop(std::chrono::seconds(5)); }
  void stop(Duration grace);

  std::unique_ptr<delivery::Engine> engine;
  KeptFailures failures;
  storage::NodeStore::Identity node;

 private:
  Tokens tokens_;
  std::vector<std::unique_ptr<net::EventLoop>> loops_;
  std::vector<std::unique_ptr<FakeResolver>> resolvers_;
  std::vector<std::thread> threads_;
};

delivery::EngineSettings settings_for(Site& site, const TestSink& sink);

// Domain n is served by 127.0.1.n.
std::string address_of(int d);
void serve_domains(FakeResolver& dns, int domains);

void check_each_once(const std::map<std::string, int>& accepted, std::size_t expected);

}  // namespace essaim::test
