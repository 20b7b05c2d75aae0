// essaim post: the ledger. Who got what, when, from which host, with which reply.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/people.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "storage/batch_store.h"
#include "storage/post_filter.h"
#include "storage/post_store.h"

namespace essaim::smtpd::cli {
namespace {

using storage::RecipientState;

const char* state_name(RecipientState state) {
  switch (state) {
    case RecipientState::kPending:
      return "pending";
    case RecipientState::kDelivered:
      return "delivered";
    case RecipientState::kDeferred:
      return "deferred";
    case RecipientState::kFailed:
      return "failed";
    case RecipientState::kSuppressed:
      return "suppressed";
  }
  return "?";
}

const char* kind_name(storage::PostKind kind) {
  switch (kind) {
    case storage::PostKind::kList:
      return "list";
    case storage::PostKind::kForward:
      return "forward";
    case storage::PostKind::kNotice:
      return "notice";
  }
  return "?";
}

// In the words of RFC 8689.
const char* tls_name(storage::TlsRequest tls) {
  switch (tls) {
    case storage::TlsRequest::kNone:
      return "";
    case storage::TlsRequest::kRequired:
      return "REQUIRETLS";
    case storage::TlsRequest::kOptional:
      return "TLS-Required: No";
  }
  return "?";
}

Json counts_json(const storage::LedgerCounts& c) {
  return {{"accepted", c.accepted},
          {"delivered", c.delivered},
          {"failed", c.failed},
          {"suppressed", c.suppressed},
          {"pending", c.pending}};
}

Json post_json(const storage::PostRecord& p, const storage::LedgerCounts& counts) {
  return {{"id", format_id(p.id)},
          {"kind", kind_name(p.kind)},
          {"list", p.list_address},
          {"accepted", format_iso8601(p.accepted)},
          {"expires", format_iso8601(p.expires)},
          {"sender", p.sender},
          {"author", p.author},
          {"message_id", p.message_id},
          {"subject", p.subject},
          {"size", p.size},
          {"client", p.client},
          {"account", p.account},
          {"personal", p.mode == storage::CopyMode::kPersonal},
          {"expanded", p.expanded},
          {"batches", p.batches},
          {"tls", tls_name(p.tls)},
          {"held", p.held},
          {"held_reason", p.held_reason},
          {"counts", counts_json(counts)},
          {"duplicates", counts.duplicates}};
}

// Which recipients `post show` prints.
struct Wanted {
  std::optional<RecipientState> state;
  storage::PostFilter who;
  bool none = false;
};

Result<Wanted> parse_wanted(const std::string& text) {
  Wanted out;
  if (text.empty() || text == "all") return out;
  if (text == "none") {
    out.none = true;
    return out;
  }
  for (const RecipientState s :
       {RecipientState::kPending, RecipientState::kDelivered, RecipientState::kDeferred,
        RecipientState::kFailed, RecipientState::kSuppressed}) {
    if (text == state_name(s)) {
      out.state = s;
      return out;
    }
  }
  if (text.starts_with("@") && text.size() > 1) {
    out.who.domain = text.substr(1);
    return out;
  }
  if (text.find('@') != std::string::npos) {
    out.who.recipient = searched_address(text);
    return out;
  }
  const std::string meant =
      nearest(text, {"all", "none", "pending", "delivered", "deferred", "failed", "suppressed"});
  return Error{ErrorCode::kInvalid, "--recipients: \"" + text +
                                        "\" is neither a state (all, none, pending, delivered, deferred, "
                                        "failed, suppressed) nor an address "
                                        "nor @domain" +
                                        (meant.empty() ? "" : "; did you mean \"" + meant + "\"?")};
}

struct Shown {
  std::string address, state, host, reply, time;
  int attempts = 0;
};

// Batch by batch, so that a big post needs little memory.
Result<void> for_each_recipient(Site& site, const storage::PostRecord& post, const Wanted& wanted,
                                const std::function<void(const Shown&)>& each) {
  const storage::RecipientMatch match(wanted.who);
  for (int number = 0; number < post.batches && !wanted.none; ++number) {
    std::optional<storage::BatchRecord> batch;
    std::string damage;
    ESSAIM_TRY(site.read([&](storage::Connection& c) -> Result<void> {
      auto found = storage::BatchStore(c).load(post.id, number, true);
      if (!found.ok() && found.error().code == ErrorCode::kDamaged) {
        damage = found.error().message;
        return {};
      }
      if (!found.ok()) return found.error();
      batch = *std::move(found);
      return {};
    }));
    if (!damage.empty()) each({"(batch " + std::to_string(number) + ")", "damaged", "", damage, "", 0});
    if (!batch) continue;
    auto& progress = batch->progress;
    if (progress.recipients.empty()) progress.recipients.resize(batch->recipients.size());
    for (std::size_t i = 0; i < batch->recipients.size(); ++i) {
      const auto& status = progress.recipients[i];
      if (wanted.state && status.state != *wanted.state) continue;
      if (match.any() && !match.matches(batch->recipients[i])) continue;
      Shown shown;
      shown.address = batch->recipients[i].local + "@" + batch->recipients[i].domain;
      shown.state = state_name(status.state);
      if (status.reply < progress.replies.size()) shown.reply = progress.replies[status.reply];
      if (status.host < progress.hosts.size()) shown.host = progress.hosts[status.host];
      // The marks of those who wait say what becomes of them if they expire, and when they are tried: see storage/records.h.
      if (status.state == RecipientState::kDeferred)
        shown.host = std::string(storage::split_host(shown.host).host);
      if (status.state != RecipientState::kPending)
        shown.time = format_iso8601(post.accepted + std::chrono::seconds(status.time));
      shown.attempts = status.attempts;
      each(shown);
    }
  }
  return {};
}

int show_one(const Shell& shell, Site& site, const std::string& id_text, const std::string& recipients) {
  const auto id = parse_id(id_text);
  if (!id) return shell.fail_usage(no_queue_id(id_text, "essaim post find"));
  auto wanted = parse_wanted(recipients);
  if (!wanted.ok()) return shell.fail(wanted.error());
  storage::PostRecord post;
  storage::LedgerCounts counts;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    storage::PostStore posts(c);
    auto found = posts.find(*id);
    if (!found.ok()) return found.error();
    if (!found->has_value())
      return Error{ErrorCode::kNotFound,
                   "no post " + id_text + "; finished ones are kept for \"retention.posts\""};
    post = **found;
    auto sums = posts.counts(*id);
    if (!sums.ok()) return sums.error();
    counts = *sums;
    return {};
  });
  if (!read.ok()) return shell.fail(read.error());

