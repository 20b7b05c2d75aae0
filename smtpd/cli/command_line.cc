// Puts the command line together, and says what is wrong with one that cannot be understood.
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/cli/commands.h"
#include "storage/database_hosts.h"

namespace essaim::smtpd::cli {
namespace {

std::string path_of(const CLI::App* app) {
  return app->get_parent() == nullptr ? "essaim" : path_of(app->get_parent()) + " " + app->get_name();
}

std::vector<std::string> names_below(const CLI::App* app) {
  std::vector<std::string> out;
  for (const CLI::App* sub : app->get_subcommands([](const CLI::App* s) { return !s->get_group().empty(); }))
    out.push_back(sub->get_name());
  return out;
}

// The first word that should name a noun or verb and does not; "" if all do. *at becomes the app that was
// reached.
std::string unknown_word(const std::vector<std::string>& words, const CLI::App** at) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (names_below(*at).empty()) return "";
    if (word == "--config") {
      ++i;
      continue;
    }
    if (word.starts_with("-")) continue;
    const CLI::App* next = nullptr;
    for (const CLI::App* sub : (*at)->get_subcommands([](const CLI::App*) { return true; }))
      if (sub->get_name() == word) next = sub;
    if (next == nullptr) return word;
    *at = next;
  }
  return "";
}

int complain(const Shell& shell, const CLI::App* at, const std::string& what) {
  return shell.fail_usage(what + "\nsee: " + path_of(at) + " --help");
}

std::string unknown_option(const CLI::App* at, const std::string& option) {
  std::vector<std::string> known;
  for (const CLI::Option* o : at->get_options())
    for (const std::string& name : o->get_lnames()) known.push_back("--" + name);
  const std::string meant = nearest(option.substr(0, option.find('=')), known);
  return "unknown option " + option + (meant.empty() ? "" : "; did you mean " + meant + "?");
}

// An option that is there without a value is a variable of a script that is not set. As if it were not there it would let the
// command reach more than is meant: all posts of a list, say, and not those of a domain. "": there is none.
std::string option_without_value(const CLI::App* at) {
  for (const CLI::Option* option : at->get_options()) {
    const auto& names = option->get_lnames();
    if (names.empty() || option->count() == 0 || option->get_items_expected_max() == 0) continue;
    if (names[0] == "reason" || names[0] == "name" || names[0] == "from" || names[0] == "helo") continue;
    const auto& values = option->results();
    if (std::any_of(values.begin(), values.end(), [](const std::string& value) { return value.empty(); }))
      return "--" + names[0];
  }
  for (const CLI::App* below : at->get_subcommands()) {
    if (std::string found = option_without_value(below); !found.empty()) return found;
  }
  return "";
}

// "KEY = x" of "Could not convert: KEY = x", in words.
std::string in_words(const std::string& what) {
  constexpr std::string_view kNumber = "Could not convert: ";
  const std::size_t equals = what.find(" = ");
  if (!what.starts_with(kNumber) || equals == what.npos) return what;
  return what.substr(kNumber.size(), equals - kNumber.size()) + ": \"" + what.substr(equals + 3) +
         "\" is not a number";
}

int explain(const Shell& shell, const std::vector<std::string>& words, const CLI::ParseError& error) {
  const CLI::App* at = &const_cast<Shell&>(shell).root();
  const std::string word = unknown_word(words, &at);
  const auto below = names_below(at);
  if (!word.empty()) {
    const std::string meant = nearest(word, below);
    return complain(shell, at,
                    "unknown command \"" + word + "\"; " +
                        (meant.empty() ? "there are: " + joined(below) : "did you mean \"" + meant + "\"?"));
  }
  if (!below.empty())
    return complain(shell, at, path_of(at) + ": what is to be done? There are: " + joined(below));
  for (const std::string& w : words) {
    if (w == "--") break;
    if (!w.starts_with("--")) continue;
    const std::string name = w.substr(0, w.find('='));
    if (at->get_option_no_throw(name) == nullptr) return complain(shell, at, unknown_option(at, w));
  }
  return complain(shell, at, path_of(at) + ": " + in_words(error.what()));
}

int finish(int code) {
  const int error = flush_output();
  if (error == 0 || error == EPIPE) return code;  // nobody wants to read it
  std::fprintf(stderr, "essaim: cannot write the output: %s\n", std::strerror(error));
  return code == kOk ? static_cast<int>(kFailed) : code;
}

// A command does its work by another one, so one line is enough, and who reads JSON asks `storage check`. (Where there is no other,
// the error names all.)
void say_if_a_host_failed(const Shell& shell) {
  storage::set_teller_of_hosts(
      [&shell, told = std::make_shared<std::atomic<bool>>(false)](const std::string& error) {
        if (!shell.json && !told->exchange(true))
          std::fprintf(stderr, "essaim: %s; another host is tried\n", escaped_for_display(error).c_str());
      });
}

}  // namespace

void add_commands(Shell& shell) {
  add_serve(shell);
  add_bounce(shell);
  add_config(shell);
  add_domain(shell);
  add_account(shell);
  add_dkim(shell);
  add_list(shell);
  add_member(shell);
  add_person(shell);
  add_post(shell);
  add_held(shell);
  add_leave_key(shell);
  add_listmaster(shell);
  add_digest(shell);
  add_request(shell);
  add_scenario(shell);
  add_template(shell);
  add_block(shell);
  add_queue(shell);
  add_destination(shell);
  add_storage(shell);
  add_tls(shell);
  add_job(shell);
  add_node(shell);
  add_doctor(shell);
  add_filter(shell);
  add_top(shell);
  add_server_commands(shell);
  add_completion(shell);
  add_man(shell);
}

int run_command_line(int argc, char** argv) {
  CLI::App root("Essaim, a mailing-list mail server.", "essaim");
  root.get_formatter()->column_width(34);
  root.set_version_flag("--version", "essaim " ESSAIM_VERSION);
  Shell shell(root);
  add_commands(shell);
  std::vector<std::string> words(argv + 1, argv + argc);
  // Not by the parser: these are half typed.
  if (words.size() > 2 && words[0] == "completion" && words[1] == "words") {
    log::set_level(log::Level::kError);
    print(fitting_words(shell, {words.begin() + 2, words.end()}));
    return finish(kOk);
  }
  // `essaim help list set` is `essaim list set --help`.
  if (!words.empty() && words[0] == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  try {
    root.parse(std::vector<std::string>(words.rbegin(), words.rend()));  // it takes them from the end
  } catch (const CLI::CallForHelp& help) {
    const CLI::App* at = &root;
    if (!unknown_word(words, &at).empty()) return explain(shell, words, help);
    print(root.help());
    return finish(kOk);
  } catch (const CLI::CallForVersion&) {
    print_line("essaim " ESSAIM_VERSION);
    return finish(kOk);
  } catch (const CLI::ParseError& error) {
    return explain(shell, words, error);
  } catch (const std::exception& error) {
    return shell.fail_usage(error.what());
  }
  if (const std::string empty = option_without_value(&root); !empty.empty())
    return shell.fail_usage(empty + ": its value is empty");
  // Commands say what they have to say themselves; the server sets its own level.
  log::set_level(log::Level::kWarning);
  say_if_a_host_failed(shell);
  return finish(shell.run_chosen());
}

}  // namespace essaim::smtpd::cli
