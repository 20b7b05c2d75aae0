#include "lists/reports.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/crash_point.h"
#include "core/base/log.h"
#include "lists/dsn_request.h"
#include "lists/owner_report.h"
#include "lists/relay.h"
#include "lists/sender_report.h"
#include "lists/settings.h"
#include "storage/batch_store.h"
#include "storage/directory_store.h"
#include "storage/post_store.h"
#include "storage/report_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::PostKind;
using storage::PostRecord;
using storage::Report;
using storage::ReportStore;

constexpr std::size_t kAtATime = 100;
constexpr std::chrono::milliseconds kSoonest = std::chrono::seconds(30);
constexpr std::chrono::milliseconds kNextLook = std::chrono::seconds(1);
constexpr std::chrono::milliseconds kLatest = std::chrono::hours(1);

// What is to be done about one post. Found out by reading, done in one write.
struct Decision {
  ReportStore::Due due;
  std::optional<PostRecord> post;
  std::optional<Report> report;  // to be made now
  mail::DsnAction action = mail::DsnAction::kFailed;
  std::string status;
  std::string host, reply;               // of a relayed message: who said what
  std::optional<PostFailures> failures;  // of a list's post
  std::string beginning;                 // of the rendering
  std::optional<WallTime> next;          // look again; nothing: settled
  bool by_itself = false;  // not found out yet: it takes more reading than is done for many together
};

// Whether a post is looked at together with others, in one transaction.
enum class Look { kTogether, kByItself };

// A post that waits is looked at less and less often: when something fails, that is told at once. Of a delivery a look just
// before it knows nothing, and whoever wants to hear of it shall not wait for that.
WallTime next_look(const PostRecord& post, WallTime now) {
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - post.accepted);
  return now + std::clamp<std::chrono::milliseconds>(age / 4, kNextLook, kLatest);
}

WallTime delayed_at(const PostRecord& post, Duration delay) {
  return later(post.accepted, delay);
}

bool made(const PostRecord& post, Report report) {
  return (post.reports & static_cast<int>(report)) != 0;
}

// What was last heard of one recipient.
struct Heard {
  std::string status;  // the enhanced code
  std::string reply, host;
  bool dsn_passed_on = false;
};

// Of the first in this state; of a failure the enhanced code says what was wrong and not with whom.
Result<Heard> first_heard(Connection& connection, Id post_id, storage::RecipientState state) {
  auto heads = storage::BatchStore(connection).of_post(post_id, false);
  if (!heads.ok()) return heads.error();
  for (const storage::BatchRecord& head : *heads) {
    auto loaded = storage::BatchStore(connection).load(post_id, head.number, true);
    // What was heard of a damaged one is lost; the others are reported, and the post can settle.
    if (!loaded.ok() && loaded.error().code == ErrorCode::kDamaged) continue;
    if (!loaded.ok()) return loaded.error();
    if (!loaded->has_value()) continue;
    const storage::BatchRecord& batch = **loaded;
    for (const storage::RecipientStatus& status : batch.progress.recipients) {
      if (status.state != state) continue;
      const storage::MarkedHost host = storage::split_host(batch.progress.hosts[status.host]);
      Heard heard;
      heard.reply = batch.progress.replies[status.reply];
      heard.host = host.host.substr(0, host.host.find('['));  // without address, port and TLS
      heard.dsn_passed_on = host.dsn_passed_on;
      const std::size_t space = heard.reply.find(' ');
      if (space != std::string::npos)
        heard.status = heard.reply.substr(space + 1, heard.reply.find(' ', space + 1) - space - 1);
      return heard;
    }
  }
  return Heard{};
}

// RFC 3461 §5.2.7.4: what is said of the people behind an address of ours is not for the sender; of a recipient whom
// the sender named, it is.
void tell_what_was_heard(const PostRecord& post, Heard heard, Decision* out) {
  if (!is_relayed(post)) return;
  out->host = std::move(heard.host);
  out->reply = std::move(heard.reply);
}

