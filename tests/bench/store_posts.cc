// essaim-store-posts FOLDER [GROUP [POSTS [OCTETS]]]: what the database costs an accepted post to a small list, without what is
// around it: the statements of a post (lists/post.cc), GROUP of them (10) to a commit, in a new SQLite database in FOLDER.
// Microseconds for a post: processor time of all threads, and time that passes.
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

#include <sys/resource.h>

#include "storage/directory_store.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/post_store.h"
#include "storage/schema.h"

using namespace essaim;
using namespace essaim::storage;

namespace {

double processor_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

std::string key_of(int i) {  // as long as a hash, and in no order
  std::string key(32, '\0');
  std::uint64_t mixed = static_cast<std::uint64_t>(i) + 1;
  for (char& c : key) {
    mixed = mixed * 6364136223846793005ULL + 1442695040888963407ULL;
    c = static_cast<char>(mixed >> 33);
  }
  return key;
}

Result<ListRecord> make_list(Connection& connection) {
  DomainRecord domain;
  domain.id = 1;
  domain.name = "lists.example";
  ListRecord list;
  list.id = 2;
  list.domain_id = 1;
  list.local = "dev";
  list.domain = domain.name;
  MemberRecord member;
  member.id = 3;
  member.list_id = 2;
  member.local = "reader";
  member.domain = "x.example";
  member.joined = 1;
  ESSAIM_TRY(DirectoryStore(connection).add_domain(domain));
  ESSAIM_TRY(DirectoryStore(connection).add_list(list));
  ESSAIM_TRY(MemberStore(connection).add(member));
  auto stored = DirectoryStore(connection).find_list_by_id(list.id);
  if (!stored.ok()) return stored.error();
  return stored->value_or(list);
}

Result<void> store_post(Connection& connection, const ListRecord& list, int i, const std::string& text) {
  auto revision = DirectoryStore(connection).revision_if_same(list);
  if (!revision.ok()) return revision.error();
  const Id id = (Id{1} << 40) + i;
  const WallTime now = from_millis(1'800'000'000'000 + i);
  auto first = PostStore(connection).remember_with_post(list.id, key_of(i), id, now);
  if (!first.ok()) return first.error();
  auto page = MemberStore(connection).page(list.id, *revision, "", "", kBatchSize + 1);
  if (!page.ok()) return page.error();
  PostRecord post;
  post.id = id;
  post.list_id = list.id;
  post.list_address = list.address();
  post.list_revision = *revision;
  post.sender = post.author = "author@y.example";
  post.message_id = "<" + std::to_string(i * 7919LL % 1'000'003) + ".1234567890@y.example>";
  post.subject = "What was said on Monday";
  post.size = static_cast<std::int64_t>(text.size());
  post.client = "client.y.example [127.0.0.1]";
  post.accepted = now;
  post.expires = now + std::chrono::hours(120);
  post.envelope_sender = "dev-return-{verp}@lists.example";
  post.private_header = "List-Unsubscribe: <mailto:{leave}@lists.example>\r\n";
  post.target = list.address();
  post.seen_key = key_of(i);
  post.explanation = "scenario send.public, rule 1; DMARC none";
  return add_expanded(connection, &post, text, "", i, std::move(*page));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "essaim-store-posts FOLDER [GROUP [POSTS [OCTETS]]]\n");
    return 2;
  }
  const int group = argc > 2 ? std::atoi(argv[2]) : 10;
  const int posts = argc > 3 ? std::atoi(argv[3]) : 30'000;
  const std::string text(argc > 4 ? static_cast<std::size_t>(std::atoi(argv[4])) : 4'500, 'x');
  DatabaseOptions options;
  options.url = std::string("sqlite:") + argv[1] + "/posts.db";
  options.create = true;
  auto database = Database::open(options);
  if (!database.ok()) {
    std::fprintf(stderr, "%s\n", database.error().message.c_str());
    return 1;
  }
  if (const auto migrated = migrate(**database); !migrated.ok()) {
    std::fprintf(stderr, "%s\n", migrated.error().message.c_str());
    return 1;
  }
  ListRecord list;
  const auto made = (*database)->write_now(Durability::kAccept, [&](Connection& c) -> Result<void> {
    auto result = make_list(c);
    if (!result.ok()) return result.error();
    list = *result;
    return {};
  });
  if (!made.ok()) return 1;
  std::mutex mutex;
  std::condition_variable all;
  int open = 0;
  bool failed = false;
  const double began = processor_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < posts;) {
    std::unique_lock lock(mutex);
    open = std::min(group, posts - i);
    const int end = i + open;
    lock.unlock();
    for (; i < end; ++i) {
      (*database)->write(
          Durability::kAccept, [&, i](Connection& c) { return store_post(c, list, i, text); },
          [&](const Result<void>& result) {
            const std::lock_guard guard(mutex);
            failed = failed || !result.ok();
            if (!result.ok()) std::fprintf(stderr, "%s\n", result.error().message.c_str());
            if (--open == 0) all.notify_one();
          });
    }
    lock.lock();
    all.wait(lock, [&] { return open == 0; });
  }
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  const auto counted = (*database)->counters();
  std::printf(
      "%d posts in groups of %d: %.1f us of processor time, %.1f us passed; %.1f statements, %.3f commits\n",
      posts, group, (processor_seconds() - began) / posts * 1e6, passed.count() / posts * 1e6,
      static_cast<double>(counted.statements) / posts, static_cast<double>(counted.durable_commits) / posts);
  return failed ? 1 : 0;
}
