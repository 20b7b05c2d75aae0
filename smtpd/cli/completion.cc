// essaim completion: what fits at the cursor of a command line. The shell's script asks the program, which knows its commands
// by their own tree, so that it is always true, and the database, where there is one that can be read.
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/id.h"
#include "core/base/text.h"
#include "lists/admin.h"
#include "lists/settings.h"
#include "smtpd/cli/commands.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/jobs.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/restore.h"
#include "smtpd/settings/settings.h"
#include "storage/copied_away.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"
#include "storage/node_store.h"
#include "storage/schema.h"

namespace essaim::smtpd::cli {
namespace {

using Words = std::vector<std::string>;

// Nobody looks through more at a prompt.
constexpr std::size_t kMostWords = 1000;
constexpr Duration kPatience = std::chrono::seconds(2);
// Instead of words: names of files fit, which the shell knows.
constexpr std::string_view kFiles = ":files";

// Words go by white space: readline would take an address for three. What is quoted with white space in it is not understood, and
// nothing is offered. Errors are not shown, and nothing is waited for: a server of the database may be silent.
constexpr std::string_view kBash =
    R"bash(# essaim(1) in bash, from "essaim completion bash". The program itself says what fits.
_essaim() {
  local line=${COMP_LINE:0:COMP_POINT} quotes=$'["\'\\\\]' cur word
  local -a words
  COMPREPLY=()
  read -r -d '' -a words <<<"$line"
  [[ $line == *[[:blank:]] ]] && words+=("")
  words=("${words[@]//$quotes/}")
  cur=${words[-1]}
  # What is replaced is $2, less than the word where there is an = or @ in it.
  [[ ${#words[@]} -gt 1 && $cur == *"$2" ]] || return 0
  while IFS= read -r word; do
    if [[ $word == :files ]]; then
      compopt -o default 2>/dev/null
      return 0
    fi
    [[ $word == *= ]] && compopt -o nospace 2>/dev/null
    COMPREPLY+=("${word#"${cur%"$2"}"}")
  done < <(timeout 3 "$1" completion words "${words[@]:1}" 2>/dev/null </dev/null)
}
complete -F _essaim essaim
)bash";

// Read by `source`, or found as _essaim where zsh looks for functions.
constexpr std::string_view kZsh =
    R"zsh(#compdef essaim
# essaim(1) in zsh, from "essaim completion zsh". The program itself says what fits.
_essaim() {
  local -a found
  local none=1
  found=("${(@f)$(timeout 3 "${(Q)words[1]}" completion words "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  if [[ $found[1] == :files ]]; then
    _files
    return
  fi
  found=(${found:#})
  compadd -S '' -- ${(M)found:#*=} && none=0
  compadd -- ${found:#*=} && none=0
  return none
}
if [[ ${funcstack[1]-} == _essaim ]]; then
  _essaim "$@"
else
  compdef _essaim essaim
fi
)zsh";

// A tab must not make a database or wait for one: null unless it is there and whole.
std::unique_ptr<storage::Database> database_of(const Settings& settings) {
  if (const std::string file = settings.database_file(); !file.empty()) {
    std::error_code error;
    if (const auto size = std::filesystem::file_size(file, error); error || size == 0) return nullptr;
    if (!operate::require_no_restore(settings).ok()) return nullptr;
  }
  auto password = operate::database_password(settings);
  if (!password.ok()) return nullptr;
  storage::DatabaseOptions options = operate::database_options(settings, *password, 1);
  options.create = false;
  options.busy_timeout = options.reply_timeout = kPatience;
  auto database = storage::Database::open(options);
  if (!database.ok() || !storage::require_newest(**database).ok() ||
      !storage::require_not_copied_away(**database).ok())
    return nullptr;
  return *std::move(database);
}

Result<Words> stored_in(storage::Connection& connection, const std::string& kind) {
  Words out;
  storage::DirectoryStore directory(connection);
  if (kind == "LIST" || kind == "PLACE") {
    const auto lists = directory.list_names("");
    if (!lists.ok()) return lists.error();
    for (const storage::ListName& list : *lists) out.push_back(list.address());
  }
  if (kind == "DOMAIN" || kind == "PLACE") {
    const auto domains = directory.domains();
    if (!domains.ok()) return domains.error();
    for (const storage::DomainRecord& domain : *domains) out.push_back(domain.name);
  }
  if (kind == "NODE") {
    const auto nodes = storage::NodeStore(connection).all();
    if (!nodes.ok()) return nodes.error();
    for (const storage::NodeSight& node : *nodes) out.push_back(node.hostname);
  }
  if (kind == "ID") {
    const auto held = storage::HeldStore(connection).search({});
    if (!held.ok()) return held.error();
    for (const storage::HeldRecord& one : *held) out.push_back(format_id(one.id));
  }
  return out;
}

// Whatever cannot be read has no words.
Words of_this_site(const std::string& config, const std::string& kind) {
  const auto loaded = load_settings(config);
  if (!loaded.ok()) return {};
  Words out;
  if (kind == "JOB") {
    for (const storage::Job& job : operate::make_jobs(loaded->settings, system_clock(), nullptr))
      out.push_back(job.name);
    return out;
  }
  if (const auto database = database_of(loaded->settings)) {
    auto found =
        database->read_now([&](storage::Connection& connection) { return stored_in(connection, kind); });
    if (!found.ok()) return {};
    out = *std::move(found);
  }
  if (kind == "PLACE") out.emplace_back("site");
  return out;
}

std::string kind_of(const CLI::Option* option) {
  if (option->get_positional()) return option->get_name(true);
  if (option->check_lname("list")) return "LIST";
  const std::string type = option->get_type_name();  // with what checks say of themselves: "TEXT:FILE"
  return type.substr(0, type.find(':'));
}

Words values_of(const CLI::Option* option, const CLI::App* verb, const std::string& config) {
  const std::string kind = kind_of(option);
  const std::string noun = verb->get_parent() == nullptr ? "" : verb->get_parent()->get_name();
  Words out;
  if (kind == "FILE") {
    out.emplace_back(kFiles);
  } else if (kind.find('|') != std::string::npos) {
    for (const std::string_view word : split(kind, '|')) out.emplace_back(word);
  } else if (kind == "ROLE") {
    for (const storage::Role role : {storage::Role::kMember, storage::Role::kOwner, storage::Role::kEditor})
      out.emplace_back(lists::to_string(role));
  } else if (kind == "KEY=VALUE") {
    if (noun == "member") return out;  // settings of its own
    for (const config::Setting& setting : lists::list_settings_table()) out.push_back(setting.name + "=");
  } else if (kind == "LIST" || kind == "PLACE" || kind == "NODE" || kind == "JOB" ||
             (kind == "ID" && noun == "held") ||
             // Elsewhere it is one of recipients.
             (kind == "DOMAIN" && noun != "destination" && noun != "queue")) {
    return of_this_site(config, kind);
  }
  return out;
}

Words commands_below(const CLI::App* app) {
  Words out;
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App* s) { return !s->get_group().empty(); }))
    out.push_back(sub->get_name());
  return out;
}

Words options_of(const CLI::App* app) {
  Words out;
  for (const CLI::Option* option : app->get_options())
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  return out;
}

// The argument that stands behind so many others; null: there is none any more.
const CLI::Option* argument_of(const CLI::App* verb, int before) {
  for (const CLI::Option* option : verb->get_options()) {
    if (!option->get_positional()) continue;
    if (before < option->get_items_expected_max()) return option;
    before -= option->get_items_expected_max();
  }
  return nullptr;
}

// The option that a word names and that takes a value; null: none.
const CLI::Option* option_with_value(const CLI::App* app, const std::string& word) {
  const CLI::Option* option = app->get_option_no_throw(word.substr(0, word.find('=')));
  return option == nullptr || option->get_items_expected_max() == 0 ? nullptr : option;
}

// Where on the command line the cursor is.
struct Place {
  const CLI::App* at;
  const CLI::Option* value_of = nullptr;  // that is what is to come
  int arguments = 0;
  bool options_over = false;  // by "--"
  std::string config;
};

// Nothing where a word names no command.
std::optional<Place> place_behind(Place place, const Words& words, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& word = words[i];
    if (place.value_of != nullptr) {
      if (place.value_of->check_lname("config")) place.config = word;
      place.value_of = nullptr;
    } else if (word == "--" && !place.options_over) {
      place.options_over = true;
    } else if (word.size() > 1 && word.front() == '-' && !place.options_over) {
      const CLI::Option* option = option_with_value(place.at, word);
      const std::size_t equals = word.find('=');
      if (option == nullptr) continue;
      if (equals == std::string::npos)
        place.value_of = option;
      else if (option->check_lname("config"))
        place.config = word.substr(equals + 1);
    } else if (commands_below(place.at).empty()) {
      ++place.arguments;
    } else {
      const CLI::App* next = nullptr;
      for (const CLI::App* sub : place.at->get_subcommands([](const CLI::App*) { return true; }))
        if (sub->get_name() == word) next = sub;
      if (next == nullptr) return std::nullopt;
      place.at = next;
    }
  }
  return place;
}

// Stands on a command line as it is: what a shell would read otherwise is not offered, since nobody looks at it before it runs.
bool is_plain(const std::string& word) {
  for (const char c : word) {
    const bool plain = static_cast<unsigned char>(c) >= 0x80 || (c >= '0' && c <= '9') ||
                       (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                       std::string_view("+,-./:=@_").find(c) != std::string_view::npos;
    if (!plain) return false;
  }
  return !word.empty() && escaped_for_display(word) == word;
}

}  // namespace

std::string fitting_words(Shell& shell, const std::vector<std::string>& words) {
  if (words.empty()) return "";
  const auto place =
      place_behind(Place{.at = &shell.root(), .config = shell.config}, words, words.size() - 1);
  if (!place) return "";
  const std::string& last = words.back();
  const std::size_t equals = last.find('=');
  const bool is_option = last.starts_with("-") && !place->options_over && place->value_of == nullptr;
  std::string before;  // what of it is no part of the value
  Words found;
  if (place->value_of != nullptr) {
    found = values_of(place->value_of, place->at, place->config);
  } else if (is_option && equals != std::string::npos) {
    before = last.substr(0, equals + 1);
    if (const CLI::Option* option = option_with_value(place->at, last))
      found = values_of(option, place->at, place->config);
  } else if (is_option) {
    found = options_of(place->at);
  } else if (found = commands_below(place->at); found.empty()) {
    if (const CLI::Option* argument = argument_of(place->at, place->arguments))
      found = values_of(argument, place->at, place->config);
    else if (!place->options_over)
      found = options_of(place->at);
  }
  std::string out;
  std::size_t count = 0;
  for (const std::string& word : found) {
    if (word == kFiles) return word + "\n";
    if (!(before + word).starts_with(last) || !is_plain(word)) continue;
    if (++count > kMostWords) break;
    out += before + word + "\n";
  }
  return out;
}

void add_completion(Shell& shell) {
  CLI::App* noun = shell.noun("completion", "completes this command line in a shell");
  shell.verb(noun, "bash", "for bash: commands, options, names of lists and domains",
             "  source <(essaim completion bash)\n  essaim completion bash > "
             "/usr/share/bash-completion/completions/essaim",
             [] {
               print(kBash);
               return static_cast<int>(kOk);
             });
  shell.verb(noun, "zsh", "for zsh: the same, behind compinit",
             "  source <(essaim completion zsh)\n  essaim completion zsh > "
             "/usr/local/share/zsh/site-functions/_essaim",
             [] {
               print(kZsh);
               return static_cast<int>(kOk);
             });
}

}  // namespace essaim::smtpd::cli