Result<void> decide_forward(const Services& services, Connection& connection, WallTime now, Decision* out) {
  const PostRecord& post = *out->post;
  if (post.sender.empty()) return {};
  auto counts = storage::PostStore(connection).counts(post.id);
  if (!counts.ok()) return counts.error();
  const Notify notify = notify_of(post.dsn);
  const Duration delay = services.reporting.delay;
  const bool waits = !post.expanded || counts->pending > 0;
  if (counts->delivered > 0) {
    // RFC 3461 §5.2.2 and §5.2.7.2. DSN parameters never go on to the people behind an address of ours: the
    // envelope is a new one.
    if (!notify.success || made(post, Report::kDelivered)) return {};
    if (is_relayed(post)) {
      auto heard = first_heard(connection, post.id, storage::RecipientState::kDelivered);
      if (!heard.ok()) return heard.error();
      if (heard->dsn_passed_on) return {};  // RFC 3461 §5.2.1: that host reports
      tell_what_was_heard(post, *std::move(heard), out);
    }
    out->report = Report::kDelivered;
    out->action = counts->accepted > 1 ? mail::DsnAction::kExpanded : mail::DsnAction::kRelayed;
    out->status = "2.0.0";
    return {};
  }
  if (!waits) {
    if (counts->failed == 0 || !notify.failure || made(post, Report::kFailed)) return {};
    auto heard = first_heard(connection, post.id, storage::RecipientState::kFailed);
    if (!heard.ok()) return heard.error();
    out->report = Report::kFailed;
    out->status = heard->status;
    tell_what_was_heard(post, *std::move(heard), out);
    return {};
  }
  out->next = next_look(post, now);
  if (delay <= Duration::zero() || !notify.delay || made(post, Report::kDelayed)) return {};
  if (now < delayed_at(post, delay)) {
    out->next = std::min(*out->next, delayed_at(post, delay));
    return {};
  }
  auto heard = first_heard(connection, post.id, storage::RecipientState::kDeferred);
  if (!heard.ok()) return heard.error();
  tell_what_was_heard(post, *std::move(heard), out);
  out->report = Report::kDelayed;
  out->action = mail::DsnAction::kDelayed;
  out->status = "4.4.1";
  return {};
}

Result<void> decide_list_post(Connection& connection, WallTime now, Look look, Decision* out) {
  const PostRecord& post = *out->post;
  auto list = storage::DirectoryStore(connection).find_list_by_id(post.list_id);
  if (!list.ok()) return list.error();
  if (!list->has_value() || made(post, Report::kFailed) || !settings_of(**list).report_failures) return {};
  auto counts = storage::PostStore(connection).counts(post.id);
  if (!counts.ok()) return counts.error();
  if (!post.expanded || counts->pending > 0) {
    out->next = next_look(post, now);
    return {};
  }
  out->by_itself = look == Look::kTogether;
  if (out->by_itself) return {};
  auto failures = post_failures(connection, post.id);
  if (!failures.ok()) return failures.error();
  if (!failures->any()) return {};
  out->report = Report::kFailed;
  out->failures = std::move(*failures);
  return {};
}

Result<void> decide(const Services& services, Connection& connection, WallTime now, Look look,
                    Decision* out) {
  auto post = storage::PostStore(connection).find(out->due.post_id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return {};
  out->post = std::move(**post);
  if (out->post->kind == PostKind::kForward) ESSAIM_TRY(decide_forward(services, connection, now, out));
  if (out->post->kind == PostKind::kList) ESSAIM_TRY(decide_list_post(connection, now, look, out));
  if (!out->report || look == Look::kTogether) return {};
  auto beginning = storage::PostStore(connection).beginning(out->post->id);
  // Without it the report has no third part.
  if (!beginning.ok() && beginning.error().code != ErrorCode::kNotFound) return beginning.error();
  if (beginning.ok()) out->beginning = std::move(*beginning);
  return {};
}

Result<void> put_off(Connection& connection, const ReportStore::Due& due,
                     const std::optional<WallTime>& next) {
  ReportStore store(connection);
  return next ? store.postpone(due, *next) : store.settle(due);
}

// Gives whether the report was ours to make.
Result<bool> carry_out(const Services& services, Connection& connection, const Decision& decision,
                       WallTime now) {
  bool ours = false;
  if (decision.report) {
    auto begun = storage::PostStore(connection).begin_report(decision.post->id, *decision.report);
    if (!begun.ok()) return begun.error();
    ours = *begun;
  }
  if (ours && decision.failures) {
    ESSAIM_TRY(add_owner_report(services, connection, *decision.post, *decision.failures, decision.beginning,
                                now, services.rank()));
  } else if (ours) {
    SenderReport report;
    report.about = &*decision.post;
    report.action = decision.action;
    report.status = decision.status;
    report.host = decision.host;
    report.reply = decision.reply;
    report.original = decision.beginning;
    report.whole = decision.beginning.size() == static_cast<std::size_t>(decision.post->size);
    ESSAIM_TRY(add_sender_report(services, connection, report, now, services.rank()));
  }
  ESSAIM_TRY(put_off(connection, decision.due, decision.next));
  return ours;
}

Result<bool> look_at(const Services& services, const ReportStore::Due& due) {
  const WallTime now = services.clock->wall_now();
  Decision decision;
  ESSAIM_TRY(services.database->read_now([&](Connection& c) -> Result<void> {
    decision = {};
    decision.due = due;
    return decide(services, c, now, Look::kByItself, &decision);
  }));
  bool ours = false;
  ESSAIM_TRY(services.database->write_now(storage::Durability::kAccept, [&](Connection& c) -> Result<void> {
    auto done = carry_out(services, c, decision, now);
    if (!done.ok()) return done.error();
    ours = *done;
    if (ours) ESSAIM_CRASH_POINT("report.before-commit");
    return {};
  }));
  if (!ours) return false;
  ESSAIM_CRASH_POINT("report.after-commit");
  log::info("reported", {{"about", format_id(decision.post->id)},
                         {"list", decision.post->list_address},
                         {"to", decision.failures ? "owners" : decision.post->sender},
                         {"action", mail::to_string(decision.action)},
                         {"status", decision.status}});
  return true;
}

// Puts off, or is done with, those about which nothing is said now, and gives the others. Nearly all that is due only waits: in
// an outage hundreds of thousands do, and a durable commit for each is more than a disk has. So they share one, which need
// not be durable: what is lost is looked at again.
Result<std::vector<ReportStore::Due>> put_off_those_that_wait(const Services& services,
                                                              const std::vector<ReportStore::Due>& due) {
  const WallTime now = services.clock->wall_now();
  std::vector<std::pair<ReportStore::Due, std::optional<WallTime>>> waiting;
  std::vector<ReportStore::Due> others;
  const auto look = [&](Connection& c) -> Result<void> {
    waiting.clear();
    others.clear();
    for (const ReportStore::Due& one : due) {
      Decision decision;
      decision.due = one;
      ESSAIM_TRY(decide(services, c, now, Look::kTogether, &decision));
      if (decision.report || decision.by_itself) {
        others.push_back(one);
      } else {
        waiting.emplace_back(one, decision.next);
      }
    }
    return {};
  };
  const auto put_all_off = [&](Connection& c) -> Result<void> {
    for (const auto& [one, next] : waiting) ESSAIM_TRY(put_off(c, one, next));
    return {};
  };
  ESSAIM_TRY(services.database->read_now(look));
  if (!waiting.empty()) ESSAIM_TRY(services.database->write_now(storage::Durability::kProgress, put_all_off));
  return others;
}

}  // namespace

