#include "smtpd/cli/queue_filter.h"

#include <CLI/CLI.hpp>

#include "core/base/text.h"
#include "core/sasl/prepare.h"
#include "smtpd/cli/people.h"

namespace essaim::smtpd::cli {

using storage::BatchQueue;

namespace {

constexpr BatchQueue kStates[] = {BatchQueue::kReady, BatchQueue::kWaiting, BatchQueue::kOwned,
                                  BatchQueue::kHeld};

// "500k", "10M", "4096".
Result<std::int64_t> parse_octets(const std::string& text) {
  std::string digits = text;
  std::int64_t unit = 1;
  if (!digits.empty()) {
    const char last = digits.back();
    if (last == 'k' || last == 'K') unit = 1'000;
    if (last == 'm' || last == 'M') unit = 1'000'000;
    if (last == 'g' || last == 'G') unit = 1'000'000'000;
    if (unit > 1) digits.pop_back();
  }
  const auto number = parse_u64(digits);
  if (!number || *number == 0 || *number > 1'000'000'000'000ULL)
    return Error{ErrorCode::kInvalid, "--larger-than: \"" + text + "\" is not a size: 4096, 500k, 10M"};
  return static_cast<std::int64_t>(*number) * unit;
}

}  // namespace

std::string why_it_waits(const storage::BatchRecord& b, const storage::PostRecord* post) {
  if (post == nullptr || !post->held) return b.why;
  const std::string held = "held: " + (post->held_reason.empty() ? "no reason given" : post->held_reason);
  return b.why.empty() ? held : held + "; before that " + b.why;
}

Result<std::string> searched_list(const std::string& text) {
  if (text.empty() || text.find('@') != std::string::npos) return text;
  return Error{ErrorCode::kInvalid,
               "--list: \"" + text + "\" is no list's address, which is like dev@lists.example.org"};
}

Result<std::string> searched_sender(const std::string& text) {
  const std::string address = searched_address(text);
  if (text.empty() || text == "<>" || (address.find('@') < address.size() - 1)) return address;
  return Error{ErrorCode::kInvalid, "--sender: \"" + text +
                                        "\" is neither an address nor @domain (\"<>\": mail of nobody, as "
                                        "reports are)"};
}

Result<void> search_recipient(const std::string& text, storage::PostFilter* filter) {
  const std::string address = searched_address(text);
  if (address.starts_with('@') && address.size() > 1) {
    if (!filter->domain.empty()) return Error{ErrorCode::kInvalid, "--recipient @domain is --domain"};
    filter->domain = address.substr(1);
    return {};
  }
  filter->recipient = address;
  if (text.empty() || address.find('@') < address.size() - 1) return {};
  return Error{ErrorCode::kInvalid, "--recipient: \"" + text + "\" is neither an address nor @domain"};
}

Result<std::string> account_name(const std::string& text) {
  auto name = sasl::prepared_name(text);
  if (name) return *std::move(name);
  return Error{ErrorCode::kInvalid, "--account: \"" + text + "\" cannot be the name of an account"};
}

void add_filter_options(CLI::App* verb, const std::shared_ptr<QueueFilter>& f) {
  verb->add_option("--list", f->list, "posts to this list")->type_name("LIST");
  verb->add_option("--recipient", f->recipient, "that wait for this address, or @domain")
      ->type_name("ADDRESS");
  verb->add_option("--domain", f->domain, "that wait for this domain")->type_name("DOMAIN");
  verb->add_option("--sender", f->sender, "from this address, or @domain; '<>': the null sender")
      ->type_name("ADDRESS");
  verb->add_option("--subject", f->subject, "with these words in the subject")->type_name("TEXT");
  verb->add_option("--account", f->account, "submitted by this account (essaim account)")->type_name("NAME");
  verb->add_option("--client", f->client, "that came from this address, or from a machine of this name")
      ->type_name("IP");
  verb->add_option("--message-id", f->message_id, "with this Message-ID, with or without <>")
      ->type_name("ID");
  verb->add_option("--older-than", f->older_than, "accepted longer ago than: 1h, 2d")->type_name("SPAN");
  verb->add_option("--newer-than", f->newer_than, "accepted within: 10m")->type_name("SPAN");
  verb->add_option("--larger-than", f->larger_than, "of more octets than: 500k, 10M")->type_name("SIZE");
  verb->add_option("--state", f->state, "of the batch: ready, waiting, active or held")->type_name("STATE");
  verb->add_option("--why", f->why, "with these words in the reason: 'greylist', '4.7.1'")->type_name("TEXT");
}

std::string no_queue_id(const std::string& text, const std::string& see) {
  // `queue list` shows batches, and what is done to a post is done to all of them: nobody is to think otherwise.
  const std::string post = text.substr(0, text.find('/'));
  if (post != text && parse_id(post))
    return "\"" + text + "\" is a batch of the post " + post + "; name the post: " + post;
  return "\"" + text + "\" is not a queue id, which has 13 letters and digits; see: " + see;
}

Result<operate::QueueSelection> selection_of(const QueueFilter& f) {
  operate::QueueSelection out;
  for (const std::string& text : f.ids) {
    const auto id = parse_id(text);
    if (!id) return Error{ErrorCode::kInvalid, no_queue_id(text, "essaim queue list")};
    out.ids.push_back(*id);
  }
  storage::PostFilter& filter = out.filter;
  auto list = searched_list(f.list), sender = searched_sender(f.sender);
  if (!list.ok()) return list.error();
  if (!sender.ok()) return sender.error();
  filter.list = *std::move(list);
  filter.sender = *std::move(sender);
  filter.domain = f.domain;
  ESSAIM_TRY(search_recipient(f.recipient, &filter));
  filter.subject = f.subject;
  if (!f.account.empty()) {
    auto account = account_name(f.account);
    if (!account.ok()) return account.error();
    filter.account = *std::move(account);
  }
  filter.client = f.client;
  filter.message_id = f.message_id;
  filter.why = f.why;
  const WallTime now = system_clock().wall_now();
  if (!f.older_than.empty()) {
    auto when = parse_when(f.older_than, now);
    if (!when.ok()) return Error{ErrorCode::kInvalid, "--older-than: " + when.error().message};
    filter.until = *when;
  }
  if (!f.newer_than.empty()) {
    auto when = parse_when(f.newer_than, now);
    if (!when.ok()) return Error{ErrorCode::kInvalid, "--newer-than: " + when.error().message};
    filter.since = *when;
  }
  if (!f.larger_than.empty()) {
    auto octets = parse_octets(f.larger_than);
    if (!octets.ok()) return octets.error();
    filter.larger_than = *octets;
  }
  if (!f.state.empty()) {
    for (const BatchQueue queue : kStates)
      if (f.state == to_string(queue)) filter.state = static_cast<int>(queue);
    if (filter.state == 0)
      return Error{ErrorCode::kInvalid,
                   "--state: \"" + f.state + "\" is none of ready, waiting, active, held"};
  }
  return out;
}

}  // namespace essaim::smtpd::cli
