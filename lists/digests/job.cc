#include "lists/digests/job.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <future>
#include <map>
#include <memory>
#include <utility>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/digests/make.h"
#include "lists/priority.h"
#include "lists/staging.h"
#include "storage/digest_store.h"
#include "storage/directory_store.h"
#include "storage/expansion.h"
#include "storage/member_store.h"
#include "storage/node_store.h"
#include "storage/post_store.h"
#include "storage/reception.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::DigestStore;
using storage::MemberStore;
using storage::PostStore;
using storage::Reception;

// Of the posts of a digest together; one that is larger is one of its own.
constexpr std::size_t kMostOctets = 4U << 20;

struct Material {
  std::shared_ptr<Target> target;  // null: the list is no more
  std::vector<Id> taken;           // that wait no more behind this, in the order in which they wait
  std::vector<std::string> messages;
  std::map<Reception, std::int64_t> readers;
  std::int64_t number = 1;
};

Result<Material> read_material(Connection& connection, Id list_id) {
  Material out;
  auto list = storage::DirectoryStore(connection).find_list_by_id(list_id);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return out;
  out.target = std::make_shared<Target>();
  out.target->address = {(*list)->local, (*list)->domain};
  out.target->settings = settings_of(**list);
  out.target->list = std::move(**list);
  DigestStore digests(connection);
  const auto made = digests.made(list_id);
  if (!made.ok()) return made.error();
  out.number = made->number + 1;
  auto readers = MemberStore(connection).count_gathered(list_id);
  if (!readers.ok()) return readers.error();
  out.readers = *std::move(readers);
  const auto waiting = digests.posts(list_id, out.target->settings.digest_max_posts);
  if (!waiting.ok()) return waiting.error();
  std::size_t octets = 0;
  for (const Id post : *waiting) {
    auto message = PostStore(connection).rendering(post);
    if (!message.ok() && message.error().code != ErrorCode::kNotFound &&
        message.error().code != ErrorCode::kDamaged)
      return message.error();
    // Its text was removed, or is lost: there is nothing to send.
    if (!message.ok()) {
      log::warning(
          "digest-without-post",
          {{"list", out.target->list.address()}, {"id", format_id(post)}, {"why", message.error().message}});
      out.taken.push_back(post);
      continue;
    }
    if (!out.messages.empty() && octets + message->size() > kMostOctets) break;
    octets += message->size();
    out.taken.push_back(post);
    out.messages.push_back(*std::move(message));
  }
  return out;
}

Result<std::vector<ReadyDigest>> make_all(const Services& services, const Material& material, WallTime now) {
  std::vector<DigestEntry> entries;
  for (const std::string& message : material.messages) {
    auto entry = digest_entry(message);
    if (entry.ok())
      entries.push_back(*std::move(entry));
    else  // it went out as it is, and keeps the others from nobody
      log::warning("digest-without-post",
                   {{"list", material.target->list.address()}, {"why", entry.error().message}});
  }
  std::vector<ReadyDigest> out;
  if (entries.empty()) return out;
  const Digest digest{material.target->list, material.target->settings, material.number, entries};
  for (const auto& [reception, number] : material.readers) {
    if (number == 0) continue;
    auto ready = make_digest(services, *material.target, reception, digest, services.ids->next(), now);
    if (!ready.ok()) return ready.error();
    out.push_back(*std::move(ready));
  }
  return out;
}

Result<bool> stage_if_large(storage::Database& database, const std::vector<ReadyDigest>& digests) {
  std::vector<Body> bodies;
  for (const ReadyDigest& one : digests) {
    bodies.push_back({one.post.id, storage::Form::kAsIs, one.rendered.rendering});
    if (!one.rendered.seven_bit.empty())
      bodies.push_back({one.post.id, storage::Form::kSevenBit, one.rendered.seven_bit});
  }
  if (!wants_staging(database, bodies)) return false;
  std::promise<Result<void>> done;
  stage(database, bodies, [&done](Result<void> result) { done.set_value(std::move(result)); });
  ESSAIM_TRY(done.get_future().get());
  return true;
}

struct Stored {
  bool stale = false;  // somebody else has made a digest of it
  std::size_t digests = 0;
  std::vector<std::vector<log::Field>> lines{};
};

struct Storing {
  const Material& material;
  const std::vector<ReadyDigest>& digests;
  bool staged = false;
  std::int64_t rank = 0;
  WallTime now{};
};

Result<Stored> store(Connection& connection, const Storing& what) {
  Stored out;
  const Id list_id = what.material.target->list.id;
  DigestStore waiting(connection);
  const auto there = waiting.posts(list_id, what.material.taken.size());
  if (!there.ok()) return there.error();
  const auto revision = storage::DirectoryStore(connection).revision(list_id);
  if (!revision.ok()) return revision.error();
  if (*there != what.material.taken || *revision == 0) {
    out.stale = true;
    return out;
  }
  const auto taken = waiting.take_posts(list_id, what.material.taken);
  if (!taken.ok()) return taken.error();
  if (!*taken) {
    out.stale = true;
    return out;
  }
  std::int64_t rank = what.rank;
  for (const ReadyDigest& ready : what.digests) {
    storage::PostRecord post = ready.post;
    post.list_revision = *revision;
    post.staged = what.staged;
    auto page = MemberStore(connection)
                    .page(list_id, *revision, "", "", kExpandedAtOnce + 1, storage::Readers::of(post));
    if (!page.ok()) return page.error();
    if (page->empty()) continue;  // the last of them has left
    post.priority = priority_of(page->size());
    const bool is_big = page->size() > kExpandedAtOnce;
    ESSAIM_TRY(is_big ? PostStore(connection).add(post, ready.rendered.rendering, ready.rendered.seven_bit)
                      : storage::add_expanded(connection, &post, ready.rendered.rendering,
                                              ready.rendered.seven_bit, rank, *std::move(page)));
    ++rank;
    ++out.digests;
    out.lines.push_back({{"id", format_id(post.id)},
                         {"list", post.list_address},
                         {"number", what.material.number},
                         {"reception", std::string(to_string(post.readers))},
                         {"posts", static_cast<std::int64_t>(what.material.messages.size())},
                         {"recipients", is_big ? "more than 1000" : std::to_string(post.recipients)}});
  }
  if (out.digests > 0) ESSAIM_TRY(waiting.set_made(list_id, {what.material.number, what.now}));
  ESSAIM_CRASH_POINT("digest.before-commit");
  return out;
}

