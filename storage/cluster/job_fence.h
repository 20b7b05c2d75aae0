// The database as a job sees it that runs once among nodes: whoever lost its lease, or the job's turn, while the job runs
// writes nothing more. Reads go through. One for each run of a job; the jobs' thread.
#pragma once

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
  JobFence(Database& database, const NodeLease& lease, JobTurn turn)
      : database_(database), lease_(lease), turn_(std::move(turn)) {}

  void read(Work work, Done done) override { database_.read(std::move(work), std::move(done)); }
  void look(Work work, Done done) override { database_.look(std::move(work), std::move(done)); }
  void write(Durability durability, Work work, Done done) override;
  Result<void> backup(const std::string& file) override { return database_.backup(file); }
  Result<void> check() override { return database_.check(); }
  Result<void> check_settings() override { return database_.check_settings(); }
  Counters counters() const override { return database_.counters(); }
  bool healthy() const override { return database_.healthy(); }

 private:
  Database& database_;
  const NodeLease& lease_;
  const JobTurn turn_;
};

}  // namespace essaim::storage
