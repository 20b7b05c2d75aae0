// essaim queue why, essaim post explain: why is mail waiting?
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/post_elsewhere.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/suspensions_json.h"
#include "smtpd/operate/explain_file.h"
#include "smtpd/operate/post_named.h"
#include "smtpd/operate/queue_summary.h"

namespace essaim::smtpd::cli {
namespace {

using operate::SumBy;
using storage::SuspensionScope;

struct Arguments : QueueFilter {
  std::string by = "destination";
  std::size_t limit = 30;
};

Json as_json(const operate::QueueSum& line, SumBy by) {
  Json json = Json::object();
  if (by == SumBy::kDestination) json["destination"] = line.key;
  if (by == SumBy::kList) json["list"] = line.key;
  json["reason"] = line.reason;
  json["recipients"] = line.recipients;
  json["domains"] = line.domains;
  json["posts"] = line.posts;
  json["oldest"] = line.oldest == WallTime{} ? Json(nullptr) : Json(format_iso8601(line.oldest));
  json["next_due"] = line.next_due == WallTime{} ? Json(nullptr) : Json(format_iso8601(line.next_due));
  return json;
}

std::string show_due(WallTime due, WallTime now) {
  return due == WallTime{} ? "" : due <= now ? "now" : show_age(due, now);
}

void print_lines(const operate::QueueSums& sums, SumBy by, std::size_t limit) {
  const WallTime now = system_clock().wall_now();
  const char* key = by == SumBy::kList ? "LIST" : "DESTINATION";
  // Of how many domains tells whether it is them or us.
  Table table(
      by == SumBy::kReason
          ? std::vector<std::string>{"RECIPIENTS", "POSTS", "DOMAINS", "OLDEST", "NEXT TRY", "REASON"}
      : by == SumBy::kList
          ? std::vector<std::string>{"RECIPIENTS", "POSTS", "DOMAINS", "OLDEST", "NEXT TRY", key, "REASON"}
          : std::vector<std::string>{"RECIPIENTS", "POSTS", "OLDEST", "NEXT TRY", key, "REASON"});
  for (std::size_t i = 0; i < sums.lines.size() && i < limit; ++i) {
    const operate::QueueSum& line = sums.lines[i];
    std::vector<std::string> cells{std::to_string(line.recipients), std::to_string(line.posts)};
    if (by != SumBy::kDestination) cells.push_back(std::to_string(line.domains));
    cells.push_back(line.oldest == WallTime{} ? "" : show_age(line.oldest, now));
    cells.push_back(show_due(line.next_due, now));
    if (by != SumBy::kReason) cells.push_back(line.key);
    cells.push_back(line.reason);
    table.add(std::move(cells));
  }
  if (!table.empty()) print(table.text());
  if (sums.lines.size() > limit)
    print_line("and " + std::to_string(sums.lines.size() - limit) + " more lines; see --limit");
}

int why(const Shell& shell, const Arguments& a) {
  auto selection = selection_of(a);
  if (!selection.ok()) return shell.fail(selection.error());
  SumBy by = SumBy::kDestination;
  if (a.by == "list") {
    by = SumBy::kList;
  } else if (a.by == "reason") {
    by = SumBy::kReason;
  } else if (a.by != "destination") {
    return shell.fail_usage("--by: \"" + a.by + "\" is none of destination, list, reason");
  }
  return with_site(shell, [&](Site& site) {
    auto stopped = suspensions(site);
    if (!stopped.ok()) return shell.fail(stopped.error());
    auto sums = operate::sum_up(site.database(), selection->filter, 0, by);
    if (!sums.ok()) return shell.fail(sums.error());
    if (shell.json) {
      Json lines = Json::array();
      for (const auto& line : sums->lines) lines.push_back(as_json(line, by));
      return print_json({{"recipients", sums->recipients},
                         {"unexpanded", sums->unexpanded},
                         {"suspensions", suspensions_json(*stopped)},
                         {"sums", lines}});
    }
    for (const auto& s : *stopped)
      print_line((s.subject.empty() ? "all delivery" : for_display(s.subject)) + " is " + describe(s));
    print_lines(*sums, by, a.limit);
    print_line(plural(sums->recipients, "recipient") + " waiting" +
               (sums->unexpanded > 0 ? "; " + plural(sums->unexpanded, "post") + " being expanded" : ""));
    return static_cast<int>(kOk);
  });
}

int explain(const Shell& shell, Site& site, const std::string& id_text) {
  const auto id = parse_id(id_text);
  if (!id) return shell.fail_usage(no_queue_id(id_text, "essaim post find"));
  storage::PostRecord post;
  storage::LedgerCounts counts;
  bool is_there = false;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    auto found = operate::post_named(c, *id);
    if (!found.ok()) return found.error();
    is_there = found->has_value();
    if (!is_there) return {};
    post = **std::move(found);
    auto sums = storage::PostStore(c).counts(post.id);
    if (!sums.ok()) return sums.error();
    counts = *sums;
    return {};
  });
  if (!read.ok()) return shell.fail(read.error());
  if (!is_there) return shell.fail(no_post(site, *id));
  auto stopped = suspensions(site);
  if (!stopped.ok()) return shell.fail(stopped.error());
  std::erase_if(*stopped, [&](const auto& s) {
    return s.scope == SuspensionScope::kDestination ||
           (s.scope == SuspensionScope::kList &&
            (post.kind != storage::PostKind::kList || s.subject != post.list_address));
  });
  auto sums = operate::sum_up(site.database(), {}, post.id, SumBy::kDestination);
  if (!sums.ok()) return shell.fail(sums.error());
  if (shell.json) {
    Json lines = Json::array();
    for (const auto& line : sums->lines) lines.push_back(as_json(line, SumBy::kDestination));
    return print_json({{"id", format_id(post.id)},
                       {"accepted", counts.accepted},
                       {"pending", counts.pending},
                       {"expires", format_iso8601(post.expires)},
                       {"held", post.held},
                       {"held_reason", post.held_reason},
                       {"expanded", post.expanded},
                       {"author", post.explanation},
                       {"suspensions", suspensions_json(*stopped)},
                       {"sums", lines}});
  }
  const WallTime now = system_clock().wall_now();
  print_line(format_id(post.id) + ": " + std::to_string(counts.pending) + " of " +
             plural(counts.accepted, "recipient") + " waiting" +
             (post.expanded ? "" : ", still being expanded"));
  for (const std::string_view line : split(post.explanation, '\n')) {
    if (!line.empty()) print_line("  " + for_display(line));
  }
  if (counts.pending == 0) return kOk;
  if (post.held) {
    print_line("held         " + for_display(post.held_reason) +
               "; it does not expire meanwhile; essaim queue release " + format_id(post.id));
  } else {
    print_line("expires      " + show_time(post.expires) +
               (post.expires > now ? ", in " + show_age(post.expires, now) : ""));
  }
  for (const auto& s : *stopped)
    print_line("suspension   " + (s.subject.empty() ? "all delivery" : for_display(s.subject)) + " " +
               describe(s));
  print_lines(*sums, SumBy::kDestination, 30);
  return kOk;
}

