// essaim man: essaim(1), from the tree of commands itself, so that it is always true.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/config/render.h"
#include "smtpd/cli/commands.h"

namespace essaim::smtpd::cli {
namespace {

std::string usage_of(const CLI::App* app) {
  std::string out;
  for (const CLI::Option* o : app->get_options()) {
    if (!o->get_positional()) continue;
    std::string name = o->get_name(true);
    if (o->get_items_expected_max() > 1) name += "...";
    out += " " + (o->get_required() ? name : "[" + name + "]");
  }
  return out;
}

void append_verb(const std::string& path, const CLI::App* app, std::string* out) {
  *out +=
      ".SS \"" + config::roff(path + usage_of(app)) + "\"\n" + config::roff(app->get_description()) + ".\n";
  for (const CLI::Option* o : app->get_options()) {
    const std::string name = o->get_name(false, false);
    if (name == "--help" || name == "-h,--help" || name == "--config" || name == "--json") continue;
    *out += ".TP\n.B " + config::roff(o->get_positional() ? o->get_name(true) : o->get_name(false, true));
    if (!o->get_positional() && o->get_items_expected_max() > 0)
      *out += " " + config::roff(o->get_type_name());
    *out += "\n" + config::roff(o->get_description()) + "\n";
  }
  std::string footer = app->get_footer();
  const std::string head = "Examples:\n";
  if (footer.starts_with(head)) {
    *out += ".PP\n.EX\n";
    footer.erase(0, head.size());
    for (std::string_view line : split(footer, '\n')) *out += config::roff(line) + "\n";
    *out += ".EE\n";
  }
}

std::string man_page(const CLI::App& root) {
  std::string out = ".TH ESSAIM 1 \"\" \"Essaim " ESSAIM_VERSION
                    "\" \"Mailing lists\"\n"
                    ".SH NAME\nessaim \\- a mailing\\-list mail server\n"
                    ".SH SYNOPSIS\n.B essaim\n.I noun verb\n[arguments] [\\-\\-config FILE] [\\-\\-json]\n"
                    ".SH DESCRIPTION\n"
                    "Essaim accepts mail for mailing lists by SMTP, decides what each list does with it, and "
                    "delivers to every "
                    "member's mail exchanger itself. One program is both the server (\\fBessaim serve\\fR) "
                    "and its command line.\n"
                    ".PP\nEvery command works while the server runs and while it does not, unless it is "
                    "about the running server.\n"
                    ".SH OPTIONS OF EVERY COMMAND\n"
                    ".TP\n.BI \\-\\-config \" FILE\"\nThe configuration, see\n.BR essaim.toml "
                    "(5);\n/etc/essaim/essaim.toml if not "
                    "given.\n.TP\n.B \\-\\-json\nOutput for machines; names do not change.\n.TP\n.B "
                    "\\-\\-help\nOptions and "
                    "examples.\n.SH COMMANDS\n";
  const auto visible = [](const CLI::App* s) { return !s->get_group().empty(); };
  for (const CLI::App* noun : root.get_subcommands(visible)) {
    const auto verbs = noun->get_subcommands(visible);
    const std::string path = "essaim " + noun->get_name();
    if (verbs.empty()) append_verb(path, noun, &out);
    for (const CLI::App* verb : verbs) append_verb(path + " " + verb->get_name(), verb, &out);
  }
  out +=
      ".SH EXIT STATUS\n.TP\n.B 0\nDone; also when it was so already.\n.TP\n.B 1\nIt failed or was "
      "refused, or what was named does "
      "not exist, also to delete or to remove it; of several that were named, one of them.\n.TP\n.B 2\nThe "
      "command or the configuration is wrong.\n.TP\n.B 3\nOf \\fBessaim "
      "serve\\fR: another server runs under this host name.\n"
      ".SH SEE ALSO\n.BR essaim.toml (5)\n";
  return out;
}

}  // namespace

void add_man(Shell& shell) {
  shell
      .verb("man", "essaim(1) for man", "  essaim man > essaim.1",
            [&shell] {
              print(man_page(shell.root()));
              return static_cast<int>(kOk);
            })
      ->group("");
}

}  // namespace essaim::smtpd::cli
