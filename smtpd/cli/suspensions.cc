#include "smtpd/cli/suspensions.h"

#include <cstdio>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/suspensions_json.h"
#include "storage/retry_calls.h"

namespace essaim::smtpd::cli {

using storage::SuspensionRecord;
using storage::SuspensionScope;

std::shared_ptr<SuspendOptions> add_suspend_options(CLI::App* verb) {
  auto options = std::make_shared<SuspendOptions>();
  verb->add_option("--reason", options->reason, "for those who ask later; it stands in the ledger")
      ->type_name("TEXT");
  auto* span = verb->add_option("--for", options->span, "how long: 30m, 2h, 1d; without it, until resumed")
                   ->type_name("SPAN");
  verb->add_option("--until", options->until, "when it ends: 2026-11-22T18:00:00Z, or 2h from now")
      ->type_name("TIME")
      ->excludes(span);
  return options;
}

Json suspension_json(const SuspensionRecord& s) {
  Json json{{"scope", storage::to_string(s.scope)}};
  if (s.scope == SuspensionScope::kDestination) json["destination"] = s.subject;
  if (s.scope == SuspensionScope::kList) json["list"] = s.subject;
  json["reason"] = s.reason;
  json["since"] = format_iso8601(s.since);
  json["until"] = s.until == WallTime{} ? Json(nullptr) : Json(format_iso8601(s.until));
  return json;
}

Json suspensions_json(const std::vector<SuspensionRecord>& all) {
  Json json = Json::array();
  for (const auto& s : all) json.push_back(suspension_json(s));
  return json;
}

std::string describe(const SuspensionRecord& s) {
  return "suspended by operator since " + show_time(s.since) +
         (s.until == WallTime{} ? "" : " until " + show_time(s.until)) +
         (s.reason.empty() ? "" : ": " + for_display(s.reason));
}

Result<std::vector<SuspensionRecord>> suspensions(Site& site) {
  auto out = site.read([&](storage::Connection& c) { return storage::SuspensionStore(c).all(); });
  if (!out.ok()) return out;
  std::erase_if(*out, [now = system_clock().wall_now()](const auto& s) { return s.over(now); });
  return out;
}

const SuspensionRecord* find_suspension(const std::vector<SuspensionRecord>& all, SuspensionScope scope,
                                        const std::string& subject) {
  for (const auto& s : all)
    if (s.scope == scope && s.subject == subject) return &s;
  return nullptr;
}

namespace {

constexpr std::size_t kMostReason = 300;

// The server reads suspensions again, and forgets that the domain was dead.
void poke(Site& site, const std::string& domain) {
  static_cast<void>(admin::call(site.settings().admin_socket(), {"suspensions", {{"domain", domain}}},
                                std::chrono::seconds(5))
                        .ok());
}

Result<WallTime> end_of(const SuspendOptions& options, WallTime now) {
  if (options.until.empty() && options.span.empty()) return WallTime{};
  const std::string option = options.span.empty() ? "--until: " : "--for: ";
  Duration span{};
  if (!options.span.empty() && !parse_duration(options.span, &span))
    return Error{ErrorCode::kInvalid, option + "\"" + options.span + "\" is not a time span: 30m, 2h, 1d"};
  auto when = parse_until(options.span.empty() ? options.until : options.span, now);
  if (!when.ok()) return Error{ErrorCode::kInvalid, option + when.error().message};
  if (*when <= now) return Error{ErrorCode::kInvalid, option + "this time is over"};
  return when;
}

}  // namespace

void tell_of_suspensions(Site& site) {
  poke(site, "");
}

void tell_of_suspension(Site& site, const std::string& address) {
  const auto list = site.admin().list_by_any_name(address);
  const auto stopped = suspensions(site);
  if (!list.ok() || !stopped.ok()) return;  // it is done, and this is only a remark
  const auto* known = find_suspension(*stopped, SuspensionScope::kList, list->address());
  if (known == nullptr) return;
  std::fprintf(stderr, "essaim: posts to it wait: %s; essaim list resume %s\n", describe(*known).c_str(),
               for_display(list->address()).c_str());
}

int suspend(const Shell& shell, Site& site, SuspensionScope scope, const std::string& subject,
            const std::string& name, const SuspendOptions& options, const std::vector<std::string>& others) {
  SuspensionRecord record;
  record.scope = scope;
  record.subject = subject;
  record.reason = options.reason;
  record.since = system_clock().wall_now();
  if (record.reason.size() > kMostReason)
    return shell.fail_usage("--reason: at most " + std::to_string(kMostReason) + " octets");
  auto until = end_of(options, record.since);
  if (!until.ok()) return shell.fail(until.error());
  record.until = *until;
  std::vector<SuspensionRecord> all{record};
  for (const std::string& other : others) {
    all.push_back(record);
    all.back().subject = other;
  }
  const auto done =
      site.database().write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        for (const SuspensionRecord& one : all) ESSAIM_TRY(storage::SuspensionStore(c).suspend(one));
        return {};
      });
  if (!done.ok()) return shell.fail(done.error());
  for (const SuspensionRecord& one : all)
    log::info("suspended",
              {{"scope", storage::to_string(scope)},
               {"what", one.subject},
               {"until", one.until == WallTime{} ? std::string("resumed") : format_iso8601(one.until)},
               {"reason", one.reason}});
  poke(site, "");
  return shell.done(for_display(name) + " suspended" +
                        (record.until == WallTime{} ? " until resumed" : " until " + show_time(record.until)),
                    json_text(suspension_json(record)));
}

int resume(const Shell& shell, Site& site, SuspensionScope scope, const std::string& subject,
           const std::string& name, const std::vector<std::string>& others) {
  std::vector<std::string> resumed;
  const auto done =
      site.database().write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        resumed.clear();
        storage::SuspensionStore store(c);
        ESSAIM_TRY(store.drop_expired(system_clock().wall_now()));
        std::vector<std::string> subjects = others;
        subjects.insert(subjects.begin(), subject);
        for (const std::string& one : subjects) {
          const auto ended = store.resume(one, scope);
          if (!ended.ok() && ended.error().code != ErrorCode::kNotFound) return ended.error();
          if (ended.ok()) resumed.push_back(one);
        }
        return {};
      });
  if (!done.ok()) return shell.fail(done.error());
  const bool was = !resumed.empty();
  for (const std::string& one : resumed)
    log::info("resumed", {{"scope", storage::to_string(scope)}, {"what", one}});
  const bool domain =
      scope == SuspensionScope::kDestination && !subject.starts_with(storage::kSuspendedHosts);
  if (domain) {
    const auto called = site.database().write_now(
        storage::Durability::kAccept,
        [&subject](storage::Connection& c) { return storage::call_for_retry(c, subject); });
    if (!called.ok()) return shell.fail(called.error());
  }
  poke(site, domain ? subject : "");
  return shell.done(was ? for_display(name) + " resumed"
                        : for_display(name) + " was not suspended by an operator" +
                              (domain ? "; it is tried again if it was dead" : ""),
                    json_text({{"changed", was}}));
}

}  // namespace essaim::smtpd::cli
