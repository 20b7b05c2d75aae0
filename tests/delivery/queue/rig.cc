#include "tests/delivery/queue/rig.h"

#include <utility>

namespace essaim::test {

void Tokens::append_verp(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                         std::string* out) const {
  *out += format_id(post.id) + "-" + std::to_string(recipient.member_id);
}
void Tokens::append_leave(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                          std::string* out) const {
  *out += std::to_string(recipient.member_id);
}
void Tokens::append_link(const storage::PostRecord&, const storage::BatchRecipient& recipient,
                         std::string* out) const {
  *out += "link" + std::to_string(recipient.member_id);
}

Result<void> KeptFailures::on_failures(storage::Connection& connection,
                                       const std::vector<delivery::Failure>& failures) {
  if (locked) return Error{ErrorCode::kTemporary, "the row is locked"};
  // In the same transaction, as the daemon's listener does.
  for (const auto& failure : failures)
    if (failure.recipient.member_id != 0 && !failure.about_message)
      ESSAIM_TRY(storage::MemberStore(connection)
                     .record_bounce(failure.recipient.member_id, failure.reply.to_string(),
                                    system_clock().wall_now()));
  std::lock_guard lock(mutex_);
  for (const auto& failure : failures) {
    const std::string to = failure.recipient.local + "@" + failure.recipient.domain;
    ++told_[to];
    replies_[to] = failure.reply.to_string();
    if (failure.about_message) about_message_.insert(to);
  }
  return {};
}
std::map<std::string, int> KeptFailures::told() const {
  std::lock_guard lock(mutex_);
  return told_;
}
bool KeptFailures::about_message(const std::string& to) const {
  std::lock_guard lock(mutex_);
  return about_message_.count(to) > 0;
}
std::string KeptFailures::reply(const std::string& to) const {
  std::lock_guard lock(mutex_);
  const auto found = replies_.find(to);
  return found == replies_.end() ? std::string() : found->second;
}

bool wait_until(const std::function<bool()>& condition, Duration limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

Site::Site() : ids(system_clock(), 7) {
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::DirectoryStore directory(connection);
        storage::DomainRecord domain;
        domain.id = domain_id;
        domain.name = "lists.test";
        domain.created = system_clock().wall_now();
        ESSAIM_TRY(directory.add_domain(domain));
        storage::ListRecord list;
        list.id = list_id;
        list.domain_id = domain_id;
        list.local = "dev";
        list.domain = "lists.test";
        list.created = domain.created;
        return directory.add_list(list);
      }));
}

std::string Site::domain_name(int d) {
  return "d" + std::to_string(d) + ".test";
}

void Site::add_members(int count, int domains, int first) {
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::MemberStore members(connection);
        Result<std::int64_t> revision = members.next_revision(list_id);
        if (!revision.ok()) return revision.error();
        for (int i = 0; i < count; ++i) {
          storage::MemberRecord member;
          member.id = ids.next();
          member.list_id = list_id;
          member.local = "user" + std::to_string(i);
          member.domain = domain_name(first + i % domains);
          member.joined = *revision;
          member.since = system_clock().wall_now();
          ESSAIM_TRY(members.add(member));
        }
        revision_ = *revision;
        return {};
      }));
}
void Site::remove_member(const std::string& local, const std::string& domain) {
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::MemberStore members(connection);
        Result<std::int64_t> revision = members.next_revision(list_id);
        if (!revision.ok()) return revision.error();
        return members.remove(list_id, storage::Role::kMember, {local, domain}, *revision);
      }));
}

storage::PostRecord Site::new_post(storage::CopyMode mode, int priority) {
  storage::PostRecord post;
  post.id = ids.next();
  post.list_id = list_id;
  post.list_address = "dev@lists.test";
  post.list_revision = revision_;
  post.sender = "author@client.test";
  post.author = "author@client.test";
  post.message_id = "<" + format_id(post.id) + "@client.test>";
  post.subject = "test";
  post.accepted = system_clock().wall_now();
  post.expires = post.accepted + std::chrono::hours(24);
  post.priority = priority;
  post.mode = mode;
  post.envelope_sender =
      mode == storage::CopyMode::kPersonal ? "dev-bounce+{verp}@lists.test" : "dev-bounce@lists.test";
  if (mode == storage::CopyMode::kPersonal)
    post.private_header = "List-Unsubscribe: <mailto:leave+{leave}@lists.test>\r\n";
  return post;
}
Id Site::post_to_list(storage::PostRecord post, std::int64_t rank, int batches) {
  const std::string body = rendering();
  post.size = static_cast<std::int64_t>(body.size());
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        ESSAIM_TRY(storage::PostStore(connection).add(post, body));
        storage::PostRecord copy = post;
        if (batches == 0) return {};
        return storage::expand_members(connection, &copy, rank, batches);
      }));
  return post.id;
}
Id Site::post_to(storage::PostRecord post, std::int64_t rank, std::vector<storage::BatchRecipient> recipients,
                 const std::string& body, const std::string& seven_bit) {
  post.size = static_cast<std::int64_t>(body.size());
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        storage::PostRecord copy = post;
        return storage::add_expanded(connection, &copy, body, seven_bit, rank, recipients);
      }));
  return post.id;
}
std::string Site::rendering() {
  return "From: author@client.test\r\nSubject: test\r\n\r\n.a line with a dot\r\nHello\r\n";
}

