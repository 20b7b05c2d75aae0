// essaim scenario: who may do what, and why. Also the named filters that scenarios search.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/mail/address_list.h"
#include "core/net/socket_address.h"
#include "core/smtp/address.h"
#include "core/smtp/idn.h"
#include "lists/authorisation.h"
#include "lists/policies.h"
#include "lists/scenario/shipped.h"
#include "lists/templates/phrases.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/text_options.h"

namespace essaim::smtpd::cli {
namespace {

struct Asked {
  std::string list, function, sender, email, previous, auth = "smtp", message, ip;
  bool confirmed = false;
};

int list(const Shell& shell, const TextOptions& options, const std::string& function) {
  return with_site(shell, [&](Site& site) {
    lists::SiteTexts texts(site.database(), system_clock());
    Json json = Json::array();
    Table table({"NAME", "FROM", "TITLE"});
    for (const auto kind : {storage::TextKind::kScenario, storage::TextKind::kFilter}) {
      auto names = texts.names(options.place, kind);
      if (!names.ok()) return shell.fail(names.error());
      for (const auto& one : *names) {
        if (!function.empty() && one.name.substr(0, one.name.find('.')) != function) continue;
        json.push_back({{"name", one.name}, {"from", one.from}, {"title", one.title}});
        table.add({one.name, one.from, one.title});
      }
    }
    if (shell.json) return print_json(json);
    if (table.empty())
      print_line("none for \"" + for_display(function) + "\"; without --function all are shown");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

int check(const Shell& shell, const TextOptions& options) {
  auto text = read_text_file(options.file);
  if (!text.ok()) return shell.fail(text.error());
  return with_site(shell, [&](Site& site) {
    auto checked = site.read([&](storage::Connection& c) -> Result<void> {
      auto place = lists::record_of(c, options.place);
      if (!place.ok()) return place.error();
      return lists::check_text(c, *place, lists::kind_of_scenario_file(options.name), options.name, *text);
    });
    if (!checked.ok()) return shell.fail(checked.error());
    const bool rules = lists::kind_of_scenario_file(options.name) == storage::TextKind::kScenario;
    return shell.done(options.name + " is in order" + (rules ? remarks_on_scenario(options.name, *text) : ""),
                      json_text({{"ok", true}}));
  });
}

const char* words_of(lists::scenario::Step::Result result) {
  switch (result) {
    case lists::scenario::Step::Result::kOtherLevel:
      return "other level";
    case lists::scenario::Step::Result::kDoesNotHold:
      return "does not hold";
    case lists::scenario::Step::Result::kDecides:
      return "DECIDES";
    case lists::scenario::Step::Result::kTrouble:
      return "given up";
  }
  return "?";
}

struct Explained {
  lists::Authorised decision;
  lists::scenario::Trace trace;
  std::shared_ptr<const lists::scenario::Scenario> scenario;
};

Result<Explained> explained(Site& site, Asked asked) {
  const auto auth = lists::scenario::parse_auth(asked.auth);
  if (!auth) return Error{ErrorCode::kInvalid, "--auth: there are smtp, dkim, md5, smtp_auth, smime"};
  if (lists::scenario::find_function(asked.function) == nullptr) {
    std::vector<std::string> names;
    for (const auto& one : lists::scenario::functions()) names.emplace_back(one.name);
    const std::string near = nearest(asked.function, names);
    return Error{ErrorCode::kInvalid, "there is no function \"" + asked.function + "\"" +
                                          (near.empty() ? "" : "; did you mean \"" + near + "\"?")};
  }
  for (const auto& [option, address] :
       {std::pair{"--sender", &asked.sender}, std::pair{"--email", &asked.email},
        std::pair{"--previous", &asked.previous}}) {
    if (address->empty()) continue;
    const auto mailbox = address_of(*address);
    if (!mailbox.ok())
      return Error{ErrorCode::kInvalid,
                   std::string(option) + ": \"" + for_display(*address) + "\": " + mailbox.error().message};
    *address = mailbox->to_string();
  }
  if (!asked.ip.empty() && !net::SocketAddress::from_ip(asked.ip, 0).ok())
    return Error{ErrorCode::kInvalid, "--ip: \"" + for_display(asked.ip) + "\" is no IP address"};
  std::string content;
  mail::HeaderBlock header;
  lists::scenario::Question question;
  if (!asked.message.empty()) {
    auto text = read_text_file(asked.message);
    if (!text.ok()) return text.error();
    for (const char c : *text) {  // as a file of this system has it
      if (c == '\n' && !content.ends_with('\r')) content.push_back('\r');
      content.push_back(c);
    }
    auto parsed = mail::HeaderBlock::parse(content);
    if (!parsed.ok()) return Error{ErrorCode::kInvalid, asked.message + ": " + parsed.error().message};
    header = *std::move(parsed);
    question.header = &header;
    question.body = std::string_view(content).substr(header.body_offset());
    if (asked.sender.empty()) {
      if (const auto* from = header.find("From")) {
        const auto people = mail::parse_address_list(from->raw_value());
        if (people.mailboxes.size() == 1)
          asked.sender = people.mailboxes[0].local + "@" + people.mailboxes[0].domain;
      }
    }
  }
  const std::string sender = asked.sender.empty() ? "nobody" : smtp::kept_address(asked.sender);
  const std::string email = smtp::kept_address(asked.email);
  const std::string previous = smtp::kept_address(asked.previous);
  Explained out;
  const lists::Services services = site.services();
  ESSAIM_TRY(site.read_by_rules([&](storage::Connection& c) -> Result<void> {
    out.trace = {};
    lists::TextPlace place;
    (asked.list.find('@') == std::string::npos ? place.domain : place.list) = asked.list;
    auto record = lists::record_of(c, place);
    if (!record.ok()) return record.error();
    question.sender = sender;
    question.email = email;
    question.previous_email = previous;
    question.listname = record->local;
    question.domain = record->domain;
    question.auth = *auth;
    question.sender_confirmed = asked.confirmed;
    question.remote_address = asked.ip;
    question.now = system_clock().wall_now();
    auto decided =
        lists::authorise(services, &c, *record, asked.function, question, nullptr, &out.trace, &out.scenario);
    if (!decided.ok()) return decided.error();
    out.decision = *std::move(decided);
    return {};
  }));
  return out;
}

int explain(const Shell& shell, const Asked& asked) {
  return with_site(shell, [&](Site& site) {
    auto found = explained(site, asked);
    if (!found.ok()) return shell.fail(found.error());
    const auto& action = found->decision.action;
    const std::string reason = action.kind == lists::scenario::ActionKind::kReject
                                   ? lists::reason_text("en", lists::reason_of(action))
                                   : "";
    if (shell.json) {
      Json json{{"action", action.to_string()},
                {"rule", found->decision.rule},
                {"reason", reason},
                {"scenario", found->scenario->file()},
                {"judged_as", lists::scenario::to_string(found->trace.judged_as)}};
      json["rules"] = Json::array();
      for (const auto& step : found->trace.steps)
        json["rules"].push_back(
            {{"rule", step.rule->where()}, {"text", step.rule->text}, {"result", words_of(step.result)}});
      return print_json(json);
    }
    print_line(action.to_string() + (reason.empty() ? "" : ": " + for_display(reason)) + "  [" +
               found->decision.rule + "]");
    print_line("scenario " + found->scenario->file() + ", judged as " +
               lists::scenario::to_string(found->trace.judged_as));
    Table table({"RULE", "RESULT", "TEXT"});
    for (const auto& step : found->trace.steps)
      table.add({step.rule->where(), words_of(step.result), step.rule->text});
    if (!table.empty()) print(table.text());
    return static_cast<int>(kOk);
  });
}

}  // namespace

void add_scenario(Shell& shell) {
  CLI::App* noun = shell.noun("scenario", "who may do what: rules, and the filters they search");
  auto options = std::make_shared<TextOptions>();
  auto function = std::make_shared<std::string>();
  auto asked = std::make_shared<Asked>();
  const auto named = [&](CLI::App* verb) {
    verb->add_option("NAME", options->name, "as send.mine, include.mine or friends.txt")->required();
    add_place(verb, *options);
  };

  CLI::App* all = shell.verb(
      noun, "list", "the scenarios and filters that there are, and where they come from",
      "  essaim scenario list\n  essaim scenario list --function send --list dev@lists.example.org",
      [&shell, options, function] { return list(shell, *options, *function); });
  add_place(all, *options);
  all->add_option("--function", *function, "only those of this function")->type_name("FUNCTION");
  named(shell.verb(
      noun, "show", "the text in force", "  essaim scenario show send.private",
      [&shell, options] { return show_text(shell, lists::kind_of_scenario_file(options->name), *options); }));
  CLI::App* set = shell.verb(
      noun, "set", "keep a text; a broken one is refused, and the one in force stays",
      "  essaim scenario set send.mine mine.txt --list dev@lists.example.org\n  essaim scenario set "
      "friends.txt - --domain lists.example.org",
      [&shell, options] { return set_text(shell, lists::kind_of_scenario_file(options->name), *options); });
  named(set);
  set->add_option("FILE", options->file, "with the text; - is standard input")->required();
  CLI::App* checked = shell.verb(noun, "check", "say what is wrong with a text, and where; keep nothing",
                                 "  essaim scenario check send.mine mine.txt",
                                 [&shell, options] { return check(shell, *options); });
  named(checked);
  checked->add_option("FILE", options->file, "with the text; - is standard input")->required();
  named(shell.verb(noun, "delete",
                   "take a text away; what lies behind it in the search order is in force again",
                   "  essaim scenario delete send.mine --list dev@lists.example.org", [&shell, options] {
                     return delete_text(shell, lists::kind_of_scenario_file(options->name), *options);
                   }));
  CLI::App* why = shell.verb(
      noun, "explain", "which rule decides for somebody, and why the others do not",
      "  essaim scenario explain dev@lists.example.org send --sender ann@example.org\n"
      "  essaim scenario explain dev@lists.example.org subscribe --sender ann@example.org --auth md5\n"
      "  essaim scenario explain dev@lists.example.org send --message mail.eml",
      [&shell, asked] { return explain(shell, *asked); });
  why->add_option("LIST", asked->list, "a list, or a domain for its functions")->required();
  why->add_option("FUNCTION", asked->function, "as send, subscribe, review")->required();
  why->add_option("--sender", asked->sender, "who asks; default: From of the message, else nobody")
      ->type_name("ADDRESS");
  why->add_option("--email", asked->email, "whom it concerns; default: the sender")->type_name("ADDRESS");
  why->add_option("--previous", asked->previous, "of move_user: the address that it was")
      ->type_name("ADDRESS");
  why->add_option("--auth", asked->auth, "how they are known: smtp (default), dkim, md5, smtp_auth, smime")
      ->type_name("LEVEL");
  why->add_flag("--confirmed", asked->confirmed, "as after a confirmation by key");
  why->add_option("--ip", asked->ip, "where they come from")->type_name("ADDRESS");
  why->add_option("--message", asked->message, "a post in a file; - is standard input")->type_name("FILE");
}

}  // namespace essaim::smtpd::cli