  if (shell.json) {
    const std::string head = json_text(post_json(post, counts));
    print(head.substr(0, head.size() - 1) + ",\"recipients\":");
    JsonArray array;
    const auto done = for_each_recipient(site, post, *wanted, [&](const Shown& s) {
      array.add({{"recipient", s.address},
                 {"state", s.state},
                 {"host", s.host},
                 {"reply", s.reply},
                 {"time", s.time.empty() ? Json(nullptr) : Json(s.time)},
                 {"attempts", s.attempts}});
    });
    array.end();
    print_line("}");
    return done.ok() ? static_cast<int>(kOk) : shell.fail(done.error());
  }

  const auto line = [](const char* name, const std::string& value) { print_line(name + for_display(value)); };
  line("post        ", format_id(post.id));
  if (!post.list_address.empty()) line("list        ", post.list_address);
  if (post.kind != storage::PostKind::kList) line("kind        ", kind_name(post.kind));
  line("accepted    ", show_time(post.accepted));
  line("from        ", post.author.empty() ? post.sender : post.author);
  line("client      ", post.client);
  if (!post.account.empty()) line("account     ", post.account);
  line("message-id  ", post.message_id);
  line("subject     ", post.subject);
  line("size        ", std::to_string(post.size));
  if (post.tls != storage::TlsRequest::kNone) line("tls         ", tls_name(post.tls));
  if (post.held) line("held        ", post.held_reason);
  if (counts.duplicates > 0)
    print_line("sent twice  to " + plural(counts.duplicates, "recipient") + ", by two nodes");
  print_line("recipients  " + std::to_string(counts.accepted) + " = " + std::to_string(counts.delivered) +
             " delivered + " + std::to_string(counts.failed) + " failed + " +
             std::to_string(counts.suppressed) + " suppressed + " + std::to_string(counts.pending) +
             " pending" + (post.expanded ? "" : " (still being expanded)"));
  bool any = false;
  const auto done = for_each_recipient(site, post, *wanted, [&](const Shown& s) {
    any = true;
    std::string text = "  " + for_display(s.address) + "  " + s.state;
    if (!s.time.empty()) text += "  " + s.time.substr(0, 10) + " " + s.time.substr(11, 8);
    if (s.attempts > 0) text += "  " + plural(s.attempts, "attempt");
    if (!s.host.empty()) text += "  " + for_display(s.host);
    if (!s.reply.empty()) text += "  " + for_display(s.reply);
    print_line(text);
  });
  if (!done.ok()) return shell.fail(done.error());
  if (!any && !wanted->none && !recipients.empty() && recipients != "all")
    print_line(wanted->state ? "  no recipient is " + recipients
                             : "  " + for_display(recipients) + " is not among the recipients" +
                                   (post.expanded ? "" : " so far"));
  return kOk;
}

