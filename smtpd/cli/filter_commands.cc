// essaim filter: whether mail filters answer, and what they say about a message.
#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/network.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/operate/filter_check.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd::cli {
namespace {

struct Arguments {
  std::vector<std::string> names;
  operate::MessageForFilters message;
};

int check(const Shell& shell, const Arguments& a) {
  if (!parse_network(a.message.client))
    return shell.fail_usage("--client: \"" + for_display(a.message.client) + "\" is no IP address");
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return shell.fail({ErrorCode::kInvalid, loaded.error().message});
  log::set_level(log::Level::kError);  // the answers say it
  const auto answers = operate::check_filters(loaded->settings, a.names, a.message);
  if (!answers.ok()) return shell.fail(answers.error());
  bool good = true;
  Json json = Json::array();
  Table table({"FILTER", "ADDRESS", "ANSWERS", "TOOK", "SAYS"});
  for (const operate::FilterAnswer& one : *answers) {
    good = good && one.answers;
    const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(one.took).count();
    json.push_back({{"filter", one.filter},
                    {"address", one.address},
                    {"answers", one.answers},
                    {"took_ms", took},
                    {"says", one.words}});
    table.add({one.filter, one.address, one.answers ? "yes" : "NO", std::to_string(took) + " ms", one.words});
  }
  if (shell.json) {
    print_json(json);
  } else if (table.empty()) {
    print_line("the configuration has no [[filter]]");
  } else {
    print(table.text());
  }
  return good ? kOk : kFailed;
}

}  // namespace

void add_filter(Shell& shell) {
  auto a = std::make_shared<Arguments>();
  CLI::App* filter = shell.noun("filter", "mail filters (milters), as [[filter]] names them");
  CLI::App* app =
      shell.verb(filter, "check",
                 "show each address of each filter a message, and say what it answers; fails if one does "
                 "not. The message goes "
                 "nowhere else",
                 "  essaim filter check\n"
                 "  essaim filter check rspamd --message spam.eml --client 192.0.2.1 --from eve@example.net",
                 [&shell, a] { return check(shell, *a); });
  app->add_option("NAME", a->names, "only these; default: all");
  app->add_option("--message", a->message.path, "the message; default: a short one that nobody objects to")
      ->type_name("FILE");
  app->add_option("--client", a->message.client, "address that it seems to come from (default 127.0.0.1)")
      ->type_name("IP");
  app->add_option("--helo", a->message.helo, "name that the client gives (default: this host's)")
      ->type_name("NAME");
  app->add_option("--from", a->message.from, "its sender (default: the postmaster)")->type_name("ADDRESS");
  app->add_option("--to", a->message.to, "its recipient (default: the postmaster)")->type_name("ADDRESS");
}

}  // namespace essaim::smtpd::cli
