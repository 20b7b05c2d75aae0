// essaim request: what people ask for by mail, from the shell; through the same door, by the same rules.
#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "lists/domain_alone.h"
#include "lists/names.h"
#include "lists/requests/request.h"
#include "lists/site_texts.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/pairs.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/set_in_vain.h"
#include "smtpd/cli/site.h"
#include "smtpd/cli/suspensions.h"
#include "smtpd/cli/text_options.h"
#include "storage/directory_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

using lists::Verb;

// What a verb is given: a list (there already, or yet to be made) or a domain, an address, a name.
struct Row {
  Verb verb;
  const char* name;
  const char* help;
  enum class Place { kList, kNewList, kDomain, kNewDomain, kAnywhere } place;
  enum class Rest {
    kNone,
    kAddress,
    kRole,     // an address, and in which role
    kOptions,  // an address, and what changes
    kAddresses,
    kName,
    kPattern,
    kTextFile,
    kText,
    kSettings
  } rest;
  const char* example;  // of what stands behind the verb
};
constexpr Row kRows[] = {
    {Verb::kSubscribe, "subscribe", "put somebody on a list, with the welcome", Row::Place::kList,
     Row::Rest::kAddress, "dev@lists.example.org ann@example.org --name 'Ann Bee'"},
    {Verb::kUnsubscribe, "unsubscribe", "take somebody off a list, with the goodbye", Row::Place::kList,
     Row::Rest::kAddress, "dev@lists.example.org ann@example.org --as ann@example.org"},
    {Verb::kAdd, "add", "put somebody on a list in a role, as owners do", Row::Place::kList, Row::Rest::kRole,
     "dev@lists.example.org ann@example.org --role editor --as owner@example.org"},
    {Verb::kDelete, "delete", "take somebody off a list or a role, as owners do", Row::Place::kList,
     Row::Rest::kRole, "dev@lists.example.org ann@example.org --as owner@example.org"},
    {Verb::kSet, "set", "change how somebody gets the posts of a list: mail, nomail, conceal, noconceal",
     Row::Place::kList, Row::Rest::kOptions,
     "dev@lists.example.org ann@example.org nomail --as ann@example.org"},
    {Verb::kInvite, "invite", "invite somebody to a list", Row::Place::kList, Row::Rest::kAddress,
     "dev@lists.example.org ann@example.org --as owner@example.org"},
    {Verb::kReview, "review", "the members, as somebody sees them", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org --as ann@example.org"},
    {Verb::kInfo, "info", "what a list is for", Row::Place::kList, Row::Rest::kNone, "dev@lists.example.org"},
    {Verb::kStats, "stats", "how many members a list has", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org --as ann@example.org"},
    {Verb::kModIndex, "modindex", "the posts that wait for the moderators, with their keys",
     Row::Place::kList, Row::Rest::kNone, "dev@lists.example.org --as editor@example.org"},
    {Verb::kRemind, "remind", "remind all members of their membership", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org"},
    {Verb::kRemindAll, "remind-all", "remind the members of all lists of a domain", Row::Place::kDomain,
     Row::Rest::kNone, "lists.example.org --as listmaster@example.org"},
    {Verb::kCreate, "create", "make a list, whose owner is the address", Row::Place::kNewList,
     Row::Rest::kAddress, "dev@lists.example.org owner@example.org --name 'Developers'"},
    {Verb::kConfigure, "configure", "change settings of a list, as far as somebody may", Row::Place::kList,
     Row::Rest::kSettings, "dev@lists.example.org subject_tag='[bees]' footer= --as owner@example.org"},
    {Verb::kClose, "close", "refuse posts from now on", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org --as owner@example.org"},
    {Verb::kOpen, "open", "take posts again", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org --as owner@example.org"},
    {Verb::kRename, "rename", "call a list otherwise, also in another domain", Row::Place::kList,
     Row::Rest::kName, "dev@lists.example.org developers"},
    {Verb::kMoveUser, "move", "move somebody to another address on all lists of a domain",
     Row::Place::kDomain, Row::Rest::kAddresses, "lists.example.org ann@old.example.org ann@new.example.org"},
    {Verb::kDeleteList, "delete-list", "end a list", Row::Place::kList, Row::Rest::kNone,
     "dev@lists.example.org --as listmaster@example.org"},
    {Verb::kLists, "lists", "the lists of a domain that somebody may know of", Row::Place::kDomain,
     Row::Rest::kNone, "lists.example.org --as ann@example.org"},
    {Verb::kWhich, "which", "the lists that somebody is on", Row::Place::kDomain, Row::Rest::kNone,
     "lists.example.org --as ann@example.org"},
    {Verb::kCreateDomain, "create-domain", "take mail for a domain", Row::Place::kNewDomain, Row::Rest::kNone,
     "lists.example.org --as listmaster@example.org"},
    {Verb::kConfigureDomain, "configure-domain", "change what a domain sets for its lists",
     Row::Place::kDomain, Row::Rest::kSettings, "lists.example.org language=fr --as listmaster@example.org"},
    {Verb::kDeleteDomain, "delete-domain", "take no more mail for a domain; its lists must be gone",
     Row::Place::kDomain, Row::Rest::kNone, "lists.example.org --as listmaster@example.org"},
    {Verb::kAddListmaster, "add-listmaster", "make somebody listmaster of a domain, or of the site",
     Row::Place::kAnywhere, Row::Rest::kAddress, "lists.example.org ann@example.org --as root@example.org"},
    {Verb::kRemoveListmaster, "remove-listmaster", "make somebody no listmaster", Row::Place::kAnywhere,
     Row::Rest::kAddress, "lists.example.org ann@example.org --as root@example.org"},
    {Verb::kSetText, "set-text", "keep a scenario, a filter or a template", Row::Place::kAnywhere,
     Row::Rest::kTextFile, "dev@lists.example.org send.mine mine.txt --as owner@example.org"},
    {Verb::kDeleteText, "delete-text", "take a scenario, a filter or a template away", Row::Place::kAnywhere,
     Row::Rest::kText, "dev@lists.example.org send.mine --as owner@example.org"},
    {Verb::kBlock, "block", "hear no more of an address, a domain or a pattern", Row::Place::kAnywhere,
     Row::Rest::kPattern, "dev@lists.example.org '*@bad.example' --as owner@example.org"},
    {Verb::kUnblock, "unblock", "hear of it again", Row::Place::kAnywhere, Row::Rest::kPattern,
     "dev@lists.example.org '*@bad.example' --as owner@example.org"},
};

struct Asked {
  std::string place, first, name, role = "member", as, auth = "md5";
  std::vector<std::string> rest, more;
  bool quiet = false, is_template = false;
};

Result<storage::ListRecord> place_of(storage::Connection& c, const Row& row, const std::string& text) {
  storage::DirectoryStore directory(c);
  storage::ListRecord out;
  const bool anywhere = row.place == Row::Place::kAnywhere;
  if (anywhere && text == "site") return out;
  if (row.place == Row::Place::kList || (anywhere && text.find('@') != std::string::npos)) {
    const auto name = lists::checked_list(text);
    if (!name.ok()) return name.error();
    auto list = directory.find_list(name->local, name->domain);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return Error{ErrorCode::kNotFound, "there is no list " + name->to_string()};
    return std::move(**list);
  }
  std::string domain_name = text;
  if (row.place == Row::Place::kNewList) {
    const auto name = lists::checked_list(text);
    if (!name.ok()) return name.error();
    out.local = name->local;
    domain_name = name->domain;
  }
  const auto checked = lists::checked_domain(domain_name);
  if (!checked.ok()) return checked.error();
  auto domain = directory.find_domain(*checked);
  if (!domain.ok()) return domain.error();
  if (!domain->has_value() && row.place == Row::Place::kNewDomain) {
    out.domain = *checked;
    return out;
  }
  if (!domain->has_value()) return Error{ErrorCode::kNotFound, "there is no domain " + *checked};
  const std::string local = std::move(out.local);
  out = lists::domain_alone(**domain);
  out.local = local;
  return out;
}

Result<void> read_options(const std::vector<std::string>& words, lists::Request* request) {
  for (const std::string& word : words) {
    if (const auto reception = storage::parse_reception(word)) {
      request->reception = reception;
    } else if (word == "conceal" || word == "noconceal") {
      request->options.conceal = word == "conceal";
    } else {
      return Error{
          ErrorCode::kInvalid,
          "\"" + word +
              "\": there are mail, nomail, digest, digestplain, summary, not_me, conceal and noconceal"};
    }
  }
  return {};
}

// Whom it concerns; the name of who comes in, unless another one is given.
void set_person(lists::NewMember person, lists::Request* request) {
  request->email = std::move(person.address);
  const bool comes_in =
      request->verb == Verb::kSubscribe || request->verb == Verb::kAdd || request->verb == Verb::kInvite;
  if (comes_in && request->name.empty()) request->name = std::move(person.name);
}

Result<lists::Request> request_of(const Row& row, const Asked& asked) {
  lists::Request request;
  request.verb = row.verb;
  request.name = asked.name;
  request.quiet = asked.quiet;
  if (row.rest == Row::Rest::kName || row.rest == Row::Rest::kPattern) request.name = asked.rest.front();
  if (row.rest == Row::Rest::kText || row.rest == Row::Rest::kTextFile) {
    request.name = asked.first;
    request.kind =
        asked.is_template ? storage::TextKind::kTemplate : lists::kind_of_scenario_file(request.name);
  }
  if (row.rest == Row::Rest::kTextFile) {
    auto text = read_text_file(asked.more.front());
    if (!text.ok()) return text.error();
    request.text = *std::move(text);
  }
  if (row.rest == Row::Rest::kRole || row.rest == Row::Rest::kOptions) {
    auto person = person_of(row.rest == Row::Rest::kOptions ? asked.first : asked.rest.front());
    if (!person.ok()) return person.error();
    set_person(*std::move(person), &request);
    const auto role = lists::parse_role(asked.role);
    if (!role.ok()) return role.error();
    request.role = *role;
    ESSAIM_TRY(read_options(asked.more, &request));
  }
  if (row.rest == Row::Rest::kSettings) {
    auto pairs = parse_pairs(asked.rest);
    if (!pairs.ok()) return pairs.error();
    request.changes = as_changes(*pairs);
  }
  if (row.rest == Row::Rest::kAddress || row.rest == Row::Rest::kAddresses) {
    auto person = person_of(asked.rest.back());
    if (!person.ok()) return person.error();
    set_person(*std::move(person), &request);
  }
  if (row.rest == Row::Rest::kAddresses) {
    auto previous = address_of(asked.rest.front());
    if (!previous.ok()) return previous.error();
    request.previous = *std::move(previous);
  }
  return request;
}

Result<lists::Requester> requester_of(const Asked& asked) {
  lists::Requester who;
  who.language = "en";
  who.client = "the shell";
  who.is_operator = asked.as.empty();
  const auto auth = lists::scenario::parse_auth(asked.auth);
  if (!auth) return Error{ErrorCode::kInvalid, "--auth: there are smtp, dkim, md5, smtp_auth"};
  who.auth = *auth;
  if (who.is_operator) return who;
  auto address = address_of(asked.as);
  if (!address.ok()) return Error{ErrorCode::kInvalid, "--as: " + address.error().message};
  who.address = *std::move(address);
  return who;
}

int ask(const Shell& shell, const Row& row, const Asked& asked) {
  auto request = request_of(row, asked);
  if (!request.ok()) return shell.fail(request.error());
  auto who = requester_of(asked);
  if (!who.ok()) return shell.fail(who.error());
  if (who->is_operator && row.verb == Verb::kWhich) return shell.fail_usage("which needs --as ADDRESS");
  return with_site(shell, [&](Site& site) {
    auto services = site.services_with_tokens();
    if (!services.ok()) return shell.fail(services.error());
    lists::Response response;
    auto done = site.write_by_rules([&](storage::Connection& c) -> Result<void> {
      auto place = place_of(c, row, asked.place);
      if (!place.ok()) return place.error();
      request->list = *std::move(place);
      lists::WriteContext context{*services, c, system_clock().wall_now(), services->rank()};
      auto carried = lists::carry_out(context, *request, *who);
      if (!carried.ok()) return carried.error();
      response = *std::move(carried);
      return {};
    });
    if (!done.ok()) return shell.fail(done.error());
    if (row.verb == Verb::kRename || row.verb == Verb::kDeleteList || row.verb == Verb::kCreate)
      tell_of_suspensions(site);
    // Of a renamed one, the name that it had leads to it.
    if (response.status == lists::Response::Status::kDone &&
        (row.verb == Verb::kRename || row.verb == Verb::kCreate))
      tell_of_suspension(site, asked.place);
    if (response.status == lists::Response::Status::kDone && !request->changes.empty())
      tell_of_set_in_vain(site, asked.place, request->changes);
    if (shell.json) {
      print_json(
          {{"status", lists::to_string(response.status)}, {"rule", response.rule}, {"text", response.text}});
    } else {
      for (const std::string_view line : split(response.text, '\n'))
        print_line(escaped_for_display(line, 1000));
    }
    return static_cast<int>(response.status == lists::Response::Status::kRefused ? kFailed : kOk);
  });
}

}  // namespace

void add_request(Shell& shell) {
  CLI::App* noun = shell.noun("request", "what people ask for by mail, on their behalf");
  for (const Row& row : kRows) {
    auto asked = std::make_shared<Asked>();
    CLI::App* verb =
        shell.verb(noun, row.name, row.help, "  essaim request " + std::string(row.name) + " " + row.example,
                   [&shell, &row, asked] { return ask(shell, row, *asked); });
    const bool anywhere = row.place == Row::Place::kAnywhere;
    const bool domain = row.place == Row::Place::kDomain || row.place == Row::Place::kNewDomain;
    verb->add_option(anywhere ? "PLACE"
                     : domain ? "DOMAIN"
                              : "LIST",
                     asked->place, anywhere ? "a list, a domain, or site" : "where")
        ->required();
    switch (row.rest) {
      case Row::Rest::kNone:
        break;
      case Row::Rest::kAddress:
        verb->add_option("ADDRESS", asked->rest, "whom it concerns")->required()->expected(1);
        verb->add_option("--name", asked->name, "a name, or what a new list is for")->type_name("TEXT");
        break;
      case Row::Rest::kRole:
        verb->add_option("ADDRESS", asked->rest, "whom it concerns")->required()->expected(1);
        verb->add_option("--role", asked->role, "member, owner or editor")->type_name("ROLE");
        verb->add_option("--name", asked->name, "their name")->type_name("TEXT");
        break;
      case Row::Rest::kOptions:
        verb->add_option("ADDRESS", asked->first, "whom it concerns")->required();
        verb->add_option("OPTION", asked->more, "what changes")->required()->expected(1, 4);
        break;
      case Row::Rest::kPattern:
        verb->add_option("PATTERN", asked->rest, "an address, *@DOMAIN, or with * elsewhere")
            ->required()
            ->expected(1);
        break;
      case Row::Rest::kText:
      case Row::Rest::kTextFile:
        verb->add_option("NAME", asked->first, "as send.mine, friends.txt, welcome.fr")->required();
        if (row.rest == Row::Rest::kTextFile)
          verb->add_option("FILE", asked->more, "with the text; - is standard input")
              ->required()
              ->expected(1);
        verb->add_flag("--template", asked->is_template, "it is a template, no scenario or filter");
        break;
      case Row::Rest::kAddresses:
        verb->add_option("ADDRESSES", asked->rest, "the old one and the new one")->required()->expected(2);
        break;
      case Row::Rest::kSettings:
        verb->add_option("KEY=VALUE", asked->rest, "as for essaim list set")->required();
        break;
      case Row::Rest::kName:
        verb->add_option("NAME", asked->rest, "the new local part, or an address in another domain of ours")
            ->required()
            ->expected(1);
        break;
    }
    verb->add_option("--as", asked->as,
                     "who asks, whom the rules are about; without it the operator, who may all")
        ->type_name("ADDRESS");
    verb->add_option("--auth", asked->auth, "how they are known: smtp, dkim, md5 (default), smtp_auth")
        ->type_name("LEVEL");
    verb->add_flag("--quiet", asked->quiet, "nobody else is told");
  }
}

}  // namespace essaim::smtpd::cli
