// Scheduled work that runs once in the cluster: retention, purges, expiry, later digests and reports. Jobs are bound by
// the daemon; when each ran last, how long and with what result is kept in the database, so that a restart does not run
// them at once and another node does not run them again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "storage/cluster/node_lease.h"
#include "storage/database.h"

namespace essaim::storage {

struct Job {
  std::string name;
  Duration interval{};
  // Runs on the runner's thread; may block. Gives a short text of what it did, for the log and `job list`.
  std::function<Result<std::string>(Database&)> run;
  // Whether this node lacks something for it that another one may have; asked on the runner's thread when the job is due; may
  // block. True: others have the first turn, and this node takes one that is an interval late, as then nobody else did. Null: all
  // nodes are alike. A node alone, and run_now(), do not ask.
  std::function<bool(Database&)> others_first{};
};

// What the database of a run answers when the server ends, or the run's turn is not ours any more (storage/cluster/job_fence.h):
// no step that is left can be done, and nothing failed.
bool ends_the_run(const Error& error);

class JobRunner {
 public:
  // `lease`: of a node that shares the database; runs begin and write only while it holds (storage/cluster/job_fence.h).
  // Null: a node alone.
  JobRunner(Database& database, const Clock& clock, int node, const NodeLease* lease = nullptr);
  ~JobRunner();       // waits for the job under way
  void add(Job job);  // before start()
  void start();
  void stop();
  // Runs a job now, also while it is not due; for the command line and tests.
  Result<std::string> run_now(const std::string& name);
  // Has this node's thread run a job next, also while it is not due; a turn that it does not get then is given up. An unknown name
  // is nothing. Thread-safe; returns at once.
  void run_soon(const std::string& name);

  // How often each job that was ever added failed in this process; 0 for those that never did. Thread-safe; for /metrics.
  static std::map<std::string, std::uint64_t> failures();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace essaim::storage
