// essaim config: the configuration file, and what the database says of domains, lists and members, as text.
#include <CLI/CLI.hpp>
#include <unistd.h>

#include "core/config/render.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/interruption.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/text_options.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/dns_options.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/places_check.h"
#include "smtpd/operate/user.h"
#include "smtpd/settings/show.h"
#include "smtpd/settings/table.h"

namespace essaim::smtpd::cli {
namespace {

// What the server reads as its user, though root can read it.
std::vector<std::string> unreadable(const Settings& s, const operate::User& user) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const ListenSettings& l : s.listen) {
    for (const std::string& file : l.certificates()) files.emplace_back("certificate", file);
    files.emplace_back("client_ca", l.client_ca);
  }
  files.emplace_back("authentication.key_file", s.authentication.key_file);
  if (s.delivery.ca_file != kAuthorities) files.emplace_back("delivery.ca_file", s.delivery.ca_file);
  files.emplace_back("dns.trust_anchor", s.trust_anchor);
  std::vector<std::string> wrong;
  for (const auto& [setting, file] : files) {
    if (file.empty() || ::access(file.c_str(), R_OK) != 0) continue;
    const auto readable = operate::require_readable(file, user);
    if (!readable.ok()) wrong.push_back("\"" + setting + "\": " + readable.error().message);
  }
  return wrong;
}

// What the next start would be refused for, and an open secret. `not_judged`: what only root, or the server's user, can find out.
std::vector<std::string> what_is_wrong(const Settings& s, std::string* not_judged) {
  std::vector<std::string> wrong;
  const auto note = [&wrong](const std::string& where, const auto& result) {
    if (!result.ok()) wrong.push_back(where + result.error().message);
  };
  for (const ListenSettings& l : s.listen) {
    if (l.certificates().empty()) continue;
    note("\"certificate\": ",
         net::TlsServerContext::load(net::TlsServerOptions{l.certificates(), l.client_ca}));
  }
  note("", operate::require_places(s));
  note("\"storage.password_file\": ", operate::database_password(s));
  note("", account_options(s));
  note("\"authentication.key_file\": ", operate::open_seal(s));
  note("\"authentication.key_file\": ", operate::require_private(s.authentication.key_file, s.user));
  if (s.delivery.ca_file != kAuthorities)
    note("\"delivery.ca_file\": ", net::TlsClientContext::with_authorities(s.delivery.ca_file));
  net::EventLoop loop("check");
  note("[dns]: ", dns::make_resolver(loop, operate::dns_options(s)));
  if (!s.user.empty()) note("", operate::find_user(s.user));
  operate::PlacesFound places = operate::check_places(s);
  *not_judged = std::move(places.not_judged);
  for (std::string& one : places.wrong) wrong.push_back(std::move(one));
  if (const auto user = operate::user_of_server(s); user && geteuid() == 0)
    for (std::string& one : unreadable(s, *user)) wrong.push_back(std::move(one));
  return wrong;
}

int check(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return shell.fail_usage(loaded.error().message);
  std::string wrong, not_judged;
  for (const std::string& one : what_is_wrong(loaded->settings, &not_judged))
    wrong += (wrong.empty() ? "" : "\n") + shell.config + ": " + one;
  if (!wrong.empty()) return shell.fail_usage(wrong);
  return shell.done(for_display(shell.config) + ": ok" +
                        (not_judged.empty() ? "" : "\nnot judged: " + for_display(not_judged)),
                    json_text({{"ok", true}, {"not_judged", not_judged}}));
}

int show(const Shell& shell) {
  auto loaded = load_settings(shell.config);
  if (!loaded.ok()) return shell.fail_usage(loaded.error().message);
  if (!shell.json) {
    print(config::render_effective(loaded->values));
    return kOk;
  }
  Json json = Json::object();
  for (const ShownValue& v : shown_values(loaded->values)) {
    Json value = v.list ? Json(v.texts) : Json(v.texts.empty() ? "" : v.texts[0]);
    json[v.name] = {{"value", value}, {"default", v.by_default}};
  }
  return print_json(json);
}

std::string manual() {
  return ".TH ESSAIM.TOML 5 \"\" \"Essaim " ESSAIM_VERSION
         "\" \"Mailing lists\"\n"
         ".SH NAME\nessaim.toml \\- configuration of the mailing\\-list server essaim\n"
         ".SH DESCRIPTION\n"
         "What is this node's own: who it is, where it listens, how it delivers. Domains, lists and members "
         "are in the "
         "database, see\n.BR essaim (1).\nThe file is TOML. Unknown keys, wrong types and impossible values "
         "are refused "
         "with file, line and the nearest valid name;\n.B essaim config check\ntells beforehand. Durations "
         "are written "
         "as 90s, 15m, 1h30m or 5d, sizes as 64K, 25M or 1G.\n.PP\n.B essaim config sample\nprints a "
         "complete file with "
         "comments.\n" +
         config::render_man(*settings_schema()) + ".SH SEE ALSO\n.BR essaim (1)\n";
}