int explain_file(const Shell& shell, Site& site, const operate::FileToExplain& file) {
  auto text = operate::explain_file(site.settings(), site.database(), site.services(), file);
  if (!text.ok()) return shell.fail(text.error());
  if (shell.json) return print_json({{"author", *text}});
  for (const std::string_view line : split(*text, '\n')) {
    if (!line.empty()) print_line(for_display(line));
  }
  return kOk;
}

}  // namespace

void add_queue_why(Shell& shell, CLI::App* queue) {
  auto a = std::make_shared<Arguments>();
  CLI::App* verb = shell.verb(
      queue, "why", "why mail waits: sums by destination and reason (who refused for good: post failures)",
      "  essaim queue why\n  essaim queue why --by reason\n"
      "  essaim queue why --by list --older-than 1h",
      [&shell, a] { return why(shell, *a); });
  add_filter_options(verb, a);
  verb->add_option("--by", a->by, "destination, list or reason")->type_name("WHAT");
  verb->add_option("--limit", a->limit, "at most so many lines (30)")->type_name("N")->check(wrong_count);
}

void add_post_explain(Shell& shell, CLI::App* post) {
  auto id = std::make_shared<std::string>();
  auto file = std::make_shared<operate::FileToExplain>();
  CLI::App* verb = shell.verb(
      post, "explain", "what was found about a post's author and done, and why recipients still wait",
      "  essaim post explain 0bzt6gqb01000\n"
      "  essaim post explain --file mail.eml --list dev@lists.example.org --client 192.0.2.1",
      [&shell, id, file] {
        if (id->empty() == file->path.empty())
          return shell.fail_usage("give a queue id, or --file with --list");
        return with_site(shell, [&](Site& site) {
          return id->empty() ? explain_file(shell, site, *file) : explain(shell, site, *id);
        });
      });
  verb->add_option("ID", *id, "the queue id");
  verb->add_option("--file", file->path, "a message that was never posted, as it would come in")
      ->type_name("FILE");
  verb->add_option("--list", file->list, "the list it would be posted to")->type_name("LIST");
  verb->add_option("--client", file->client, "address of the client, for SPF (127.0.0.1)")->type_name("IP");
  verb->add_option("--helo", file->helo, "name that the client says")->type_name("NAME");
  verb->add_option("--from", file->from, "the envelope's sender; default: the author")->type_name("ADDRESS");
}

}  // namespace essaim::smtpd::cli
