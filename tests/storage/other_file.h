// An SQLite database beside the one that a case is about, whatever engine the tests run on, and faults that end with the case.
#pragma once

#include <memory>

#include "storage/fault.h"
#include "tests/storage/fixtures.h"

namespace essaim::test {

struct Unarm {
  ~Unarm() { storage::FaultPlan::disarm(); }
};

// Empty at first.
struct File {
  TempDir directory;
  std::unique_ptr<storage::Database> database = open();
  std::unique_ptr<storage::Database> open() const {
    storage::DatabaseOptions options;
    options.url = "sqlite:" + directory.path("other.db");
    options.create = true;
    return must(storage::Database::open(options));
  }
};

}  // namespace essaim::test
