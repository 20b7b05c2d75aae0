// Nodes in tests of a database that they share, and the batches that they work on.
#pragma once

#include <string>

#include "storage/batch_store.h"
#include "storage/node_store.h"
#include "tests/storage/fixtures.h"

namespace essaim::test {

inline storage::NodeStore::Identity begin(storage::Database& database, const std::string& hostname) {
  storage::NodeStore::Identity node;
  commit(database, [&](storage::Connection& c) -> Result<void> {
    node = must(storage::NodeStore(c).begin_epoch(hostname, kNow, std::chrono::seconds(15), "1"));
    return {};
  });
  return node;
}

inline storage::NodeSight sight(storage::Database& database, int number) {
  storage::NodeSight node;
  must(database.read_now([&](storage::Connection& c) -> Result<void> {
    for (const storage::NodeSight& one : must(storage::NodeStore(c).all()))
      if (one.number == number) node = one;
    return {};
  }));
  return node;
}

inline storage::BatchRecord load(storage::Database& database, Id post, int number = 0) {
  storage::BatchRecord batch;
  must(database.read_now([&](storage::Connection& c) -> Result<void> {
    batch = must(storage::BatchStore(c).load(post, number, true)).value();
    return {};
  }));
  return batch;
}

inline Result<void> save(storage::Database& database, storage::NodeStore::Identity node,
                         const storage::BatchRecord& batch) {
  return database.write_now(storage::Durability::kProgress, [&](storage::Connection& c) {
    return storage::BatchStore(c).save({node.number, node.epoch}, batch);
  });
}

}  // namespace essaim::test
