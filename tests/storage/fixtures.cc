#include "tests/storage/fixtures.h"

#include <chrono>
#include <utility>

namespace essaim::test {

const char* words(const Result<void>& r) {
  return r.ok() ? "ok" : r.error().message.c_str();
}

void commit(storage::Database& database, const storage::Work& work) {
  const auto result = database.write_now(storage::Durability::kAccept, work);
  BOOST_REQUIRE_MESSAGE(result.ok(), words(result));
}
ErrorCode code_of(const Result<void>& result) {
  BOOST_REQUIRE(!result.ok());
  return result.error().code;
}

void make_list(storage::Database& database, Id list, const std::string& local) {
  commit(database, [&](storage::Connection& c) -> Result<void> {
    storage::DirectoryStore directory(c);
    auto known = directory.find_domain("lists.test");
    if (!known.ok()) return known.error();
    if (!known->has_value())
      ESSAIM_TRY(directory.add_domain({kDomain, "lists.test", {{"footer", "hi"}}, kNow}));
    storage::ListRecord record;
    record.id = list;
    record.domain_id = kDomain;
    record.local = local;
    record.domain = "lists.test";
    record.created = kNow;
    return directory.add_list(record);
  });
}

storage::MemberRecord member(Id id, const std::string& local, const std::string& domain,
                             std::int64_t joined) {
  storage::MemberRecord m;
  m.id = id;
  m.list_id = kList;
  m.local = local;
  m.domain = domain;
  m.joined = joined;
  m.since = kNow;
  return m;
}

storage::PostRecord post(Id id, std::int64_t revision) {
  storage::PostRecord p;
  p.id = id;
  p.list_id = kList;
  p.list_address = "dev@lists.test";
  p.list_revision = revision;
  p.sender = "author@client.test";
  p.author = "author@client.test";
  p.message_id = "<m" + std::to_string(id) + "@client.test>";
  p.accepted = kNow + std::chrono::seconds(id % 1'000'000);  // in the order of small ids
  p.expires = p.accepted + std::chrono::hours(24);
  return p;
}

void make_post(storage::Database& database, storage::PostRecord p, std::vector<storage::BatchRecipient> to,
               std::int64_t rank) {
  commit(database, [&](storage::Connection& c) -> Result<void> {
    return storage::add_expanded(c, &p, "Subject: x\r\n\r\nbody\r\n", "", rank, to);
  });
}

std::vector<storage::BatchRecipient> people(int count, const std::string& domain) {
  std::vector<storage::BatchRecipient> to;
  for (int i = 0; i < count; ++i) to.push_back({1000 + i, "u" + std::to_string(i), domain});
  return to;
}

std::vector<storage::BatchRecord> claim(storage::Database& database, storage::Fence fence, std::size_t limit,
                                        const std::set<std::string>& saturated) {
  std::vector<storage::BatchRecord> claimed;
  commit(database, [&](storage::Connection& c) -> Result<void> {
    auto batches = storage::BatchStore(c).claim(fence, 0, 9, limit, saturated);
    if (!batches.ok()) return batches.error();
    claimed = std::move(*batches);
    return {};
  });
  return claimed;
}

void settle(storage::BatchRecord* batch, std::size_t index, storage::RecipientState state,
            std::uint32_t time) {
  batch->progress.recipients[index].state = state;
  batch->progress.recipients[index].time = time;
  batch->progress.recipients[index].attempts += 1;
  batch->delivered = batch->failed = batch->suppressed = batch->pending = 0;
  for (const auto& r : batch->progress.recipients) {
    switch (r.state) {
      case storage::RecipientState::kDelivered:
        ++batch->delivered;
        break;
      case storage::RecipientState::kFailed:
        ++batch->failed;
        break;
      case storage::RecipientState::kSuppressed:
        ++batch->suppressed;
        break;
      default:
        ++batch->pending;
    }
  }
}

std::int64_t settle_posts(storage::Connection& c, WallTime failed_before) {
  storage::PostStore store(c);
  const auto found = must(store.settled(0, 1000, failed_before)).ids;
  return must(store.settle(found, failed_before)).posts;
}
void drop_useless_forms(storage::Connection& c, WallTime before) {
  storage::PostStore store(c);
  for (const Id id : must(store.useless_forms(0, before, 1000)).ids)
    while (must(store.drop_forms(id)) > 0) continue;
}
std::int64_t purge_left(storage::Connection& c) {
  storage::MemberStore store(c);
  auto lists = must(store.lists_that_were_left());
  storage::ListRevisions oldest;
  storage::PlaceInPosts place;
  while (must(store.read_waiting(&place, 1000, &oldest))) continue;
  std::int64_t gone = 0;
  for (const storage::ListLeft& list : lists) {
    const bool waits = oldest.contains(list.id);
    gone += must(store.purge_left(list.id, waits ? std::min(list.revision, oldest[list.id]) : list.revision));
  }
  return gone;
}

}  // namespace essaim::test
