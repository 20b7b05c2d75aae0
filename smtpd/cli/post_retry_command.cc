// essaim post retry: sends again to those who have failed for good, when what made them fail is over.
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/failure_filter.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/post_retry.h"
#include "storage/post_store.h"

namespace essaim::smtpd::cli {
namespace {

struct Arguments : FailureFilter {
  std::vector<std::string> ids;
  std::string recipients, reason;
  bool dry_run = false, forgive = false;
};

Result<operate::PostRetry> request_of(const Arguments& a) {
  operate::PostRetry out;
  for (const std::string& text : a.ids) {
    const auto id = parse_id(text);
    if (!id) return Error{ErrorCode::kInvalid, no_queue_id(text, "essaim post find")};
    out.selection.ids.push_back(*id);
  }
  if (a.ids.empty() && a.since.empty())
    return Error{
        ErrorCode::kInvalid,
        "which posts? Name queue ids, or when they failed: --since 3h, with --list, --domain, --why; "
        "`essaim post failures` shows who has"};
  if (!a.ids.empty() && !a.list.empty())
    return Error{ErrorCode::kInvalid, "queue ids go with --recipients, --domain, --why, --since and --until"};
  if (!a.ids.empty() && a.recipients.empty())
    return Error{ErrorCode::kInvalid,
                 "--recipients is missing: failed (all of them), an address, or @domain"};
  auto meant = failures_meant(a, system_clock().wall_now());
  if (!meant.ok()) return meant.error();
  out.selection.filter = *std::move(meant);
  storage::PostFilter& who = out.selection.filter;
  if (!a.domain.empty() && !a.recipients.empty() && a.recipients != "failed")
    return Error{ErrorCode::kInvalid, "--domain goes with --recipients failed"};
  if (a.recipients.starts_with("@") && a.recipients.size() > 1) {
    who.domain = a.recipients.substr(1);
  } else if (a.recipients.find('@') != std::string::npos) {
    who.recipient = searched_address(a.recipients);
  } else if (!a.recipients.empty() && a.recipients != "failed") {
    return Error{ErrorCode::kInvalid,
                 "--recipients: \"" + a.recipients +
                     "\" is neither \"failed\" nor an address nor @domain; others than those who "
                     "have failed are not sent to again"};
  }
  out.reason = a.reason;
  out.forgive = a.forgive;
  return out;
}

// Who is sent to again gets nothing before the operator lets the post go.
Result<void> say_what_is_held(Site& site, const std::vector<Id>& ids) {
  std::vector<std::string> lines;
  const auto look = [&](storage::Connection& c) -> Result<void> {
    lines.clear();
    for (const Id id : ids) {
      auto post = storage::PostStore(c).find(id);
      if (!post.ok()) return post.error();
      if (post->has_value() && (*post)->held)
        lines.push_back("post " + format_id(id) + " is held (" + for_display((*post)->held_reason) +
                        "): they get it when it is released");
    }
    return {};
  };
  ESSAIM_TRY(site.read(look));
  for (const std::string& line : lines) print_line(line);
  return {};
}

// Those of the posts that were named for which nothing is done.
void say_what_was_not(const Json& unknown, const Json& refused) {
  for (const Json& id : unknown) print_line("no post " + for_display(id.get<std::string>()));
  for (const Json& one : refused) print_line(for_display(one.get<std::string>()));
}

int report(const Shell& shell, Site& site, const operate::PostRetry& request, const Json& result) {
  const std::string error = result.value("error", "");
  const Json unknown = result.value("unknown", Json::array()),
             refused = result.value("refused", Json::array());
  const int outcome = error.empty() && unknown.empty() && refused.empty() ? kOk : kFailed;
  if (shell.json) {
    static_cast<void>(print_json(result));
    return outcome;
  }
  const auto recipients = result.value("recipients", std::int64_t{0}),
             posts = result.value("posts", std::int64_t{0});
  print_line(plural(recipients, "recipient") + " of " + plural(posts, "post") + " will be sent to again");
  if (const auto forgiven = result.value("forgiven", std::int64_t{0}); forgiven > 0)
    print_line(plural(forgiven, "bounce") + " taken back");
  if (const auto busy = result.value("busy", std::int64_t{0}); busy > 0)
    print_line(plural(busy, "failed recipient") +
               " left alone: a server has the others of their batches in its hands; the same command does "
               "them later");
  if (const auto damaged = result.value("damaged", std::int64_t{0}); damaged > 0)
    print_line(plural(damaged, "failed recipient") +
               " left alone in damaged batches: nobody can read who they are");
  if (!error.empty())
    print_line(plural(result.value("failed", std::int64_t{0}), "post") + " not done, or not all of it; " +
               for_display(error));
  say_what_was_not(unknown, refused);
  const Result<void> said = recipients > 0 ? say_what_is_held(site, request.selection.ids) : Result<void>();
  return said.ok() ? outcome : shell.fail(said.error());
}

int preview(const Shell& shell, Site& site, const operate::PostRetry& request) {
  auto would = operate::preview_post_retry(site.database(), request);
  if (!would.ok()) return shell.fail(would.error());
  const Json change = Json::parse(operate::to_json(*would));
  const Json unknown = change.value("unknown", Json::array()),
             refused = change.value("refused", Json::array());
  const int outcome = unknown.empty() && refused.empty() && would->failed == 0 ? kOk : kFailed;
  if (shell.json) {
    Json out = {{"dry_run", true},       {"action", "retry"},
                {"posts", would->posts}, {"recipients", would->recipients},
                {"unknown", unknown},    {"refused", refused}};
    if (would->failed > 0) {
      out["failed"] = would->failed;
      out["error"] = would->error;
    }
    static_cast<void>(print_json(out));
    return outcome;
  }
  print_line(plural(would->recipients, "recipient") + " of " + plural(would->posts, "post") +
             " would be sent to again; nothing was changed");
  if (would->failed > 0)
    print_line(plural(would->failed, "post") +
               " cannot be read, or not all of them, so nobody knows whether they are meant; " +
               for_display(would->error));
  say_what_was_not(unknown, refused);
  return outcome;
}

// In the server if it runs: it has parts of the queue in memory.
int retry(const Shell& shell, const Arguments& a) {
  auto request = request_of(a);
  if (!request.ok()) return shell.fail_usage(request.error().message);
  if (a.reason.empty() && !a.dry_run)
    return shell.fail_usage("--reason is missing: why they are sent to again, for the ledger and the log");
  return with_site(shell, [&](Site& site) {
    if (a.dry_run) return preview(shell, site, *request);
    admin::Request question;
    question.command = "post-retry";
    question.arguments = request->selection.to_arguments();
    question.arguments["reason"] = a.reason;
    if (a.forgive) question.arguments["forgive"] = "yes";
    auto answer = admin::call(site.settings().admin_socket(), question, std::chrono::minutes(30));
    if (answer.ok()) return report(shell, site, *request, Json::parse(*answer));
    if (answer.error().code != ErrorCode::kNotFound || answer.error().message.find("no server") != 0)
      return shell.fail(answer.error());
    auto changed = operate::retry_posts(site.database(), system_clock(), *request, nullptr);
    if (!changed.ok()) return shell.fail(changed.error());
    return report(shell, site, *request, Json::parse(operate::to_json(*changed)));
  });
}

}  // namespace

void add_post_retry(Shell& shell, CLI::App* noun) {
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = shell.verb(
      noun, "retry",
      "send again to those who have failed for good, but for who has left since; as long as anybody waits in "
      "the post, and for the time of the setting retention.failed (three days) after that",
      "  essaim post retry --since 6h --domain example.net --why blocklist --dry-run\n"
      "  essaim post retry --since 6h --why blocklist --forgive-bounces --reason 'the block is lifted'\n"
      "  essaim post retry 0bzt6gqb01000 --recipients failed --reason 'the block is lifted'\n"
      "  essaim post retry 0bzt6gqb01000 --recipients ann@example.org --reason 'her mailbox is back'",
      [&shell, a] { return retry(shell, *a); });
  verb->add_option(
      "ID", a->ids,
      "queue ids, from the log or `post find`; without them all posts in which such failed --since");
  verb->add_option("--recipients", a->recipients,
                   "of those who have failed: failed (all), an address, or @domain; needed with ids")
      ->type_name("WHICH");
  add_failure_options(verb, a);
  verb->add_option("--reason", a->reason, "why they are sent to again: kept in the ledger and the log")
      ->type_name("TEXT");
  verb->add_flag("--forgive-bounces", a->forgive,
                 "take back the bounces that these failures were counted as: it was not the members' fault");
  verb->add_flag("--dry-run", a->dry_run, "only say how many it would be");
}

}  // namespace essaim::smtpd::cli
