#include "smtpd/cli/failure_filter.h"

#include <tuple>

#include <CLI/CLI.hpp>

namespace essaim::smtpd::cli {

void add_failure_options(CLI::App* verb, const std::shared_ptr<FailureFilter>& f, const std::string& since) {
  verb->add_option("--since", f->since, "who has failed not before: 3h, 1d, 2026-11-22T06:00:00Z" + since)
      ->type_name("TIME");
  verb->add_option("--until", f->until, "who has failed before")->type_name("TIME");
  verb->add_option("--list", f->list, "in posts to this list")->type_name("LIST");
  verb->add_option("--domain", f->domain, "those at this domain")->type_name("DOMAIN");
  verb->add_option("--why", f->why,
                   "with these words in the reply that they failed with: 'blocklist', '5.7.1'")
      ->type_name("TEXT");
}

Result<storage::PostFilter> failures_meant(const FailureFilter& f, WallTime now) {
  storage::PostFilter out;
  out.failed = true;
  out.list = f.list;
  out.domain = f.domain;
  out.why = f.why;
  for (const auto& [name, text, time] :
       {std::tuple{"--since", &f.since, &out.since}, std::tuple{"--until", &f.until, &out.until}}) {
    if (text->empty()) continue;
    auto when = parse_when(*text, now);
    if (!when.ok()) return Error{ErrorCode::kInvalid, std::string(name) + ": " + when.error().message};
    *time = *when;
  }
  return out;
}

}  // namespace essaim::smtpd::cli
