// Short forms for the tests of storage.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/dkim_store.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/node_store.h"
#include "storage/post_store.h"
#include "tests/support/must.h"
#include "tests/support/temp_database.h"

namespace essaim::test {

const char* words(const Result<void>& r);

// Runs a work and expects it to commit.
void commit(storage::Database& database, const storage::Work& work);
// Of a result that is expected to be an error.
ErrorCode code_of(const Result<void>& result);

inline constexpr Id kDomain = 11;
inline constexpr Id kList = 12;
inline const WallTime kNow = from_millis(1'790'000'000'000);

// In kDomain, which is made if it is missing.
void make_list(storage::Database& database, Id list = kList, const std::string& local = "dev");

// Of kList, not stored.
storage::MemberRecord member(Id id, const std::string& local, const std::string& domain, std::int64_t joined);
storage::PostRecord post(Id id, std::int64_t revision = 1);

// A post with its recipients in batches, ready for claims.
void make_post(storage::Database& database, storage::PostRecord p, std::vector<storage::BatchRecipient> to,
               std::int64_t rank = 0);

std::vector<storage::BatchRecipient> people(int count, const std::string& domain);

std::vector<storage::BatchRecord> claim(storage::Database& database, storage::Fence fence, std::size_t limit,
                                        const std::set<std::string>& saturated = {});

// Sets one recipient's state in a batch and its sums.
void settle(storage::BatchRecord* batch, std::size_t index, storage::RecipientState state,
            std::uint32_t time = 5);

// What retention does step by step, in one transaction: the number of posts that are settled now.
std::int64_t settle_posts(storage::Connection& c, WallTime failed_before = WallTime::max());
void drop_useless_forms(storage::Connection& c, WallTime before);
// Who left and is needed by no post that waits: how many go.
std::int64_t purge_left(storage::Connection& c);

}  // namespace essaim::test
