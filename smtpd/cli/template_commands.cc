// essaim template: the words of service messages. essaim block: addresses that nobody wants to hear of.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/scenario/filter.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/text_options.h"

namespace essaim::smtpd::cli {
namespace {

int list_templates(const Shell& shell, const TextOptions& options) {
  return with_site(shell, [&](Site& site) {
    auto names =
        lists::SiteTexts(site.database(), system_clock()).names(options.place, storage::TextKind::kTemplate);
    if (!names.ok()) return shell.fail(names.error());
    Json json = Json::array();
    Table table({"NAME", "FROM", "FOR"});
    for (const auto& one : *names) {
      json.push_back({{"name", one.name}, {"from", one.from}, {"for", one.title}});
      table.add({one.name, one.from, one.title});
    }
    if (shell.json) return print_json(json);
    print(table.text());
    return static_cast<int>(kOk);
  });
}

int list_blocked(const Shell& shell, const TextOptions& options) {
  return with_site(shell, [&](Site& site) {
    Json json = Json::array();
    Table table({"BLOCKED", "FROM"});
    auto read = site.read([&](storage::Connection& c) -> Result<void> {
      auto place = lists::record_of(c, options.place);
      if (!place.ok()) return place.error();
      auto levels = storage::TextStore(c).of_all_levels(storage::TextKind::kFilter, "blocklist.txt",
                                                        {place->id, place->domain_id});
      if (!levels.ok()) return levels.error();
      for (const auto& level : *levels) {
        const char* from = level.owner == 0 ? "site" : level.owner == place->id ? "list" : "domain";
        for (const std::string_view line : split(level.text, '\n')) {
          const auto pattern = trimmed(line);
          if (pattern.empty() || pattern.front() == '#') continue;
          json.push_back({{"pattern", std::string(pattern)}, {"from", from}});
          table.add({std::string(pattern), from});
        }
      }
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    if (shell.json) return print_json(json);
    if (table.empty())
      print_line("nobody is blocked");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

int change_blocked(const Shell& shell, const TextOptions& options, bool add) {
  return with_site(shell, [&](Site& site) {
    lists::SiteTexts texts(site.database(), system_clock());
    auto done = add ? texts.block(options.place, options.name) : texts.unblock(options.place, options.name);
    if (!done.ok()) return shell.fail(done.error());
    const bool changed = *done == lists::Change::kDone;
    if (!changed && !add)
      return shell.fail({ErrorCode::kNotFound, options.name + " is not blocked for " + place_name(options)});
    const char* what = !add ? " is not blocked any more" : changed ? " is blocked" : " was blocked already";
    return shell.done(for_display(options.name) + what, json_text({{"changed", changed}}));
  });
}

}  // namespace

void add_template(Shell& shell) {
  CLI::App* noun =
      shell.noun("template", "the words of service messages, per site, domain, list and language");
  auto options = std::make_shared<TextOptions>();
  const auto named = [&](CLI::App* verb) {
    verb->add_option("NAME", options->name, "as welcome, or welcome.fr for one language")->required();
    add_place(verb, *options);
  };
  const auto kind = storage::TextKind::kTemplate;
  add_place(shell.verb(noun, "list", "the messages, and where their words come from",
                       "  essaim template list\n  essaim template list --list dev@lists.example.org",
                       [&shell, options] { return list_templates(shell, *options); }),
            *options);
  named(shell.verb(noun, "show", "the template in force", "  essaim template show welcome.fr",
                   [&shell, options] { return show_text(shell, kind, *options); }));
  CLI::App* set =
      shell.verb(noun, "set",
                 "keep a template: \"Subject: ...\", an empty line, the text; refused if it cannot be filled",
                 "  essaim template set welcome.fr bienvenue.txt --list dev@lists.example.org",
                 [&shell, options] { return set_text(shell, kind, *options); });
  named(set);
  set->add_option("FILE", options->file, "with the template; - is standard input")->required();
  named(shell.verb(noun, "delete",
                   "take a template away; the words behind it in the search order are used again",
                   "  essaim template delete welcome.fr --list dev@lists.example.org",
                   [&shell, options] { return delete_text(shell, kind, *options); }));
}

void add_block(Shell& shell) {
  CLI::App* noun =
      shell.noun("block", "addresses, domains and patterns that may do nothing (setting use_blocklist)");
  auto options = std::make_shared<TextOptions>();
  const auto named = [&](CLI::App* verb) {
    verb->add_option("PATTERN", options->name, "an address, *@bad.example, or with * anywhere")->required();
    add_place(verb, *options);
  };
  add_place(shell.verb(noun, "list", "who is blocked, and by which level",
                       "  essaim block list --list dev@lists.example.org",
                       [&shell, options] { return list_blocked(shell, *options); }),
            *options);
  named(shell.verb(
      noun, "add", "block somebody",
      "  essaim block add spammer@bad.example --domain lists.example.org\n  essaim block add '*@bad.example'",
      [&shell, options] { return change_blocked(shell, *options, true); }));
  named(shell.verb(noun, "remove", "unblock somebody",
                   "  essaim block remove spammer@bad.example --domain lists.example.org",
                   [&shell, options] { return change_blocked(shell, *options, false); }));
}

}  // namespace essaim::smtpd::cli
