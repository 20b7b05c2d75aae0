// essaim post: the ledger. Who got what, when, from which host, with which reply.
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/post_elsewhere.h"
#include "smtpd/cli/post_recipients.h"
#include "smtpd/cli/queue_filter.h"
#include "smtpd/cli/site.h"
#include "smtpd/operate/post_named.h"
#include "storage/post_store.h"
#include "storage/reception.h"

namespace essaim::smtpd::cli {
namespace {

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
          {"kind", storage::is_gathered(p.readers) ? "digest" : kind_name(p.kind)},
          {"list", p.list_address},
          {"to", sent_to(p)},
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

Json recipient_json(const ShownRecipient& s) {
  return {{"recipient", s.address},
          {"state", s.state},
          {"host", s.host},
          {"reply", s.reply},
          {"time", s.time.empty() ? Json(nullptr) : Json(s.time)},
          {"attempts", s.attempts}};
}

int show_one(const Shell& shell, Site& site, const std::string& id_text, const std::string& recipients) {
  const auto id = parse_id(id_text);
  if (!id) return shell.fail_usage(no_queue_id(id_text, "essaim post find"));
  auto wanted = wanted_recipients(recipients);
  if (!wanted.ok()) return shell.fail(wanted.error());
  storage::PostRecord post;
  storage::LedgerCounts counts;
  bool is_there = false;
  const auto read = site.read([&](storage::Connection& c) -> Result<void> {
    auto found = operate::post_named(c, *id);
    if (!found.ok()) return found.error();
    is_there = found->has_value();
    if (!is_there) return {};
    post = **std::move(found);
    auto sums = storage::PostStore(c).counts(post.id);
    if (!sums.ok()) return sums.error();
    counts = *sums;
    return {};
  });
  if (!read.ok()) return shell.fail(read.error());
  if (!is_there) return shell.fail(no_post(site, *id));

  const std::string waited_as = post.id == *id ? "" : format_id(*id);
  if (shell.json) {
    Json json = post_json(post, counts);
    json["waited_as"] = waited_as;
    const std::string head = json_text(json);
    print(head.substr(0, head.size() - 1) + ",\"recipients\":");
    JsonArray array;
    bool any = false;
    const auto done = for_each_recipient(site, post, *wanted, [&](const ShownRecipient& s) {
      any = true;
      array.add(recipient_json(s));
    });
    array.end();
    if (done.ok() && !any && !wanted->who.recipient.empty()) {
      const auto why = why_not_among(site, post, recipients);
      if (why.ok()) print(",\"not_among\":" + json_text(Json(*why)));
    }
    print_line("}");
    return done.ok() ? static_cast<int>(kOk) : shell.fail(done.error());
  }

  const auto line = [](const char* name, const std::string& value) { print_line(name + for_display(value)); };
  line("post        ", format_id(post.id));
  if (!waited_as.empty()) line("waited as   ", waited_as);
  if (!post.list_address.empty()) line("list        ", post.list_address);
  if (sent_to(post) != post.list_address) line("to          ", sent_to(post));
  if (post.kind != storage::PostKind::kList) line("kind        ", kind_name(post.kind));
  if (storage::is_gathered(post.readers))
    line("kind        ", "digest for who has " + std::string(to_string(post.readers)));
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
  const auto done = for_each_recipient(site, post, *wanted, [&](const ShownRecipient& s) {
    any = true;
    std::string text = "  " + for_display(s.address) + "  " + s.state;
    if (!s.time.empty()) text += "  " + s.time.substr(0, 10) + " " + s.time.substr(11, 8);
    if (s.attempts > 0) text += "  " + plural(s.attempts, "attempt");
    if (!s.host.empty()) text += "  " + for_display(s.host);
    if (!s.reply.empty()) text += "  " + for_display(s.reply);
    print_line(text);
  });
  if (!done.ok()) return shell.fail(done.error());
  if (any || wanted->none || recipients.empty() || recipients == "all") return kOk;
  std::string text = wanted->state ? "  no recipient is " + recipients
                                   : "  " + for_display(recipients) + " is not among the recipients" +
                                         (post.expanded ? "" : " so far");
  if (!wanted->who.recipient.empty()) {
    const auto why = why_not_among(site, post, recipients);
    if (!why.ok()) return shell.fail(why.error());
    if (!why->empty()) text += ": " + *why;
  }
  print_line(text);
  return kOk;
}

struct Search {
  std::string recipient, domain, message_id, list, since, until, sender, subject, account, client, why;
  std::size_t limit = 100;
  bool failed = false;
};

// What may be looked for and is in no ledger. Who asks for all that there is has no such question.
void tell_of_others(Site& site, const storage::PostFilter& filter, bool nothing) {
  if (filter.list.empty() && filter.sender.empty() && filter.subject.empty() && filter.account.empty() &&
      filter.client.empty() && filter.message_id.empty())
    return;
  for (const std::string& held : held_beside(site, filter)) print_line(held);
  if (!nothing) return;
  if (!filter.list.empty()) {
    const auto list = site.admin().list_by_any_name(filter.list);
    if (!list.ok())
      print_line(for_display(list.error().message));
    else if (list->address() != smtp::kept_address(filter.list))
      print_line("it is called " + for_display(list->address()) + " now");
  }
  if (!filter.recipient.empty())
    print_line("essaim post show ID --recipients " + for_display(filter.recipient) +
               " says of a post why somebody is not among its recipients");
  print_line("of what was refused the log alone tells (reject, refused)");
}

int find(const Shell& shell, const Search& search) {
  const WallTime now = system_clock().wall_now();
  storage::PostFilter filter;
  if (!search.why.empty() && !search.failed)
    return shell.fail_usage("--why goes with --failed; why mail waits: essaim queue why");
  if (!search.recipient.empty() && !search.domain.empty())
    return shell.fail_usage("give --recipient or --domain");
  filter.domain = search.domain;
  filter.why = search.why;
  auto list = searched_list(search.list), sender = searched_sender(search.sender);
  if (!list.ok()) return shell.fail_usage(list.error().message);
  if (!sender.ok()) return shell.fail_usage(sender.error().message);
  filter.list = *std::move(list);
  filter.sender = *std::move(sender);
  const auto went_to = search_recipient(search.recipient, &filter);
  if (!went_to.ok()) return shell.fail_usage(went_to.error().message);
  filter.message_id = search.message_id;
  filter.subject = search.subject;
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
      std::optional<storage::LedgerCounts> counts;   // none: a batch of it is on a damaged page
      std::optional<ShownRecipient> recipient = {};  // that was asked for
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
    // Whoever asks for one recipient wants to know what became of that copy.
    for (Found& one : found) {
      if (filter.recipient.empty()) break;
      WantedRecipients wanted;
      wanted.who.recipient = filter.recipient;
      const auto looked = for_each_recipient(site, one.post, wanted,
                                             [&one](const ShownRecipient& shown) { one.recipient = shown; });
      if (!looked.ok()) return shell.fail(looked.error());
    }
    Json json = Json::array();
    Table table(
        filter.recipient.empty()
            ? std::vector<std::string>{"ID", "ACCEPTED", "TO", "FROM", "DELIVERED", "FAILED", "PENDING",
                                       "SUBJECT"}
            : std::vector<std::string>{"ID", "ACCEPTED", "TO", "FROM", "STATE", "AT", "SUBJECT", "REPLY"});
    for (const auto& [post, counts, recipient] : found) {
      if (shell.json) json.push_back(post_json(post, counts.value_or(storage::LedgerCounts())));
      if (shell.json && !counts) json.back()["counts"] = nullptr;
      if (shell.json && recipient) json.back()["recipient"] = recipient_json(*recipient);
      if (!filter.recipient.empty()) {
        const ShownRecipient r = recipient.value_or(ShownRecipient{"", "?", "", "", "", 0});
        const std::string at = r.time.empty() ? "" : r.time.substr(0, 10) + " " + r.time.substr(11, 8);
        table.add({format_id(post.id), show_time(post.accepted), sent_to(post),
                   post.author.empty() ? post.sender : post.author, r.state, at, post.subject,
                   r.host.empty() ? r.reply : r.host + " said " + r.reply});
        continue;
      }
      const auto cell = [&known = counts](std::int64_t storage::LedgerCounts::*number) {
        return known ? std::to_string((*known).*number) : "?";
      };
      table.add({format_id(post.id), show_time(post.accepted), sent_to(post),
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
    if (!shell.json && !search.failed) tell_of_others(site, filter, found.empty());
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
  CLI::App* verb =
      shell.verb(noun, "find", "find posts; newest first",
                 "  essaim post find --recipient ann@example.org --since 1h\n"
                 "  essaim post find --sender ann@example.org --recipient bob@example.net --since "
                 "'2026-11-22 14:00+01:00'\n"
                 "  essaim post find --subject 'meeting on thursday' --sender @example.org\n"
                 "  essaim post find --message-id '<x@y.example>'\n"
                 "  essaim post find --failed --since 2h --domain example.net --why 5.7.1\n"
                 "  essaim post find --list dev@lists.example.org --since 2026-11-22 --json",
                 [&shell, search] { return find(shell, *search); });
  verb->add_option("--recipient", search->recipient,
                   "that went to this address, with what became of it; or to @domain")
      ->type_name("ADDRESS");
  verb->add_option("--domain", search->domain, "that went to this domain")->type_name("DOMAIN");
  verb->add_option("--message-id", search->message_id, "with this Message-ID, with or without <>")
      ->type_name("ID");
  verb->add_option("--list", search->list, "to this list")->type_name("LIST");
  verb->add_option("--sender", search->sender, "from this address, or @domain; '<>': the null sender")
      ->type_name("ADDRESS");
  verb->add_option("--subject", search->subject, "with these words in the subject")->type_name("TEXT");
  verb->add_option("--account", search->account, "submitted by this account")->type_name("NAME");
  verb->add_option("--client", search->client, "that came from this address, or from a machine of this name")
      ->type_name("IP");
  verb->add_option(
          "--since", search->since,
          "accepted not before: 1h, 2d, 2026-11-22, '2026-11-22 13:30' (UTC), '2026-11-22 14:30+01:00'; "
          "with --failed: in which somebody has failed not before")
      ->type_name("TIME");
  verb->add_option("--until", search->until,
                   "accepted before; with --failed: in which somebody has failed before")
      ->type_name("TIME");
  verb->add_flag(
      "--failed", search->failed,
      "in which somebody has failed: of those at --recipient or --domain, with --why, in that time");
  verb->add_option("--why", search->why,
                   "with --failed: with these words in the reply that they failed with: 'blocklist', '5.7.1'")
      ->type_name("TEXT");
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
  add_post_failures(shell, noun);
  add_post_retry(shell, noun);
  add_post_text(shell, noun);
}

}  // namespace essaim::smtpd::cli