int apply(const Shell& shell, const std::string& file, bool dry_run, bool remove_others, bool quiet) {
  auto text = read_text_file(file);
  if (!text.ok()) return shell.fail(text.error());
  return Interruption::end(with_site(shell, [&](Site& site) {
    const Interruption interruption;
    site.admin().end_when(Interruption::asked);
    auto plan = site.admin().apply_text(*text, dry_run, remove_others, quiet);
    if (!plan.ok())
      return shell.fail(
          {plan.error().code, (file == "-" ? "standard input" : file) + ": " + plan.error().message});
    if (plan->applied && !plan->lines.empty()) tell_of_suspensions(site);
    const lists::Dropped& dropped = plan->dropped;
    if (shell.json)
      return print_json({{"applied", plan->applied},
                         {"changes", plan->lines},
                         {"posts", dropped.posts},
                         {"requests", dropped.requests},
                         {"told", dropped.told},
                         {"more", dropped.more}});
    for (const std::string& line : plan->lines) print_line(for_display(line));
    print_line(plan->lines.empty() ? "nothing to change"
               : dry_run
                   ? plural(static_cast<std::int64_t>(plan->lines.size()), "change") + "; nothing was done"
                   : plural(static_cast<std::int64_t>(plan->lines.size()), "change") + " made");
    if (dropped.any())
      print_line(plural(dropped.posts, "post") + " and " + plural(dropped.requests, "request") +
                 " that waited on lists that are gone are dropped; people told of it: " +
                 std::to_string(dropped.told) +
                 (dropped.more ? "; the job held goes on with the rest within a minute or so" : ""));
    return static_cast<int>(kOk);
  }));
}

}  // namespace

void add_config(Shell& shell) {
  CLI::App* noun = shell.noun("config", "the configuration file; domains, lists and members as text");
  shell.verb(noun, "check", "is the configuration right", "  essaim config check --config essaim.toml",
             [&shell] { return check(shell); });
  shell.verb(noun, "show", "the settings in force, with defaults", "  essaim config show",
             [&shell] { return show(shell); });
  shell.verb(noun, "sample", "a complete configuration file with comments",
             "  essaim config sample > essaim.toml", [] {
               print(config::render_sample(*settings_schema()));
               return static_cast<int>(kOk);
             });
  shell.verb(noun, "man", "essaim.toml(5) for man", "  essaim config man > essaim.toml.5", [] {
    print(manual());
    return static_cast<int>(kOk);
  });
  shell.verb(noun, "export", "domains, lists and members as text", "  essaim config export > lists.toml",
             [&shell] {
               return with_site(shell, [&](Site& site) {
                 if (shell.json) {
                   const auto text = site.admin().export_text();
                   return text.ok() ? print_json({{"text", *text}}) : shell.fail(text.error());
                 }
                 // A full disk, or whoever stops reading it, ends it; what that was is said where the program ends.
                 bool printed = true;
                 const auto written = site.admin().export_text([&](std::string_view some) -> Result<void> {
                   print(some);
                   printed = std::ferror(stdout) == 0;
                   if (printed) return {};
                   return Error{ErrorCode::kTemporary, "the output cannot be written"};
                 });
                 if (!written.ok()) return printed ? shell.fail(written.error()) : static_cast<int>(kFailed);
                 return static_cast<int>(kOk);
               });
             });
  auto file = std::make_shared<std::string>();
  auto dry_run = std::make_shared<bool>(false);
  auto remove_others = std::make_shared<bool>(false);
  auto quiet = std::make_shared<bool>(false);
  CLI::App* verb = shell.verb(noun, "apply", "make domains, lists and members what a text says",
                              "  essaim config apply lists.toml --dry-run\n  essaim config apply lists.toml",
                              [&shell, file, dry_run, remove_others, quiet] {
                                return apply(shell, *file, *dry_run, *remove_others, *quiet);
                              });
  verb->add_option("FILE", *file, "as written by `config export`; - is standard input")->required();
  verb->add_flag("--dry-run", *dry_run, "say what would change, and change nothing");
  verb->add_flag("--remove-others", *remove_others,
                 "also remove domains and lists that the text does not name");
  verb->add_flag("--quiet", *quiet, "nobody is told of posts and requests that waited on lists that go");
}

}  // namespace essaim::smtpd::cli
