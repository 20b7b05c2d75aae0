// Commands to the running server: trace, reload, drain, log.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/names.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/route.h"
#include "smtpd/settings/settings.h"
#include "storage/post_store.h"

namespace essaim::smtpd::cli {
namespace {

Result<Settings> settings_of(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return Error{ErrorCode::kInvalid, loaded.error().message};
  return std::move(loaded->settings);
}

// Asks the server and shows the "message" of its answer.
int ask(const Shell& shell, const admin::Request& request) {
  auto settings = settings_of(shell);
  if (!settings.ok()) return shell.fail(settings.error());
  auto answer = admin::call(settings->admin_socket(), request);
  if (!answer.ok()) return shell.fail(answer.error());
  return shell.done(for_display(Json::parse(*answer).value("message", std::string("done"))), *answer);
}

// Of a list that there is no more.
bool posts_wait(Site& site, const std::string& list) {
  storage::PostFilter filter;
  filter.list = list;
  filter.unfinished = true;
  filter.limit = 1;
  bool any = false;
  const auto read = site.read([&](storage::Connection& connection) -> Result<void> {
    const auto found = storage::PostStore(connection).search(filter);
    if (!found.ok()) return found.error();
    any = !found->empty();
    return {};
  });
  return any || !read.ok();
}

// What is mistyped would be waited for for ever. Posts are traced by the name that they were accepted under, which the list may have
// no more, or nothing has. A list is looked up where the database can be; a trace is for when it cannot
// be, too.
Result<void> require_target(const Shell& shell, const Settings& settings, const std::string& destination,
                            const std::string& list) {
  if (!destination.empty() && !operate::is_smarthost(settings, destination)) {
    const auto domain = lists::checked_domain(destination);
    if (!domain.ok()) return Error{ErrorCode::kInvalid, "--destination: " + domain.error().message};
  }
  if (list.empty()) return {};
  const auto address = lists::checked_list(list);
  if (!address.ok()) return Error{ErrorCode::kInvalid, "--list: " + address.error().message};
  auto site = Site::open(shell);
  if (!site.ok()) return {};
  const auto known = (*site)->admin().list_by_any_name(list);
  if (known.ok() && !shell.json && known->address() != address->to_string())
    std::fprintf(stderr, "essaim: %s is called %s now; posts that were accepted before are traced\n",
                 for_display(address->to_string()).c_str(), for_display(known->address()).c_str());
  const bool missing = !known.ok() && known.error().code == ErrorCode::kNotFound;
  return missing && !posts_wait(**site, list) ? known.error() : Result<void>();
}

int trace(const Shell& shell, const std::string& peer, const std::string& destination,
          const std::string& list) {
  admin::Request request{"trace", {}};
  if (!peer.empty()) request.arguments["peer"] = peer;
  if (!destination.empty()) request.arguments["destination"] = destination;
  if (!list.empty()) request.arguments["list"] = list;
  if (request.arguments.size() != 1)
    return shell.fail_usage("what is to be traced? One of --peer IP, --destination DOMAIN, --list ADDRESS");
  auto settings = settings_of(shell);
  if (!settings.ok()) return shell.fail(settings.error());
  const auto meant = require_target(shell, *settings, destination, list);
  if (!meant.ok()) return shell.fail(meant.error());
  const auto done = admin::stream(
      settings->admin_socket(), request,
      [&] {
        if (!shell.json) std::fprintf(stderr, "tracing; end with Ctrl-C\n");
      },
      [&](const std::string& line) {
        print_line(shell.json ? json_text({{"line", line}}) : escaped_for_display(line, 8192));
        return flush_output() == 0;
      });
  return done.ok() ? static_cast<int>(kOk) : shell.fail(done.error());
}

}  // namespace

void add_server_commands(Shell& shell) {
  auto peer = std::make_shared<std::string>();
  auto destination = std::make_shared<std::string>();
  auto list = std::make_shared<std::string>();
  CLI::App* verb =
      shell.verb("trace", "show SMTP dialogues of the running server as they happen",
                 "  essaim trace --peer 192.0.2.1\n  essaim trace --destination example.net\n"
                 "  essaim trace --list dev@lists.example.org",
                 [&shell, peer, destination, list] { return trace(shell, *peer, *destination, *list); });
  verb->add_option("--peer", *peer, "what comes in from this client")->type_name("IP");
  verb->add_option(
          "--destination", *destination,
          "what goes out to this domain, and to others on the same connections (by a smart host: all "
          "its mail); one trace of a destination or list at a time")
      ->type_name("DOMAIN");
  verb->add_option("--list", *list, "what goes out for this list; what comes in for it is in --peer")
      ->type_name("ADDRESS");

  shell.verb("reload", "read the configuration and certificates again (as SIGHUP)", "  essaim reload",
             [&shell] {
               return ask(shell, {"reload", {}});
             });
  shell.verb("drain",
             "stop the server: finish what is under way, then exit (as SIGTERM). With essaim.socket, stop "
             "that first: "
             "the next client would start the server again",
             "  essaim drain", [&shell] {
               return ask(shell, {"drain", {}});
             });
  auto level = std::make_shared<std::string>();
  CLI::App* log = shell.noun("log", "the log of the running server");
  shell
      .verb(log, "level", "change the level until the next reload", "  essaim log level debug",
            [&shell, level] {
              return ask(shell, {"log-level", {{"level", *level}}});
            })
      ->add_option("LEVEL", *level, "debug, info, warning or error")
      ->required();
}

}  // namespace essaim::smtpd::cli