struct Search {
  std::string recipient, message_id, list, since, until, sender, account, client;
  std::size_t limit = 100;
  bool failed = false;
};

int find(const Shell& shell, const Search& search) {
  const WallTime now = system_clock().wall_now();
  storage::PostFilter filter;
  filter.recipient = searched_address(search.recipient);
  filter.message_id = search.message_id;
  filter.list = search.list;
  filter.sender = searched_address(search.sender);
  if (!search.account.empty()) {
    auto account = account_name(search.account);
    if (!account.ok()) return shell.fail_usage(account.error().message);
    filter.account = *std::move(account);
  }
  filter.client = search.client;
  filter.failed = search.failed;
  filter.limit = search.limit + 1;  // the last one says that there are more
  if (!search.since.empty()) {
    auto when = parse_when(search.since, now);
    if (!when.ok()) return shell.fail_usage("--since: " + when.error().message);
    filter.since = *when;
  }
  if (!search.until.empty()) {
    auto when = parse_when(search.until, now);
    if (!when.ok()) return shell.fail_usage("--until: " + when.error().message);
    filter.until = *when;
  }
  return with_site(shell, [&](Site& site) {
    struct Found {
      storage::PostRecord post;
      std::optional<storage::LedgerCounts> counts;  // none: a batch of it is on a damaged page
    };
    std::vector<Found> found;
    std::vector<std::pair<Id, std::string>> unread;
    const auto read = site.read([&](storage::Connection& c) -> Result<void> {
      storage::PostStore posts(c);
      auto fit = posts.search(filter);
      if (!fit.ok()) return fit.error();
      found.clear();
      unread = posts.unread();
      for (auto& post : *fit) {
        auto counts = posts.counts(post.id);
        if (!counts.ok() && counts.error().code != ErrorCode::kDamaged) return counts.error();
        found.push_back({std::move(post), counts.ok() ? std::optional(*counts) : std::nullopt});
      }
      return {};
    });
    if (!read.ok()) return shell.fail(read.error());
    const bool more = found.size() > search.limit;
    if (more) found.pop_back();
    Json json = Json::array();
    Table table({"ID", "ACCEPTED", "LIST", "FROM", "DELIVERED", "FAILED", "PENDING", "SUBJECT"});
    for (const auto& [post, counts] : found) {
      if (shell.json) json.push_back(post_json(post, counts.value_or(storage::LedgerCounts())));
      if (shell.json && !counts) json.back()["counts"] = nullptr;
      const auto cell = [&known = counts](std::int64_t storage::LedgerCounts::*number) {
        return known ? std::to_string((*known).*number) : "?";
      };
      table.add({format_id(post.id), show_time(post.accepted), post.list_address,
                 post.author.empty() ? post.sender : post.author, cell(&storage::LedgerCounts::delivered),
                 cell(&storage::LedgerCounts::failed), cell(&storage::LedgerCounts::pending), post.subject});
    }
    if (shell.json)
      print_json(json);
    else if (table.empty())
      print_line("nothing found");
    else
      print(table.text());
    if (more) tell_of_more(shell, "newest", search.limit);
    if (unread.empty()) return static_cast<int>(kOk);
    std::fprintf(
        stderr, "essaim: %s cannot be read, or not all of them, and may be what is looked for; post %s: %s\n",
        plural(static_cast<std::int64_t>(unread.size()), "post").c_str(),
        format_id(unread.front().first).c_str(), for_display(unread.front().second).c_str());
    return static_cast<int>(kFailed);
  });
}

}  // namespace