storage::LedgerCounts Site::counts(Id post) {
  storage::LedgerCounts counts;
  must(database->read_now([&](storage::Connection& connection) -> Result<void> {
    counts = must(storage::PostStore(connection).counts(post));
    return {};
  }));
  return counts;
}
std::vector<storage::BatchRecord> Site::batches(Id post) {
  std::vector<storage::BatchRecord> all;
  must(database->read_now([&](storage::Connection& connection) -> Result<void> {
    all = must(storage::BatchStore(connection).of_post(post, true));
    return {};
  }));
  return all;
}
std::map<std::string, int> Site::bounces() {
  std::map<std::string, int> all;
  must(database->read_now([&](storage::Connection& connection) -> Result<void> {
    return storage::MemberStore(connection)
        .for_each(list_id, storage::Role::kMember, [&](const storage::MemberRecord& member) {
          if (member.bounces > 0) all[member.address()] = member.bounces;
          return true;
        });
  }));
  return all;
}
bool Site::finished(Id post) {
  for (const auto& batch : batches(post))
    if (batch.queue != storage::BatchQueue::kFinished) return false;
  return counts(post).pending == 0;
}

Run::Run(Site& site, const Dns& dns, const delivery::EngineSettings& settings, int loops,
         const delivery::KeySource& keys, storage::NodeLease* lease, const std::string& hostname) {
  for (int i = 0; i < loops; ++i) {
    loops_.push_back(std::make_unique<net::EventLoop>("loop" + std::to_string(i)));
    resolvers_.push_back(std::make_unique<FakeResolver>(*loops_.back()));
    dns(*resolvers_.back());
  }
  must(site.database->write_now(
      storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        node = must(storage::NodeStore(connection).begin_epoch(hostname, system_clock().wall_now()));
        return {};
      }));
  std::vector<net::EventLoop*> loop_list;
  std::vector<dns::Resolver*> resolver_list;
  for (auto& loop : loops_) loop_list.push_back(loop.get());
  for (auto& resolver : resolvers_) resolver_list.push_back(resolver.get());
  engine = must(delivery::Engine::make({*site.database, node, system_clock(), loop_list, resolver_list,
                                        nullptr, tokens_, failures, lease, nullptr, keys},
                                       settings));
  for (auto& loop : loops_)
    threads_.emplace_back([&loop = *loop] {
      name_this_thread(loop.name());
      loop.run();
    });
  must(engine->start());
}
void Run::stop(Duration grace) {
  if (!engine) return;
  engine->drain(grace);
  engine.reset();
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
  resolvers_.clear();
  loops_.clear();
}

delivery::EngineSettings settings_for(Site& site, const TestSink& sink) {
  delivery::EngineSettings settings;
  settings.hostname = "node.test";
  settings.port = sink.port();
  settings.journal_directory = site.database.directory().path("journal");
  settings.connect_timeout = std::chrono::seconds(60);
  settings.command_timeout = std::chrono::seconds(60);
  settings.idle_timeout = std::chrono::milliseconds(500);
  settings.retry_initial = std::chrono::milliseconds(400);
  settings.retry_max = std::chrono::seconds(2);
  return settings;
}

std::string address_of(int d) {
  return "127.0.1." + std::to_string(d + 1);
}
void serve_domains(FakeResolver& dns, int domains) {
  for (int d = 0; d < domains; ++d) {
    const std::string domain = Site::domain_name(d);
    dns.set_mx(domain, {{10, "mx." + domain}});
    dns.set_addresses("mx." + domain, {address_of(d)});
  }
}

void check_each_once(const std::map<std::string, int>& accepted, std::size_t expected) {
  BOOST_TEST(accepted.size() == expected);
  for (const auto& [to, times] : accepted)
    if (times != 1) BOOST_ERROR(to + " got it " + std::to_string(times) + " times");
}

}  // namespace essaim::test
