// essaim post remove-text: a text that is not to be kept goes before its time.
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/post_text.h"

namespace essaim::smtpd::cli {
namespace {

Json ids_json(const std::vector<Id>& ids) {
  Json out = Json::array();
  for (const Id id : ids) out.push_back(format_id(id));
  return out;
}

int remove_text(const Shell& shell, const std::vector<std::string>& words, bool dry_run) {
  std::vector<Id> ids;
  for (const std::string& text : words) {
    const auto id = parse_id(text);
    if (!id) return shell.fail_usage(no_queue_id(text, "essaim post find"));
    ids.push_back(*id);
  }
  return with_site(shell, [&](Site& site) {
    const auto done = operate::remove_post_text(site.database(), ids, dry_run);
    if (!done.ok()) return shell.fail(done.error());
    // A script must not take for gone what is still there, or was mistyped.
    const int outcome = done->refused.empty() && done->unknown.empty() ? kOk : kFailed;
    if (shell.json) {
      static_cast<void>(print_json({{"dry_run", dry_run},
                                    {"removed", ids_json(done->removed)},
                                    {"gone", ids_json(done->gone)},
                                    {"unknown", ids_json(done->unknown)},
                                    {"refused", done->refused}}));
      return outcome;
    }
    for (const Id id : done->removed)
      print_line("post " + format_id(id) + ": its text " + (dry_run ? "would be removed" : "is removed") +
                 "; the ledger stays, and nobody can be sent it again");
    for (const Id id : done->gone) print_line("post " + format_id(id) + ": its text was gone already");
    for (const Id id : done->unknown) print_line("no post " + format_id(id));
    for (const std::string& one : done->refused) print_line(for_display(one));
    return outcome;
  });
}

}  // namespace

void add_post_text(Shell& shell, CLI::App* post) {
  auto ids = std::make_shared<std::vector<std::string>>();
  auto dry_run = std::make_shared<bool>(false);
  CLI::App* verb = shell.verb(
      post, "remove-text",
      "take the text of posts away that nobody waits for; where somebody failed it is kept for the time of "
      "the setting retention.failed (three days). What the ledger says of them stays",
      "  essaim post remove-text 0bzt6gqb01000 --dry-run\n"
      "  essaim queue delete 0bzt6gqb01000 && essaim post remove-text 0bzt6gqb01000",
      [&shell, ids, dry_run] { return remove_text(shell, *ids, *dry_run); });
  verb->add_option("ID", *ids, "queue ids, from the log or `post find`")->required();
  verb->add_flag("--dry-run", *dry_run, "only say which it would be");
}

}  // namespace essaim::smtpd::cli
