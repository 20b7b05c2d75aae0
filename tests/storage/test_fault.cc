#include <boost/test/unit_test.hpp>

#include "storage/fault.h"

using essaim::ErrorCode;
using essaim::storage::FaultPlan;
using Where = FaultPlan::Where;

BOOST_AUTO_TEST_SUITE(fault_plans)

BOOST_AUTO_TEST_CASE(the_environment_names_what_fails) {
  const struct {
    const char* text;
    Where where;
    std::uint64_t first, times;
    ErrorCode code;
  } rows[] = {
      {"statement:7", Where::kStatement, 7, 1, ErrorCode::kIo},
      {"statement:7:3:exhausted", Where::kStatement, 7, 3, ErrorCode::kExhausted},
      {"commit:2:1:temporary", Where::kBeforeCommit, 2, 1, ErrorCode::kTemporary},
      {"commit-lost:4", Where::kAfterCommit, 4, 1, ErrorCode::kIo},
      {"commit-unknown:4:2", Where::kBeforeCommit, 4, 2, ErrorCode::kUnknownOutcome},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      const auto plan = FaultPlan::parse(row.text);
      BOOST_REQUIRE(plan.has_value());
      BOOST_TEST((plan->where == row.where));
      BOOST_TEST(plan->first == row.first);
      BOOST_TEST(plan->times == row.times);
      BOOST_TEST((plan->code == row.code));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_no_plan) {
  for (const char* text :
       {"", "statement", "statement:", "statement:x", "insert:1", "commit:1:1:flood", "commit:1:1:io:2"})
    BOOST_TEST(!FaultPlan::parse(text).has_value(), text);
}

BOOST_AUTO_TEST_SUITE_END()