struct Step {
  bool more = false;
  bool made = false;
};

Result<Step> send_next(const Services& services, Id list_id) {
  const WallTime now = services.clock->wall_now();
  auto material = services.database->read_now(
      [list_id](Connection& connection) { return read_material(connection, list_id); });
  if (!material.ok()) return material.error();
  if (material->target == nullptr || material->taken.empty()) return Step{};
  const auto digests = make_all(services, *material, now);
  if (!digests.ok()) return digests.error();
  const auto staged = stage_if_large(*services.database, *digests);
  if (!staged.ok()) return staged.error();
  const Storing what{*material, *digests, *staged, services.rank(), now};
  Stored stored;
  const auto written =
      services.database->write_now(storage::Durability::kAccept, [&](Connection& connection) -> Result<void> {
        stored = {};
        auto result = store(connection, what);
        if (!result.ok()) return result.error();
        stored = *std::move(result);
        if (stored.stale) return Error{ErrorCode::kConflict, "somebody else makes this digest"};
        return {};
      });
  if (stored.stale) return Step{};
  if (!written.ok()) return written.error();
  ESSAIM_CRASH_POINT("digest.after-commit");
  for (const auto& line : stored.lines) log::write(log::Level::kInfo, "digest", line.data(), line.size());
  if (stored.digests > 0 && services.bell) services.bell();
  return Step{true, stored.digests > 0};
}

Result<void> forget_list(storage::Database& database, Id list_id) {
  for (std::int64_t gone = 1; gone > 0;) {
    auto some = database.write_now(storage::Durability::kProgress, [list_id](Connection& connection) {
      return DigestStore(connection).remove_some(list_id);
    });
    if (!some.ok()) return some.error();
    gone = *some;
  }
  return {};
}

Result<std::string> make_due_digests(const Services& services) {
  const WallTime now = services.clock->wall_now();
  const auto waiting =
      services.database->read_now([](Connection& connection) { return DigestStore(connection).waiting(); });
  if (!waiting.ok()) return waiting.error();
  std::size_t made = 0, failed = 0;
  for (const storage::WaitingForDigest& one : *waiting) {
    const auto list = services.database->read_now([&one](Connection& connection) {
      return storage::DirectoryStore(connection).find_list_by_id(one.list_id);
    });
    if (!list.ok()) return list.error();
    if (!list->has_value()) {
      ESSAIM_TRY(forget_list(*services.database, one.list_id));
      continue;
    }
    // One that is held makes the others no earlier.
    if (!one.oldest || digest_due(settings_of(**list).digest, *one.oldest) > now) continue;
    const auto before = services.database->read_now(node_without_digests);
    if (!before.ok()) return before.error();
    if (!before->empty()) return "digests wait for " + *before + ", whose program does not know them";
    const auto number = send_digests(services, one.list_id);
    if (!number.ok() && storage::ends_the_run(number.error())) return number.error();
    if (!number.ok()) {
      // Others may well have theirs; this one is tried again with the next run.
      log::warning("digest-not-made", {{"list", (*list)->address()}, {"error", number.error().message}});
      ++failed;
      continue;
    }
    made += *number;
  }
  return "digests: " + std::to_string(made) +
         (failed == 0 ? std::string() : ", not made: " + std::to_string(failed));
}

}  // namespace

Result<std::string> node_without_digests(Connection& connection) {
  const auto nodes = storage::NodeStore(connection).all();
  if (!nodes.ok()) return nodes.error();
  for (const storage::NodeSight& node : *nodes)
    if (node.at_work() && is_version_before(node.version, kVersionWithDigests)) return node.hostname;
  return std::string();
}

bool is_version_before(std::string_view version, std::string_view other) {
  const auto numbers = [](std::string_view text) {
    std::array<int, 3> out{-1, -1, -1};
    const auto parts = split(text, '.');
    for (std::size_t i = 0; i < std::min(parts.size(), out.size()); ++i)
      std::from_chars(parts[i].data(), parts[i].data() + parts[i].size(), out[i]);
    return out;
  };
  return numbers(version) < numbers(other);
}

WallTime digest_due(const DigestSchedule& schedule, WallTime oldest) {
  return schedule.is_on() ? next_time(schedule, oldest) : oldest;
}

Result<std::size_t> send_digests(const Services& services, Id list_id) {
  std::size_t made = 0;
  for (;;) {
    const auto step = send_next(services, list_id);
    if (!step.ok()) return step.error();
    if (!step->more) return made;
    made += step->made ? 1 : 0;
  }
}

storage::Job make_digests_job(const Services* services) {
  storage::Job job;
  job.name = "digests";
  job.interval = std::chrono::minutes(1);
  job.run = [services](storage::Database& fenced) -> Result<std::string> {
    ESSAIM_CHECK(services != nullptr);
    Services of_this_run = *services;
    of_this_run.database = &fenced;
    return make_due_digests(of_this_run);
  };
  return job;
}

}  // namespace essaim::lists
