#include "lists/bounce_stops.h"

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "core/base/crash_point.h"
#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/notices.h"
#include "lists/people.h"
#include "lists/service_mail.h"
#include "lists/settings.h"
#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "storage/post_store.h"

namespace essaim::lists {
namespace {

using storage::BouncerStore;
using storage::Connection;

constexpr std::size_t kAtATime = 1000;
constexpr std::size_t kStoppedTogether = 100;
constexpr std::size_t kNamed = 100;
constexpr std::size_t kPostsRead = 200;

// Who of them has had this post, and when. Batch by batch: a large list has many.
Result<void> look_into(Connection& connection, const storage::PostRecord& post,
                       const std::map<Id, WallTime>& since, std::set<Id>* delivered) {
  for (int number = 0; number < post.batches; ++number) {
    auto batch = storage::BatchStore(connection).load(post.id, number, true);
    if (!batch.ok() && batch.error().code == ErrorCode::kDamaged) continue;
    if (!batch.ok()) return batch.error();
    if (!batch->has_value()) continue;
    const auto& states = (*batch)->progress.recipients;
    const auto& recipients = (*batch)->recipients;
    for (std::size_t i = 0; i < std::min(states.size(), recipients.size()); ++i) {
      if (states[i].state != storage::RecipientState::kDelivered) continue;
      const auto found = since.find(recipients[i].member_id);
      if (found != since.end() && post.accepted + std::chrono::seconds(states[i].time) > found->second)
        delivered->insert(found->first);
    }
  }
  return {};
}

// Who has had one of the list's last posts since, as far as the ledger can be read. Digests are looked at besides the posts that they
// are of, each kind by itself.
Result<std::set<Id>> had_since(Connection& connection, const storage::ListRecord& list,
                               const std::map<Id, WallTime>& since) {
  storage::PostFilter filter;
  filter.list = list.address();
  filter.limit = kPostsRead;  // mail to owners is among them
  const auto posts = storage::PostStore(connection).search(filter);
  if (!posts.ok()) return posts.error();
  std::set<Id> out;
  std::map<storage::Reception, std::size_t> looked_at;
  for (const storage::PostRecord& post : *posts) {
    if (post.kind != storage::PostKind::kList) continue;
    const storage::Reception readers =
        storage::is_gathered(post.readers) ? post.readers : storage::Reception::kEach;
    if (looked_at[readers]++ < BounceStops::kPostsLookedAt)
      ESSAIM_TRY(look_into(connection, post, since, &out));
  }
  return out;
}

Result<void> tell_member(WriteContext& context, const storage::ListRecord& list,
                         const BounceStops::One& one) {
  ServiceMail mail;
  mail.message = "stopped";
  mail.list = &list;
  mail.language = one.member.language;
  mail.to = {{0, one.member.local, one.member.domain}};
  mail.replied = false;
  mail.expendable = true;  // it is likely to come back
  mail.values = {{"email", escaped_for_display(one.member.address(), 256)},
                 {"days", std::to_string(one.bouncer.days)},
                 {"reply", escaped_for_display(one.member.last_bounce, 300)},
                 {"robot", settings_of(list).robot + "@" + list.domain}};
  return send_service_mail(context, mail);
}

Result<void> tell_owners(WriteContext& context, const storage::ListRecord& list,
                         const std::vector<BounceStops::One>& due) {
  auto owners = people_behind(context, list.id, storage::Role::kOwner);
  if (!owners.ok()) return owners.error();
  ServiceMail mail;
  mail.message = "stopped_members";
  mail.list = &list;
  mail.to = *std::move(owners);
  mail.shown_to = list.local + "-owner@" + list.domain;
  mail.replied = false;
  std::string people;
  for (std::size_t i = 0; i < std::min(due.size(), kNamed); ++i)
    people += "  " + escaped_for_display(due[i].member.address(), 256) + "\n    " +
              escaped_for_display(due[i].member.last_bounce, 300) + "\n";
  mail.values = {{"number", std::to_string(due.size())},
                 {"days", std::to_string(settings_of(list).bounce_days)},
                 {"people", people},
                 {"more", due.size() > kNamed ? std::to_string(due.size() - kNamed) : ""}};
  return send_service_mail(context, mail);
}

// Once a week for a list.
Result<void> tell_postmaster(WriteContext& context, const storage::ListRecord& list, std::size_t number) {
  const Services& services = context.services;
  std::string key = "bounces-too-many:";
  put_u64(&key, static_cast<std::uint64_t>(to_millis(context.now) / (7 * 86'400'000)));
  NoticePost notice;
  notice.id = services.ids->next();
  auto told = storage::PostStore(context.connection).remember(list.id, key, notice.id, context.now);
  if (!told.ok()) return told.error();
  if (told->has_value()) return {};
  auto to = postmasters(context.connection, services.site);
  if (!to.ok()) return to.error();
  notice.recipients = *std::move(to);
  notice.shown_to = services.site.postmaster.to_string();
  notice.automatic = mail::AutoSubmitted::kGenerated;
  notice.subject = "Copies come back from many members of " + list.address();
  notice.text = "Copies for " + std::to_string(number) + " members of " + list.address() +
                " have come back on so many days that they would get no more. That is more than one in " +
                std::to_string(BounceStops::kPartOfList) +
                " of them, so nobody was stopped: their host may be in trouble, or refuse this server.\n\n"
                "Who they are, and what came back:   essaim bounce list --list " +
                list.address() + "\nIf their addresses are dead:         essaim bounce stop " +
                list.address() + "\nIf it was not their fault:           essaim bounce forgive " +
                list.address() + "\n\nThere will be no other notice about this list this week.\n";
  context.posted = true;
  return add_notice(services, context.connection, notice, context.now, context.rank);
}

// A transaction of its own, behind which the bell rings.
Result<void> write(const Services& services, const std::function<Result<void>(WriteContext&)>& work) {
  bool posted = false;
  auto written =
      services.database->write_now(storage::Durability::kAccept, [&](Connection& connection) -> Result<void> {
        WriteContext context{services, connection, services.clock->wall_now(), services.rank()};
        auto done = work(context);
        posted = context.posted;
        return done;
      });
  if (written.ok() && posted && services.bell) services.bell();
  return written;
}

Result<void> stop_some(WriteContext& context, const storage::ListRecord& list,
                       std::span<const BounceStops::One> some,
                       std::vector<const BounceStops::One*>* stopped) {
  stopped->clear();
  for (const BounceStops::One& one : some) {
    auto stop = BouncerStore(context.connection).stop(one.bouncer, context.now);
    if (!stop.ok()) return stop.error();
    if (!*stop) continue;
    stopped->push_back(&one);
    ESSAIM_TRY(tell_member(context, list, one));
  }
  return {};
}

Result<void> forgive(const Services& services, const std::vector<Id>& healed) {
  for (std::size_t at = 0; at < healed.size(); at += kAtATime) {
    const std::span some = std::span(healed).subspan(at, std::min(kAtATime, healed.size() - at));
    auto forgiven = write(services, [some](WriteContext& context) -> Result<void> {
      for (const Id member : some) ESSAIM_TRY(BouncerStore(context.connection).forgive(member));
      return {};
    });
    if (!forgiven.ok()) return forgiven;
  }
  return {};
}

Result<std::size_t> look_after(const Services& services, Id list_id) {
  std::optional<storage::ListRecord> list;
  BounceStops stops;
  ESSAIM_TRY(services.database->read_now([&](Connection& connection) -> Result<void> {
    stops = {};
    auto found = storage::DirectoryStore(connection).find_list_by_id(list_id);
    if (!found.ok()) return found.error();
    list = *std::move(found);
    if (!list) return {};
    auto planned = plan_stops(connection, *list, services.clock->wall_now());
    if (!planned.ok()) return planned.error();
    stops = *std::move(planned);
    return {};
  }));
  if (!list) return std::size_t{0};
  ESSAIM_TRY(forgive(services, stops.healed));
  if (!stops.too_many) return stop_all(services, *list, stops);
  log::warning("bounces-too-many", {{"list", list->address()},
                                    {"members", static_cast<std::int64_t>(stops.due.size())},
                                    {"do", "essaim bounce list --list " + list->address()}});
  const auto told = write(
      services, [&](WriteContext& context) { return tell_postmaster(context, *list, stops.due.size()); });
  if (!told.ok()) return told.error();
  return std::size_t{0};
}

Result<std::string> look_after_bounces(const Services& services) {
  for (std::int64_t gone = 1; gone > 0;) {
    auto some = services.database->write_now(storage::Durability::kProgress, [](Connection& connection) {
      return BouncerStore(connection).purge();
    });
    if (!some.ok()) return some.error();
    gone = *some;
  }
  const auto lists =
      services.database->read_now([](Connection& connection) { return BouncerStore(connection).lists(); });
  if (!lists.ok()) return lists.error();
  std::size_t stopped = 0, failed = 0;
  for (const Id list : *lists) {
    auto some = look_after(services, list);
    if (!some.ok() && storage::ends_the_run(some.error())) return some.error();
    if (!some.ok()) {
      // Others may well be looked after; this one is looked at again with the next run.
      log::warning("bounces-not-looked-after", {{"list", format_id(list)}, {"error", some.error().message}});
      ++failed;
      continue;
    }
    stopped += *some;
  }
  return "members stopped: " + std::to_string(stopped) +
         (failed == 0 ? std::string() : ", lists not looked after: " + std::to_string(failed));
}

}  // namespace

Result<BounceStops> plan_stops(Connection& connection, const storage::ListRecord& list, WallTime now) {
  BounceStops out;
  const ListSettings settings = settings_of(list);
  if (settings.bounce_days == 0 || list.state != storage::ListState::kOpen) return out;
  BouncerStore bouncers(connection);
  storage::MemberStore members(connection);
  std::map<Id, WallTime> since;
  for (Id after = 0;;) {
    const auto page = bouncers.due(list.id, settings.bounce_days, after, kAtATime);
    if (!page.ok()) return page.error();
    for (const storage::Bouncer& one : *page) {
      if (now - one.since < BounceStops::kLeastSpan) continue;
      auto member = members.find_by_id(one.member_id);
      if (!member.ok()) return member.error();
      if (!member->has_value() || (*member)->left != 0 || !(*member)->has_mail()) continue;
      since[one.member_id] = one.since;
      out.due.push_back({one, **std::move(member)});
    }
    if (page->size() < kAtATime) break;
    after = page->back().member_id;
  }
  if (out.due.empty()) return out;
  const auto delivered = had_since(connection, list, since);
  if (!delivered.ok()) return delivered.error();
  std::erase_if(out.due, [&](const BounceStops::One& one) {
    if (!delivered->contains(one.bouncer.member_id)) return false;
    out.healed.push_back(one.bouncer.member_id);
    return true;
  });
  if (out.due.size() <= BounceStops::kFew) return out;
  const auto all = members.count(list.id, storage::Role::kMember);
  if (!all.ok()) return all.error();
  out.too_many = out.due.size() * BounceStops::kPartOfList > static_cast<std::size_t>(*all);
  return out;
}

Result<std::size_t> stop_all(const Services& services, const storage::ListRecord& list,
                             const BounceStops& stops) {
  std::size_t number = 0;
  for (std::size_t at = 0; at < stops.due.size(); at += kStoppedTogether) {
    const std::span some =
        std::span(stops.due).subspan(at, std::min(kStoppedTogether, stops.due.size() - at));
    std::vector<const BounceStops::One*> stopped;
    auto written = write(services, [&](WriteContext& context) -> Result<void> {
      ESSAIM_TRY(stop_some(context, list, some, &stopped));
      // Of all of them at once: if the others are stopped by a later run, that tells of them again.
      if (at == 0 && !stopped.empty()) ESSAIM_TRY(tell_owners(context, list, stops.due));
      ESSAIM_CRASH_POINT("bounces.before-commit");
      return {};
    });
    if (!written.ok()) return written.error();
    for (const BounceStops::One* one : stopped)
      log::info("member-stopped", {{"list", list.address()},
                                   {"email", one->member.address()},
                                   {"days", one->bouncer.days},
                                   {"since", format_iso8601(one->bouncer.since)},
                                   {"last", one->member.last_bounce}});
    number += stopped.size();
  }
  return number;
}

storage::Job make_bounces_job(const Services* services) {
  storage::Job job;
  job.name = "bounces";
  job.interval = std::chrono::hours(24);
  job.run = [services](storage::Database& fenced) -> Result<std::string> {
    ESSAIM_CHECK(services != nullptr);
    Services of_this_run = *services;
    of_this_run.database = &fenced;
    return look_after_bounces(of_this_run);
  };
  return job;
}

}  // namespace essaim::lists
