// essaim post failures: who refuses us for good?
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "smtpd/cli/commands.h"
#include "smtpd/cli/failure_filter.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/failure_summary.h"

namespace essaim::smtpd::cli {
namespace {

using operate::FailuresBy;
using operate::FailureSum;

constexpr std::size_t kReplyShown = 160;

struct Arguments : FailureFilter {
  std::string by = "provider";
  std::size_t limit = 30;
};

struct Grouping {
  const char* name;
  FailuresBy by;
  const char* column;
};
constexpr Grouping kGroupings[] = {{"provider", FailuresBy::kProvider, "PROVIDER"},
                                   {"destination", FailuresBy::kDestination, "DESTINATION"},
                                   {"list", FailuresBy::kList, "LIST"},
                                   {"reply", FailuresBy::kReply, ""}};

Json as_json(const FailureSum& sum, const Grouping& by) {
  Json json = Json::object();
  if (by.by != FailuresBy::kReply) json[by.name] = sum.key;
  json["reply"] = sum.pattern;
  json["recipients"] = sum.recipients;
  json["posts"] = sum.posts;
  json["can_be_sent_again"] = sum.again;
  json["bounces"] = sum.bounces;
  json["lists"] = sum.lists;
  json["more_lists"] = sum.more_lists;
  json["first"] = format_iso8601(sum.first);
  json["last"] = format_iso8601(sum.last);
  json["example"] = {
      {"id", format_id(sum.post_id)}, {"recipient", sum.recipient}, {"host", sum.host}, {"reply", sum.reply}};
  return json;
}

void print_lines(const operate::FailureSums& sums, const Grouping& by, std::size_t limit, WallTime now) {
  std::vector<std::string> columns{"RECIPIENTS", "POSTS", "LISTS", "FIRST", "LAST"};
  if (by.by != FailuresBy::kReply) columns.emplace_back(by.column);
  columns.insert(columns.end(), {"A POST", "REPLY"});
  Table table(columns);
  for (std::size_t i = 0; i < sums.lines.size() && i < limit; ++i) {
    const FailureSum& sum = sums.lines[i];
    std::vector<std::string> cells{std::to_string(sum.recipients), std::to_string(sum.posts),
                                   std::to_string(sum.lists.size()) + (sum.more_lists ? "+" : ""),
                                   show_age(sum.first, now), show_age(sum.last, now)};
    if (by.by != FailuresBy::kReply) cells.push_back(sum.key);
    cells.push_back(format_id(sum.post_id));
    cells.push_back(sum.pattern.substr(0, kReplyShown));
    table.add(std::move(cells));
  }
  if (!table.empty()) print(table.text());
  if (sums.lines.size() > limit)
    print_line("and " + std::to_string(sums.lines.size() - limit) + " more lines; see --limit");
}

int failures(const Shell& shell, Arguments a) {
  const WallTime now = system_clock().wall_now();
  if (a.since.empty()) a.since = "1d";
  auto filter = failures_meant(a, now);
  if (!filter.ok()) return shell.fail_usage(filter.error().message);
  const Grouping* by = nullptr;
  for (const Grouping& one : kGroupings)
    if (a.by == one.name) by = &one;
  if (by == nullptr)
    return shell.fail_usage("--by: \"" + a.by + "\" is none of provider, destination, list, reply");
  return with_site(shell, [&](Site& site) {
    auto sums = operate::sum_up_failures(site.database(), *filter, by->by);
    if (!sums.ok()) return shell.fail(sums.error());
    if (shell.json) {
      Json lines = Json::array();
      for (const FailureSum& sum : sums->lines) lines.push_back(as_json(sum, *by));
      print_json(
          {{"since", format_iso8601(filter->since)},
           {"until", filter->until == WallTime{} ? Json(nullptr) : Json(format_iso8601(filter->until))},
           {"recipients", sums->recipients},
           {"posts", sums->posts},
           {"can_be_sent_again", sums->again},
           {"unread_posts", sums->unread.size()},
           {"failures", lines}});
    } else {
      print_lines(*sums, *by, a.limit, now);
      print_line(plural(sums->recipients, "recipient") + " of " + plural(sums->posts, "post") +
                 " failed for good since " + show_time(filter->since) +
                 (sums->recipients > 0 ? "; " + std::to_string(sums->again) +
                                             " can be sent to again (essaim post retry --since)"
                                       : ""));
    }
    if (sums->unread.empty()) return static_cast<int>(kOk);
    std::fprintf(stderr, "essaim: %s cannot be read, or not all of them, and are not counted; post %s: %s\n",
                 plural(static_cast<std::int64_t>(sums->unread.size()), "post").c_str(),
                 format_id(sums->unread.front().first).c_str(),
                 for_display(sums->unread.front().second).c_str());
    return static_cast<int>(kFailed);
  });
}

}  // namespace

void add_post_failures(Shell& shell, CLI::App* post) {
  auto a = std::make_shared<Arguments>();
  CLI::App* verb =
      shell.verb(post, "failures", "who refused mail for good: sums by provider and reply",
                 "  essaim post failures\n  essaim post failures --since 3h --by destination\n"
                 "  essaim post failures --why 5.7.1 --domain example.net --since 2026-11-22T02:00:00Z",
                 [&shell, a] { return failures(shell, *a); });
  add_failure_options(verb, a, " (1d)");
  verb->add_option("--by", a->by,
                   "provider (of the hosts that said it, by their names), destination, list or reply")
      ->type_name("WHAT");
  verb->add_option("--limit", a->limit, "at most so many lines (30)")->type_name("N")->check(wrong_count);
}

}  // namespace essaim::smtpd::cli