void add_post(Shell& shell) {
  CLI::App* noun = shell.noun("post", "the ledger: what was accepted and what became of it");
  auto search = std::make_shared<Search>();
  CLI::App* verb = shell.verb(noun, "find", "find posts; newest first",
                              "  essaim post find --recipient ann@example.org --since 1h\n"
                              "  essaim post find --message-id '<x@y.example>'\n"
                              "  essaim post find --failed --since 2h\n"
                              "  essaim post find --list dev@lists.example.org --since 2026-11-22 --json",
                              [&shell, search] { return find(shell, *search); });
  verb->add_option("--recipient", search->recipient, "that went to this address")->type_name("ADDRESS");
  verb->add_option("--message-id", search->message_id, "with this Message-ID, with or without <>")
      ->type_name("ID");
  verb->add_option("--list", search->list, "to this list")->type_name("LIST");
  verb->add_option("--sender", search->sender, "from this address")->type_name("ADDRESS");
  verb->add_option("--account", search->account, "submitted by this account")->type_name("NAME");
  verb->add_option("--client", search->client, "that came from this address, or from a machine of this name")
      ->type_name("IP");
  verb->add_option("--since", search->since, "accepted not before: 1h, 2d, 2026-11-22")->type_name("TIME");
  verb->add_option("--until", search->until, "accepted before")->type_name("TIME");
  verb->add_flag("--failed", search->failed, "in which somebody has failed");
  verb->add_option("--limit", search->limit, "at most so many, and whether there are more (100)")
      ->type_name("N")
      ->check(wrong_count);

  auto id = std::make_shared<std::string>();
  auto recipients = std::make_shared<std::string>();
  verb = shell.verb(
      noun, "show", "a post: the counts, and each recipient with state, host, reply, time and attempts",
      "  essaim post show 0bzt6gqb01000\n"
      "  essaim post show 0bzt6gqb01000 --recipients failed\n"
      "  essaim post show 0bzt6gqb01000 --recipients ann@example.org",
      [&shell, id, recipients] {
        return with_site(shell, [&](Site& site) { return show_one(shell, site, *id, *recipients); });
      });
  verb->add_option("ID", *id, "the queue id, from the log or `post find`")->required();
  verb->add_option(
          "--recipients", *recipients,
          "which: all, none, pending, delivered, deferred, failed, suppressed, an address, or @domain")
      ->type_name("WHICH");
  add_post_explain(shell, noun);
  add_post_retry(shell, noun);
  add_post_text(shell, noun);
}

}  // namespace essaim::smtpd::cli