Result<void> expect_reports(storage::Connection& connection, const PostRecord& forward, Duration delay) {
  if (forward.sender.empty()) return {};
  const Notify notify = notify_of(forward.dsn);
  if (!notify.success && !notify.failure && !notify.delay) return {};
  WallTime due = forward.accepted + kSoonest;
  if (notify.success) due = forward.accepted;
  if (notify.delay && delay > Duration::zero()) due = std::min(due, delayed_at(forward, delay));
  return ReportStore(connection).look_at(forward.id, due);
}

Result<void> report_soon(storage::Connection& connection, Id post_id, WallTime now) {
  return ReportStore(connection).look_at(post_id, now);
}

Result<std::string> make_reports(const Services& services) {
  std::size_t looked = 0, reports = 0;
  std::optional<Error> trouble;
  bool over = false;
  const WallTime began = services.clock->wall_now();
  for (;;) {
    const auto due =
        services.database->read_now([&](Connection& c) { return ReportStore(c).due(began, kAtATime); });
    if (!due.ok()) return due.error();
    if (due->empty()) break;
    looked += due->size();
    auto others = put_off_those_that_wait(services, *due);
    if (!others.ok() && storage::ends_the_run(others.error())) {
      trouble = others.error();
      break;
    }
    // One of them may be why all failed: each by itself.
    const std::vector<ReportStore::Due>& rest = others.ok() ? *others : *due;
    std::size_t moved = due->size() - rest.size();
    for (const ReportStore::Due& one : rest) {
      auto reported = look_at(services, one);
      if (!reported.ok()) {
        trouble = reported.error();
        over = storage::ends_the_run(*trouble);
        if (over) break;
        // Another one may well be reported about; this one is looked at again with the next run.
        log::warning("not-reported", {{"about", format_id(one.post_id)}, {"error", trouble->message}});
        continue;
      }
      ++moved;
      if (*reported) ++reports;
    }
    if (over || due->size() < kAtATime || moved == 0) break;
  }
  if (reports > 0 && services.bell) services.bell();
  if (trouble) return *trouble;
  return "posts looked at: " + std::to_string(looked) + ", reports made: " + std::to_string(reports);
}

storage::Job make_reports_job(const Services* services) {
  storage::Job job;
  job.name = "reports";
  job.interval = std::chrono::minutes(1);
  job.run = [services](storage::Database& fenced) -> Result<std::string> {
    ESSAIM_CHECK(services != nullptr);
    Services of_this_run = *services;
    of_this_run.database = &fenced;
    return make_reports(of_this_run);
  };
  return job;
}

}  // namespace essaim::lists
