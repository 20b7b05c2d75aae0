// essaim held: posts and requests that wait for somebody.
#include <limits>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/config/values.h"
#include "lists/held/answer.h"
#include "lists/held/prepare.h"
#include "lists/names.h"
#include "lists/site_texts.h"
#include "lists/verified.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/held_json.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/post_elsewhere.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "storage/held_store.h"
#include "storage/held_trail.h"

namespace essaim::smtpd::cli {

using storage::HeldKind;
using storage::HeldRecord;
using storage::HeldState;

const char* name_of(HeldKind kind) {
  switch (kind) {
    case HeldKind::kModeration:
      return "moderation";
    case HeldKind::kConfirmation:
      return "confirmation";
    case HeldKind::kRequest:
      return "request";
    case HeldKind::kApproval:
      return "approval";
    case HeldKind::kListmaster:
      return "listmaster";
    case HeldKind::kInvitation:
      return "invitation";
  }
  return "?";
}

const char* name_of(HeldState state) {
  switch (state) {
    case HeldState::kWaiting:
      return "waits";
    case HeldState::kApproved:
      return "approved";
    case HeldState::kRejected:
      return "rejected";
    case HeldState::kExpired:
      return "expired";
  }
  return "?";
}

Json held_json(const HeldRecord& held) {
  return {{"id", format_id(held.id)},
          {"kind", name_of(held.kind)},
          {"state", name_of(held.state)},
          {"list", held.list_address},
          {"author", held.author},
          {"sender", held.sender},
          {"subject", held.subject},
          {"message_id", held.message_id},
          {"size", held.size},
          {"rule", held.rule},
          {"client", held.client},
          {"account", held.detail("account")},
          {"held", format_iso8601(held.held)},
          {"expires", format_iso8601(held.expires)},
          {"decided", held.decided == WallTime{} ? Json(nullptr) : Json(format_iso8601(held.decided))},
          {"decided_by", held.decided_by},
          {"reason", held.reason},
          {"became", storage::next_on_trail(held) == 0 ? "" : format_id(storage::next_on_trail(held))}};
}

namespace {

struct Options {
  std::string list, sender, subject, message_id, account, client, reason;
  std::vector<std::string> ids;
  bool all = false, ban = false, quiet = false;
};
// All of them, however many: what is left out would be taken for what is not there.
constexpr std::size_t kNoLimit = std::numeric_limits<std::int64_t>::max();

// Those that are asked for, as posts are found by it; of a list that is asked for by itself.
Result<storage::PostFilter> filter_of(const Options& options) {
  storage::PostFilter filter;
  auto sender = searched_sender(options.sender);
  if (!sender.ok()) return sender.error();
  filter.sender = *std::move(sender);
  if (!options.account.empty()) {
    auto name = account_name(options.account);
    if (!name.ok()) return name.error();
    filter.account = *std::move(name);
  }
  filter.client = options.client;
  filter.subject = options.subject;
  filter.message_id = options.message_id;
  return filter;
}

// Of a list, or of one that is gone and has left something behind.
Result<std::vector<HeldRecord>> search(storage::Connection& c, storage::HeldFilter filter,
                                       const std::string& name) {
  if (name.empty()) return storage::HeldStore(c).search(filter);
  const auto address = lists::checked_list(name);
  if (!address.ok()) return address.error();
  const auto list = lists::record_of(c, {name, ""});
  if (!list.ok() && list.error().code != ErrorCode::kNotFound) return list.error();
  if (list.ok())
    filter.list_id = list->id;
  else
    filter.list = address->to_string();
  auto held = storage::HeldStore(c).search(filter);
  if (held.ok() && held->empty() && !list.ok()) return list.error();
  return held;
}

int list(const Shell& shell, const Options& options) {
  const auto wanted = filter_of(options);
  if (!wanted.ok()) return shell.fail(wanted.error());
  return with_site(shell, [&](Site& site) {
    storage::HeldFilter filter;
    filter.decided = options.all;
    filter.limit = kNoLimit;
    const auto found = site.read([&](storage::Connection& c) { return search(c, filter, options.list); });
    if (!found.ok()) return shell.fail(found.error());
    const WallTime now = system_clock().wall_now();
    Json json = Json::array();
    Table table({"ID", "FOR", "STATE", "LIST", "BY", "SINCE", "EXPIRES", "WHAT"});
    for (const HeldRecord& held : *found) {
      if (!fits(*wanted, held)) continue;
      json.push_back(held_json(held));
      table.add({format_id(held.id), name_of(held.kind),
                 std::string(name_of(held.state)) + (held.decided_by.empty() ? "" : " by " + held.decided_by),
                 held.list_address, held.author, show_age(held.held, now), show_age(held.expires, now),
                 held.subject});
    }
    if (shell.json) return print_json(json);
    if (table.empty())
      print_line("nothing waits");
    else
      print(table.text());
    return static_cast<int>(kOk);
  });
}

Result<HeldRecord> find(storage::Connection& c, const std::string& text) {
  const auto id = parse_id(text);
  if (!id) return Error{ErrorCode::kInvalid, "\"" + text + "\" is no id; see: essaim held list"};
  auto held = storage::HeldStore(c).find(*id);
  if (!held.ok()) return held.error();
  if (!held->has_value()) return Error{ErrorCode::kNotFound, "nothing is held as " + text};
  return std::move(**held);
}

int show(const Shell& shell, const std::string& id) {
  return with_site(shell, [&](Site& site) {
    HeldRecord held;
    std::string message;
    auto read = site.read([&](storage::Connection& c) -> Result<void> {
      auto found = find(c, id);
      if (!found.ok()) return found.error();
      held = *std::move(found);
      if (!held.is_post() || held.state != HeldState::kWaiting) return {};
      auto text = storage::HeldStore(c).message(held.id);
      if (!text.ok()) return text.error();
      message = *std::move(text);
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    Json shown = held_json(held);
    shown["doubt"] = lists::doubt_about_author(held, "en");
    const std::vector<std::string> checks = lists::checks_of(held);
    if (shell.json) {
      shown["checks"] = checks;
      shown["message"] = message;
      return print_json(shown);
    }
    for (const auto& [name, value] : shown.items()) {
      if (!value.is_null() && !(value.is_string() && value.get_ref<const std::string&>().empty()))
        print_line(name + std::string(name.size() < 12 ? 12 - name.size() : 1, ' ') +
                   (value.is_string() ? for_display(value.get<std::string>()) : value.dump()));
    }
    for (const std::string& check : checks) print_line("check       " + for_display(check));
    if (!message.empty()) {
      print("\n");
      for (const std::string_view line : split(message, '\n'))
        print_line(escaped_for_display(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line, 4096));
    }
    return static_cast<int>(kOk);
  });
}

// Those that wait for the moderators of a list, too.
Result<std::vector<std::string>> ids_of(Site& site, const Options& options) {
  std::vector<std::string> out = options.ids;
  if (options.list.empty()) return out;
  ESSAIM_TRY(site.read([&](storage::Connection& c) -> Result<void> {
    auto list = lists::record_of(c, {options.list, ""});
    if (!list.ok()) return list.error();
    storage::HeldFilter filter;
    filter.list_id = list->id;
    filter.kind = HeldKind::kModeration;
    filter.limit = kNoLimit;
    auto held = storage::HeldStore(c).search(filter);
    if (!held.ok()) return held.error();
    for (const HeldRecord& one : *held) out.push_back(format_id(one.id));
    return {};
  }));
  return out;
}

// Somebody was first, and did the contrary of what is wanted now. (What was refused may be gone by now, and what was let
// pass may have been refused by the rules: then it is told, and is no success either.)
bool is_contrary(const std::optional<HeldRecord>& held, lists::Verdict verdict) {
  const HeldState wanted = verdict == lists::Verdict::kApprove ? HeldState::kApproved : HeldState::kRejected;
  return !held || held->state != wanted;
}

// Each in a transaction of its own: one that cannot be decided does not keep the others.
int decide(const Shell& shell, const Options& options, lists::Verdict verdict) {
  return with_site(shell, [&](Site& site) {
    const bool renders = verdict == lists::Verdict::kApprove;
    auto services = renders ? site.services_to_render() : site.services_with_tokens();
    if (!services.ok()) return shell.fail(services.error());
    lists::Requester who;
    who.is_operator = true;
    who.language = "en";
    lists::Answer answer;
    answer.by = "operator";
    answer.verdict = verdict;
    answer.reason = options.reason;
    answer.ban = options.ban;
    answer.quiet = options.quiet;
    int code = kOk;
    Json json = Json::array();
    const auto ids = ids_of(site, options);
    if (!ids.ok()) return shell.fail(ids.error());
    if (ids->empty() && options.list.empty()) return shell.fail_usage("give IDs, or --list LIST");
    if (ids->empty() && !shell.json) print_line("nothing waits");
    for (const std::string& id : *ids) {
      lists::Response response;
      bool contrary = false;
      const auto prepared = lists::prepared_now(
          *services, [&](lists::WriteContext& reading, lists::PreparedAnswers* out) -> Result<void> {
            auto held = find(reading.connection, id);
            return held.ok() ? lists::prepare_answer(reading, *held, answer, who, out) : Result<void>();
          });
      auto done = site.write_by_rules([&](storage::Connection& c) -> Result<void> {
        auto held = find(c, id);
        if (!held.ok()) return held.error();
        lists::WriteContext context{*services, c, system_clock().wall_now(), 0};
        context.prepared = &prepared;
        auto answered = lists::answer_held(context, *held, answer, who);
        if (!answered.ok()) return answered.error();
        response = *std::move(answered);
        contrary = false;
        if (response.status != lists::Response::Status::kAlready || response.decided) return {};
        auto now = storage::HeldStore(c).find(held->id);
        if (!now.ok()) return now.error();
        contrary = is_contrary(*now, verdict);
        return {};
      });
      if (!done.ok()) {
        code = shell.fail(done.error());
        continue;
      }
      if (response.status == lists::Response::Status::kRefused || contrary) code = kFailed;
      json.push_back({{"id", id},
                      {"status", lists::to_string(response.status)},
                      {"decided", response.decided},
                      {"text", response.text}});
      if (!shell.json) print_line(id + ": " + for_display(response.text));
    }
    if (shell.json) print_json(json);
    return code;
  });
}

}  // namespace

void add_held(Shell& shell) {
  CLI::App* noun = shell.noun("held", "posts and requests that wait for moderators, authors, owners");
  auto options = std::make_shared<Options>();
  const auto ids = [&](CLI::App* verb) {
    verb->add_option("ID", options->ids, "one or more, as essaim held list shows them");
    verb->add_option("--list", options->list, "all posts that wait for the moderators of this list")
        ->type_name("LIST");
  };
  CLI::App* all = shell.verb(noun, "list", "what waits",
                             "  essaim held list\n  essaim held list --list dev@lists.example.org --all\n"
                             "  essaim held list --account ann",
                             [&shell, options] { return list(shell, *options); });
  all->add_option("--list", options->list, "only those of this list")->type_name("LIST");
  all->add_option("--sender", options->sender, "only those from this address, or @domain")
      ->type_name("ADDRESS");
  all->add_option("--subject", options->subject, "only those with these words in the subject")
      ->type_name("TEXT");
  all->add_option("--message-id", options->message_id,
                  "only the post with this Message-ID, with or without <>")
      ->type_name("ID");
  all->add_option("--account", options->account, "only posts submitted by this account (essaim account)")
      ->type_name("NAME");
  all->add_option("--client", options->client,
                  "only those that came from this address, or from a machine of this name")
      ->type_name("IP");
  all->add_flag("--all", options->all, "also what was decided");
  shell
      .verb(noun, "show", "one of them, with its message", "  essaim held show 0a03zkr0004tb",
            [&shell, options] { return show(shell, options->ids.front()); })
      ->add_option("ID", options->ids, "as essaim held list shows it")
      ->required()
      ->expected(1);
  ids(shell.verb(noun, "approve", "let posts pass, or carry requests out",
                 "  essaim held approve 0a03zkr0004tb 0a03zkr0004tg\n  essaim held approve --list "
                 "dev@lists.example.org",
                 [&shell, options] { return decide(shell, *options, lists::Verdict::kApprove); }));
  CLI::App* reject = shell.verb(
      noun, "reject", "refuse them",
      "  essaim held reject 0a03zkr0004tb --reason 'off topic'\n  essaim held reject 0a03zkr0004tb --ban",
      [&shell, options] { return decide(shell, *options, lists::Verdict::kReject); });
  ids(reject);
  reject->add_option("--reason", options->reason, "told to the author")->type_name("TEXT");
  reject->add_flag("--ban", options->ban, "put the author on the list's blocklist");
  reject->add_flag("--quiet", options->quiet, "nobody is told");
}

}  // namespace essaim::smtpd::cli
