#include "smtpd/cli/text_options.h"

#include <CLI/CLI.hpp>

#include "core/base/read_file.h"
#include "core/base/text.h"
#include "lists/scenario/shipped.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"

namespace essaim::smtpd::cli {

void add_place(CLI::App* verb, TextOptions& options) {
  verb->add_option("--list", options.place.list, "of this list")->type_name("LIST");
  verb->add_option("--domain", options.place.domain, "of this domain; without either, of the site")
      ->type_name("DOMAIN");
}

std::string place_name(const TextOptions& options) {
  const std::string& place = options.place.list.empty() ? options.place.domain : options.place.list;
  return place.empty() ? "the site" : place;
}

Result<std::string> read_text_file(const std::string& path) {
  return path == "-" ? read_standard_input() : read_file(path);
}

namespace {
// "; there is no friends.txt yet, ...", or "".
Result<std::string> without_filters(Site& site, const TextOptions& options, Json* names) {
  std::string out;
  *names = Json::array();
  ESSAIM_TRY(site.read([&](storage::Connection& connection) -> Result<void> {
    auto place = lists::record_of(connection, options.place);
    if (!place.ok()) return place.error();
    auto missing = lists::missing_filters(connection, *place, options.name);
    if (!missing.ok()) return missing.error();
    for (const std::string& one : *missing) {
      out += (out.empty() ? "; there is no " : ", no ") + one;
      names->push_back(one);
    }
    return {};
  }));
  if (!out.empty()) out += " yet, and until there is, who is judged by it hears 451";
  return out;
}
}  // namespace

std::string remarks_on_scenario(const std::string& name, const std::string& text) {
  std::string out;
  const std::string function = name.substr(0, name.find('.'));
  const auto* known = lists::scenario::find_function(function);
  if (known != nullptr && !known->used) out += "; nothing asks for " + function + " yet";
  if (trimmed(text).empty() && known != nullptr) out += "; it has no rule, which refuses everybody";
  for (const std::string& one : lists::rejections_without_words(name, text))
    out += "; there are no words of the name " + for_display(one) + ": write reject(reason='...')";
  return out;
}

int set_text(const Shell& shell, storage::TextKind kind, const TextOptions& options) {
  auto text = read_text_file(options.file);
  if (!text.ok()) return shell.fail(text.error());
  if (kind == storage::TextKind::kTemplate && trimmed(*text).empty())
    return shell.fail_usage((options.file == "-" ? "standard input" : options.file) +
                            ": it has no words, and people would get an empty mail; essaim template delete " +
                            options.name + " takes the shipped words again");
  return with_site(shell, [&](Site& site) {
    auto done =
        lists::SiteTexts(site.database(), system_clock()).set(options.place, kind, options.name, *text);
    if (!done.ok()) return shell.fail(done.error());
    const bool changed = *done == lists::Change::kDone;
    Json json{{"changed", changed}};
    std::string missing;
    if (kind == storage::TextKind::kScenario) {
      auto found = without_filters(site, options, &json["missing_filters"]);
      if (!found.ok()) return shell.fail(found.error());
      missing = *std::move(found) + remarks_on_scenario(options.name, *text);
    }
    return shell.done((changed ? options.name + " set" : "nothing changed") + missing, json_text(json));
  });
}

int delete_text(const Shell& shell, storage::TextKind kind, const TextOptions& options) {
  return with_site(shell, [&](Site& site) {
    auto done = lists::SiteTexts(site.database(), system_clock()).remove(options.place, kind, options.name);
    if (!done.ok()) return shell.fail(done.error());
    if (*done != lists::Change::kDone)
      return shell.fail({ErrorCode::kNotFound, "there is no " + options.name + " of " + place_name(options)});
    return shell.done(options.name + " deleted", json_text({{"changed", true}}));
  });
}

int show_text(const Shell& shell, storage::TextKind kind, const TextOptions& options) {
  return with_site(shell, [&](Site& site) {
    auto shown = lists::SiteTexts(site.database(), system_clock()).show(options.place, kind, options.name);
    if (!shown.ok()) return shell.fail(shown.error());
    if (shell.json) return print_json({{"name", options.name}, {"from", shown->from}, {"text", shown->text}});
    print(shown->text);
    if (!shown->text.ends_with('\n')) print("\n");
    return static_cast<int>(kOk);
  });
}

}  // namespace essaim::smtpd::cli
