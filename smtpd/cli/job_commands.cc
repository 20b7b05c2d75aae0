// essaim job: scheduled work.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/jobs.h"

namespace essaim::smtpd::cli {
namespace {

int list(const Shell& shell, Site& site) {
  auto states =
      operate::job_states(site.database(), operate::make_jobs(site.settings(), system_clock(), nullptr));
  if (!states.ok()) return shell.fail(states.error());
  Json json = Json::array();
  Table table({"JOB", "EVERY", "LAST RUN", "OK", "RESULT"});
  for (const auto& s : *states) {
    const bool ran = s.finished != WallTime{};
    json.push_back(
        {{"name", s.name},
         {"interval_seconds", std::chrono::duration_cast<std::chrono::seconds>(s.interval).count()},
         {"started", s.started == WallTime{} ? Json(nullptr) : Json(format_iso8601(s.started))},
         {"finished", ran ? Json(format_iso8601(s.finished)) : Json(nullptr)},
         {"ok", ran ? Json(s.succeeded) : Json(nullptr)},
         {"result", s.result}});
    table.add({s.name, format_duration(s.interval), show_time(s.finished),
               ran ? (s.succeeded ? "yes" : "no") : "", ran ? s.result : "never ran"});
  }
  if (shell.json) return print_json(json);
  print(table.text());
  return kOk;
}

int run(const Shell& shell, Site& site, const std::string& name) {
  // Only digests are rendered, and bear addresses to return to.
  const auto services =
      name == "digests" ? site.services_to_render() : Result<lists::Services>(site.services());
  if (!services.ok()) return shell.fail(services.error());
  auto jobs = operate::make_jobs(site.settings(), system_clock(), &*services);
  std::vector<std::string> names;
  storage::JobRunner runner(site.database(), system_clock(), 0);
  for (auto& job : jobs) {
    names.push_back(job.name);
    runner.add(std::move(job));
  }
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    const std::string meant = nearest(name, names);
    return shell.fail(Error{ErrorCode::kNotFound, "no job \"" + name + "\"" +
                                                      (meant.empty() ? "; see: essaim job list"
                                                                     : "; did you mean \"" + meant + "\"?")});
  }
  auto result = runner.run_now(name);
  if (!result.ok()) return shell.fail(result.error());
  return shell.done(for_display(*result), json_text({{"result", *result}}));
}

}  // namespace

void add_job(Shell& shell) {
  CLI::App* noun = shell.noun("job", "scheduled work: retention, reports, digests");
  shell.verb(noun, "list", "the jobs and their last runs", "  essaim job list",
             [&shell] { return with_site(shell, [&](Site& site) { return list(shell, site); }); });
  auto name = std::make_shared<std::string>();
  shell
      .verb(noun, "run", "run a job now", "  essaim job run retention",
            [&shell, name] { return with_site(shell, [&](Site& site) { return run(shell, site, *name); }); })
      ->add_option("JOB", *name, "its name")
      ->required();
}

}  // namespace essaim::smtpd::cli
