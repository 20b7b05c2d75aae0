// The database as a job sees it that runs once among nodes: whoever lost its lease, or the job's turn, or ends, while the job
// runs writes nothing more, and who ends reads nothing more. One for each run of a job; the jobs' thread.
#pragma once

#include <atomic>
#include <string>

#include "storage/cluster/node_lease.h"
#include "storage/database.h"

namespace essaim::storage {

// Which run of which job it is: the row of the job says so as long as nobody else has taken the turn.
struct JobTurn {
  std::string name;
  std::int64_t started = 0;
  int node = 0;
};

class JobFence final : public Database {
 public:
  // `lease`: null for a node that has the database alone. `stopping`: then kCancelled, so that an end need not wait for a
  // job that has much to do.
  JobFence(Database& database, const NodeLease* lease, const std::atomic<bool>& stopping, JobTurn turn)
      : database_(database), lease_(lease), stopping_(stopping), turn_(std::move(turn)) {}

  // Nobody waits for a job.
  void read(Work work, Done done) override { read_long(How::kSnapshot, std::move(work), std::move(done)); }
  void look(Work work, Done done) override { read_long(How::kPlain, std::move(work), std::move(done)); }
  void read_latest(Work work, Done done) override {
    read_long(How::kLatest, std::move(work), std::move(done));
  }
  void read_long(How how, Work work, Done done) override {
    database_.read_long(how, until_the_end(std::move(work)), std::move(done));
  }
  void write(Durability durability, Work work, Done done) override;
  bool clustered() const override { return database_.clustered(); }
  bool wants_small_transactions() const override { return database_.wants_small_transactions(); }
  Result<void> backup(const std::string& file) override { return database_.backup(file); }
  Result<void> check() override { return database_.check(); }
  Result<void> check_settings() override { return database_.check_settings(); }
  Counters counters() const override { return database_.counters(); }
  bool healthy() const override { return database_.healthy(); }

 private:
  Work until_the_end(Work work) const;

  Database& database_;
  const NodeLease* const lease_;
  const std::atomic<bool>& stopping_;
  const JobTurn turn_;
};

}  // namespace essaim::storage
