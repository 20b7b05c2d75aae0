// essaim queue: what waits, why, and what the operator does about it.
#include <cstdio>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/post_elsewhere.h"
#include "smtpd/cli/post_recipients.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/queue_log.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/suspensions_json.h"
#include "smtpd/operate/post_named.h"
#include "smtpd/operate/queue_ops.h"
#include "storage/batch_store.h"

namespace essaim::smtpd::cli {
namespace {

using operate::QueueAction;
using storage::BatchQueue;
using storage::SuspensionScope;

struct Arguments : QueueFilter {
  std::string reason, log, since;
  std::size_t limit = 1000;
  bool all = false, dry_run = false;
};
using ArgumentsPtr = std::shared_ptr<Arguments>;

bool has_due(const storage::BatchRecord& b) {
  return b.queue == BatchQueue::kWaiting && !b.unread;
}

Json as_json(const storage::BatchRecord& b, const std::optional<storage::PostRecord>& post) {
  return {{"id", format_id(b.post_id)},
          {"batch", b.number},
          {"list", post ? post->list_address : ""},
          {"to", post ? sent_to(*post) : ""},
          {"sender", post ? post->author : ""},
          {"accepted", post ? Json(format_iso8601(post->accepted)) : Json(nullptr)},
          {"state", to_string(b.queue)},
          {"node", b.owner != 0 ? Json(b.owner) : Json(nullptr)},
          {"pending", b.pending},
          {"recipients", b.count},
          {"delivered", b.delivered},
          {"failed", b.failed},
          {"suppressed", b.suppressed},
          {"destination", b.destination},
          {"due", has_due(b) ? Json(format_iso8601(b.due)) : Json(nullptr)},
          {"attempts", b.attempts},
          {"why", why_it_waits(b, post ? &*post : nullptr)}};
}

int list(const Shell& shell, const Arguments& a) {
  auto selection = selection_of(a);
  if (!selection.ok()) return shell.fail(selection.error());
  selection->filter.limit = a.limit + 1;  // the last one says that there are more
  return with_site(shell, [&](Site& site) {
    auto stopped = suspensions(site);
    if (!stopped.ok()) return shell.fail(stopped.error());
    const WallTime now = system_clock().wall_now();
    storage::BatchStore::QueueCounts counts;
    std::int64_t unexpanded = 0;
    std::vector<storage::BatchRecord> found;
    std::map<Id, std::optional<storage::PostRecord>> known;
    const auto read = site.read([&](storage::Connection& c) -> Result<void> {
      storage::BatchStore store(c);
      storage::PostStore posts(c);
      auto waiting = store.waiting(selection->filter);
      if (!waiting.ok()) return waiting.error();
      found = *std::move(waiting);
      known.clear();
      for (const auto& b : found) {
        if (known.count(b.post_id) > 0) continue;
        auto post = posts.find(b.post_id);
        if (!post.ok() && post.error().code != ErrorCode::kDamaged) return post.error();
        known[b.post_id] = post.ok() ? *std::move(post) : std::nullopt;
      }
      auto sums = store.queue_counts();
      if (!sums.ok()) return sums.error();
      counts = *sums;
      auto open = posts.unexpanded(1'000'000);
      if (!open.ok()) return open.error();
      unexpanded = static_cast<std::int64_t>(open->size());
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    const bool more = found.size() > a.limit;
    if (more) found.pop_back();
    const std::size_t shown = found.size();
    const bool shared = site.settings().database_file().empty();
    std::int64_t recipients = 0;
    Json batches = Json::array();
    Table table({"ID", "AGE", "TO", "STATE", "PENDING", "DUE IN", "DESTINATION", "WHY"});
    for (const auto& b : found) {
      recipients += b.pending;
      const auto& post = known[b.post_id];
      Json json = as_json(b, post);
      table.add(
          {format_id(b.post_id) + "/" + std::to_string(b.number), post ? show_age(post->accepted, now) : "",
           post ? sent_to(*post) : "",
           std::string(to_string(b.queue)) + (shared && b.owner != 0 ? " on " + std::to_string(b.owner) : ""),
           std::to_string(b.pending), has_due(b) ? show_age(b.due, now) : "", b.destination,
           json["why"].get<std::string>()});
      if (shell.json) batches.push_back(std::move(json));
    }
    if (shell.json) {
      if (more) tell_of_more(shell, "first", a.limit);
      return print_json({{"counts",
                          {{"ready", counts.ready},
                           {"waiting", counts.waiting},
                           {"active", counts.owned},
                           {"held", counts.held},
                           {"unexpanded", unexpanded},
                           {"pending_recipients", counts.pending_recipients}}},
                         {"suspensions", suspensions_json(*stopped)},
                         {"more", more},
                         {"batches", batches}});
    }
    for (const auto& s : *stopped)
      print_line((s.subject.empty() ? "all delivery" : for_display(s.subject)) + " is " + describe(s));
    if (!table.empty()) print(table.text());
    if (more) tell_of_more(shell, "first", a.limit);
    const bool some = !selection->empty();
    if (some && shown == 0) print_line("nothing that waits fits");
    if (some && shown > 0)
      print_line(plural(recipients, "recipient") + " waiting in " +
                 (shown == 1 ? "this batch" : "these " + std::to_string(shown) + " batches"));
    print_line((some ? "in the whole queue: " : "") + plural(counts.pending_recipients, "recipient") +
               " waiting in " + std::to_string(counts.ready + counts.waiting + counts.owned + counts.held) +
               (counts.ready + counts.waiting + counts.owned + counts.held == 1 ? " batch: " : " batches: ") +
               std::to_string(counts.ready) + " ready, " + std::to_string(counts.owned) + " active, " +
               std::to_string(counts.waiting) + " waiting, " + std::to_string(counts.held) + " held" +
               (unexpanded > 0 ? "; " + plural(unexpanded, "post") + " being expanded" : ""));
    return static_cast<int>(kOk);
  });
}

int show(const Shell& shell, const std::string& id_text) {
  const auto id = parse_id(id_text);
  if (!id) return shell.fail_usage(no_queue_id(id_text, "essaim queue list"));
  return with_site(shell, [&](Site& site) {
    std::optional<storage::PostRecord> post;
    std::vector<storage::BatchRecord> batches;
    const auto read = site.read([&](storage::Connection& c) -> Result<void> {
      auto found = operate::post_named(c, *id);
      if (!found.ok()) return found.error();
      post = *std::move(found);
      if (!post) return {};
      auto all = storage::BatchStore(c).of_post(post->id, false);
      if (!all.ok()) return all.error();
      batches = *std::move(all);
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    if (!post) return shell.fail(no_post(site, *id));
    const WallTime now = system_clock().wall_now();
    if (shell.json) {
      Json all = Json::array();
      for (const auto& b : batches) all.push_back(as_json(b, post));
      return print_json({{"id", format_id(post->id)},
                         {"list", post->list_address},
                         {"accepted", format_iso8601(post->accepted)},
                         {"held", post->held},
                         {"held_reason", post->held_reason},
                         {"expanded", post->expanded},
                         {"batches", all}});
    }
    print_line("post      " + format_id(post->id) + " to " + for_display(post->list_address));
    print_line("accepted  " + show_time(post->accepted) + " (" + show_age(post->accepted, now) +
               " ago), expires " + show_time(post->expires));
    if (post->held) print_line("held      " + for_display(post->held_reason));
    if (!post->expanded) print_line("expanded  not yet");
    Table table({"BATCH", "STATE", "PENDING", "DELIVERED", "FAILED", "SUPPRESSED", "ROUNDS", "DUE IN",
                 "DESTINATION", "WHY"});
    for (const auto& b : batches)
      table.add({std::to_string(b.number), to_string(b.queue), std::to_string(b.pending),
                 std::to_string(b.delivered), std::to_string(b.failed), std::to_string(b.suppressed),
                 std::to_string(b.attempts), b.queue == BatchQueue::kWaiting ? show_age(b.due, now) : "",
                 b.destination, b.why});
    if (table.empty())
      print_line(post->expanded ? "no batches" : "no batches yet");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

// Of those whom a delete has not reached.
std::string what_becomes(const Json& result) {
  if (result.value("held", std::int64_t{0}) == 0)
    return "They get it unless it is deleted before: type the same again";
  return "Held meanwhile: what comes back is not sent, and the job deletions deletes it (at once: type the "
         "same again)";
}

// Settled and gone, or mistyped: a script must not take them for done.
void say_unknown(const Json& ids) {
  for (const Json& id : ids) print_line("no post " + for_display(id.get<std::string>()));
}

int report(const Shell& shell, QueueAction action, const Json& result) {
  const std::string error = result.value("error", "");
  const auto posts = result.value("posts", std::int64_t{0}),
             recipients = result.value("recipients", std::int64_t{0}),
             busy = result.value("busy", std::int64_t{0});
  // A script must not take for deleted who may still get it.
  const bool not_all = action == QueueAction::kDelete && busy > 0;
  const Json unknown = result.value("unknown", Json::array());
  const int outcome = error.empty() && !not_all && unknown.empty() ? kOk : kFailed;
  if (shell.json) {
    static_cast<void>(print_json(result));
    return outcome;
  }
  std::string text;
  switch (action) {
    case QueueAction::kHold:
      text = plural(posts, "post") + " held, for " + plural(recipients, "recipient") + " waiting";
      break;
    case QueueAction::kRelease:
      text = plural(posts, "post") + " released, for " + plural(recipients, "recipient") + " waiting";
      break;
    case QueueAction::kDelete:
      text = plural(recipients, "recipient") + " of " + plural(posts, "post") + " deleted from the queue";
      break;
    case QueueAction::kRetry:
      text = plural(recipients, "recipient") + " of " + plural(posts, "post") + " will be tried now";
      break;
  }
  print_line(text);
  if (busy > 0 && action == QueueAction::kHold)
    print_line(
        plural(busy, "recipient") +
        " not held yet: their servers have them in their hands; what is being transmitted goes out, the "
        "rest is held as it comes back (again: essaim queue hold)");
  else if (not_all)
    print_line(plural(busy, "recipient") +
               " not deleted yet: in batches of which something is being transmitted just now, or of "
               "a server that was killed (start it: it takes them back). " +
               what_becomes(result));
  else if (busy > 0)
    print_line(
        plural(busy, "recipient") +
        " left alone: in batches of which something is being transmitted just now, or of a server that was "
        "killed (start it: it takes them back); again: essaim queue retry");
  if (const auto damaged = result.value("damaged", std::int64_t{0}); damaged > 0)
    print_line(plural(damaged, "recipient") +
               " left alone in damaged batches: nobody can read who they are; a delete that names no "
               "recipient and no "
               "domain ends them");
  if (const auto kept = result.value("kept", std::int64_t{0}); kept > 0)
    print_line(plural(kept, "post") + (kept == 1 ? " stays" : " stay") + " held by something else; " +
               for_display(result.value("kept_by", "")));
  const auto held = result.value("held", std::int64_t{0});
  if (!error.empty() && action == QueueAction::kDelete && held > 0)
    print_line(
        plural(result.value("failed", std::int64_t{0}), "post") + " in trouble; " + plural(held, "post") +
        " held until the job deletions can delete it (at once: type the same again); " + for_display(error));
  else if (!error.empty())
    print_line(plural(result.value("failed", std::int64_t{0}), "post") + " left as before; " +
               for_display(error));
  say_unknown(unknown);
  return outcome;
}

const char* done_to(QueueAction action) {
  switch (action) {
    case QueueAction::kHold:
      return "would be held";
    case QueueAction::kRelease:
      return "would be released";
    case QueueAction::kDelete:
      return "would be deleted from the queue";
    case QueueAction::kRetry:
      return "would be tried now";
  }
  return "";
}

int preview(const Shell& shell, Site& site, const operate::QueueRequest& request) {
  auto found = operate::preview_queue_change(site.database(), system_clock(), request);
  if (!found.ok()) return shell.fail(found.error());
  const WallTime now = system_clock().wall_now();
  Json concerned = Json::array();
  Table table({"ID", "AGE", "TO", "FROM", "SIZE", "RECIPIENTS", "SUBJECT"});
  for (const auto& [post, recipients] : found->posts) {
    const std::string from = post.author.empty() ? post.sender : post.author;
    concerned.push_back({{"id", format_id(post.id)},
                         {"accepted", format_iso8601(post.accepted)},
                         {"list", post.list_address},
                         {"author", from},
                         {"size", post.size},
                         {"recipients", recipients},
                         {"subject", post.subject}});
    table.add({format_id(post.id), show_age(post.accepted, now), sent_to(post), from,
               std::to_string(post.size), std::to_string(recipients), post.subject});
  }
  Json unknown = Json::array();
  for (const Id id : found->change.unknown) unknown.push_back(format_id(id));
  const std::int64_t unread = found->change.failed;
  const int outcome = unknown.empty() && unread == 0 ? kOk : kFailed;
  if (shell.json) {
    Json out = {{"dry_run", true},
                {"action", operate::to_string(request.action)},
                {"posts", found->change.posts},
                {"recipients", found->change.recipients},
                {"concerned", concerned},
                {"unknown", unknown}};
    if (unread > 0) {
      out["failed"] = unread;
      out["error"] = found->change.error;
    }
    static_cast<void>(print_json(out));
    return outcome;
  }
  if (!table.empty()) print(table.text());
  if (found->change.posts > static_cast<std::int64_t>(found->posts.size()))
    print_line("and " + std::to_string(found->change.posts - static_cast<std::int64_t>(found->posts.size())) +
               " more");
  print_line(plural(found->change.recipients, "recipient") + " of " + plural(found->change.posts, "post") +
             " " + done_to(request.action) + "; nothing was changed");
  if (unread > 0)
    print_line(plural(unread, "post") +
               " cannot be read, or not all of them, so nobody knows whether they are meant; " +
               for_display(found->change.error));
  say_unknown(unknown);
  return outcome;
}

// In the server if it runs: it has parts of the queue in memory.
int change(const Shell& shell, QueueAction action, const Arguments& a) {
  auto selection = selection_of(a);
  if (!selection.ok()) return shell.fail(selection.error());
  if (!a.log.empty()) {
    if (!selection->empty() || a.all)
      return shell.fail_usage("--log goes with --since, --reason and --dry-run only");
    return delete_delivered(shell, {a.log, a.since, a.reason, a.dry_run});
  }
  if (!a.since.empty()) return shell.fail_usage("--since goes with --log only");
  if (selection->empty() && !a.all)
    return shell.fail_usage(
        "which posts? Name queue ids, or a filter (--list, --recipient, --domain, --sender, --subject, "
        "--account, --client, --message-id, --older-than, --newer-than, --larger-than, --state, --why), or "
        "--all" +
        std::string(action == QueueAction::kDelete ? ", or --log" : ""));
  const auto& f = selection->filter;
  if (!selection->ids.empty() &&
      (!f.list.empty() || !f.sender.empty() || !f.subject.empty() || !f.account.empty() ||
       !f.client.empty() || !f.message_id.empty() || f.since != WallTime{} || f.until != WallTime{} ||
       f.larger_than != 0 || f.about_batches() || a.all))
    return shell.fail_usage("queue ids go with --recipient and --domain only");
  return with_site(shell, [&](Site& site) {
    for (const std::string& line : held_instead(site, selection->ids))
      std::fprintf(stderr, "essaim: %s\n", line.c_str());
    if (a.dry_run) return preview(shell, site, {action, *selection, a.reason});
    admin::Request request;
    request.command = std::string("queue-") + operate::to_string(action);
    request.arguments = selection->to_arguments();
    if (!a.reason.empty()) request.arguments["reason"] = a.reason;
    auto answer = admin::call(site.settings().admin_socket(), request, std::chrono::minutes(30));
    if (answer.ok()) return report(shell, action, Json::parse(*answer));
    if (answer.error().code != ErrorCode::kNotFound || answer.error().message.find("no server") != 0)
      return shell.fail(answer.error());
    operate::QueueRequest work{action, *selection, a.reason};
    auto changed = operate::change_queue(site.database(), system_clock(), work, nullptr);
    if (!changed.ok()) return shell.fail(changed.error());
    return report(shell, action, Json::parse(operate::to_json(*changed)));
  });
}

}  // namespace

void add_queue(Shell& shell) {
  CLI::App* noun = shell.noun("queue", "what waits to be delivered");
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = shell.verb(noun, "list", "what waits and why, by batches of up to 1,000 recipients",
                              "  essaim queue list\n  essaim queue list --domain example.net --older-than 1h",
                              [&shell, a] { return list(shell, *a); });
  add_filter_options(verb, a);
  verb->add_option("--limit", a->limit, "at most so many, and whether there are more (1000)")
      ->type_name("N")
      ->check(wrong_count);
  auto id = std::make_shared<std::string>();
  shell
      .verb(noun, "show", "the batches of a post", "  essaim queue show 0bzt6gqb01000",
            [&shell, id] { return show(shell, *id); })
      ->add_option("ID", *id, "queue id")
      ->required();

  struct Row {
    QueueAction action;
    const char* help;
    const char* examples;
    const char* reason;
  };
  for (const Row& row :
       {Row{QueueAction::kHold, "stop delivering posts until they are released",
            "  essaim queue hold 0bzt6gqb01000 --reason 'looks like spam'\n  essaim queue hold --list "
            "dev@lists.example.org",
            "kept with the hold"},
        Row{QueueAction::kRelease, "deliver held posts",
            "  essaim queue release 0bzt6gqb01000\n  essaim queue release --all", "for the log"},
        Row{QueueAction::kDelete, "do not deliver to those who still wait; the ledger says so",
            "  essaim queue delete 0bzt6gqb01000\n  essaim queue delete --domain example.net --older-than "
            "2d\n"
            "  essaim queue delete --account ann --newer-than 2h --dry-run\n"
            "  essaim queue delete 0bzt6gqb01000 --recipient ann@example.org\n"
            "  journalctl -u essaim -o cat | essaim queue delete --log - --since 2026-11-22T03:17:00Z",
            "kept in the ledger"},
        Row{QueueAction::kRetry, "try deferred recipients now, not when they are due",
            "  essaim queue retry 0bzt6gqb01000\n  essaim queue retry --domain example.net\n  essaim queue "
            "retry --all",
            "for the log"}}) {
    auto c = std::make_shared<Arguments>();
    verb = shell.verb(noun, operate::to_string(row.action), row.help, row.examples,
                      [&shell, c, action = row.action] { return change(shell, action, *c); });
    verb->add_option("ID", c->ids, "queue ids");
    add_filter_options(verb, c);
    verb->add_flag("--all", c->all, "everything that waits");
    verb->add_flag("--dry-run", c->dry_run, "only say what would be concerned");
    verb->add_option("--reason", c->reason, row.reason)->type_name("TEXT");
    if (row.action != QueueAction::kDelete) continue;
    verb->add_option(
            "--log", c->log,
            "after a restore: those who have the post already, as the server's log tells (text or JSON), or "
            "lines of a queue id and a recipient; - is standard input")
        ->type_name("FILE");
    verb->add_option("--since", c->since, "of --log: when the backup was made, lines before it say nothing")
        ->type_name("TIME");
  }
  add_queue_why(shell, noun);
  auto options = std::make_shared<std::shared_ptr<SuspendOptions>>();
  verb =
      shell.verb(noun, "suspend", "deliver nothing at all for now; mail is taken and waits",
                 "  essaim queue suspend --reason 'blocklisted' --for 2h", [&shell, options] {
                   return with_site(shell, [&](Site& site) {
                     return suspend(shell, site, SuspensionScope::kEverything, "", "all delivery", **options);
                   });
                 });
  *options = add_suspend_options(verb);
  shell.verb(noun, "resume", "deliver again", "  essaim queue resume", [&shell] {
    return with_site(shell, [&](Site& site) {
      return resume(shell, site, SuspensionScope::kEverything, "", "all delivery");
    });
  });
}

}  // namespace essaim::smtpd::cli
