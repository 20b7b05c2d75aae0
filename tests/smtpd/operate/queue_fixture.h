// A queue for tests of what an operator does to it.
#pragma once

#include <string>
#include <utility>

#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/fault.h"
#include "storage/sql.h"
#include "tests/storage/fixtures.h"

namespace essaim::test {

// Posts 1 to 3 of five recipients each; delivery has met the damaged batch of post 2, and parked it.
struct Queue {
  Queue() {
    clock.set_wall(kNow + std::chrono::minutes(1));
    for (const Id id : {1, 2, 3}) make_post(*database, post(id), people(5, "a.test"));
  }
  void damage(Id id) {
    commit(*database, [&](storage::Connection& c) -> Result<void> {
      ESSAIM_TRY(storage::sql::run(c, "UPDATE batch SET recipients = 'rubbish' WHERE post_id = ?", id));
      return {};
    });
    BOOST_TEST(claim(*database, {1, 1}, 3).size() == 2u);
    commit(*database, [](storage::Connection& c) -> Result<void> {
      must(storage::sql::run(c, "UPDATE batch_state SET queue = 1, owner = 0, epoch = 0 WHERE queue = 3"));
      return {};
    });
  }
  smtpd::operate::QueueRequest request(smtpd::operate::QueueAction action) const {
    smtpd::operate::QueueRequest request;
    request.action = action;
    return request;
  }
  smtpd::operate::QueueChange change(const smtpd::operate::QueueRequest& request) {
    return must(smtpd::operate::change_queue(*database, clock, request, nullptr));
  }
  smtpd::operate::QueueChange change(smtpd::operate::QueueAction action) { return change(request(action)); }
  std::string state(Id id) {
    std::string out;
    must(database->read_now([&](storage::Connection& c) -> Result<void> {
      const auto batch = must(storage::BatchStore(c).of_post(id, false)).at(0);
      const auto record = must(storage::PostStore(c).find(id)).value();
      out = std::to_string(static_cast<int>(batch.queue)) + " pending " + std::to_string(batch.pending) +
            " suppressed " + std::to_string(batch.suppressed) + (record.held ? " held" : "");
      return {};
    }));
    return out;
  }
  // What a node that owns it does at the end.
  void give_back(storage::BatchRecord batch) {
    batch.queue = storage::BatchQueue::kReady;
    commit(*database, [&](storage::Connection& c) { return storage::BatchStore(c).save({1, 1}, batch); });
  }
  int held() {
    std::int64_t count = 0;
    must(database->read_now([&](storage::Connection& c) -> Result<void> {
      count = must(storage::sql::number(c, 0, "SELECT COUNT(*) FROM post WHERE held = 1"));
      return {};
    }));
    return static_cast<int>(count);
  }

  TempDatabase database;
  ManualClock clock;
};

// Another database, with something about it that differs.
class Forwarding : public storage::Database {
 public:
  explicit Forwarding(storage::Database& inner) : inner_(inner) {}
  void read(storage::Work work, storage::Done done) override {
    inner_.read(std::move(work), std::move(done));
  }
  void look(storage::Work work, storage::Done done) override {
    inner_.look(std::move(work), std::move(done));
  }
  void write(storage::Durability durability, storage::Work work, storage::Done done) override {
    inner_.write(durability, std::move(work), std::move(done));
  }
  Result<void> backup(const std::string& file) override { return inner_.backup(file); }
  Result<void> check() override { return inner_.check(); }
  Result<void> check_settings() override { return inner_.check_settings(); }
  Counters counters() const override { return inner_.counters(); }
  bool healthy() const override { return inner_.healthy(); }

 protected:
  storage::Database& inner_;
};

struct Unarm {
  ~Unarm() { storage::FaultPlan::disarm(); }
};

}  // namespace essaim::test
