#include "smtpd/operate/queue_selection.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "core/base/text.h"
#include "smtpd/operate/post_named.h"
#include "storage/batch_store.h"
#include "storage/post_filter.h"

namespace essaim::smtpd::operate {
namespace {

constexpr std::size_t kMostPosts = 1'000'000, kMostBatches = 1'000'000;
// Some milliseconds of a reader; with recipients, and on a server, a tenth of a second.
constexpr std::size_t kLookedAtTogether = 500;

void sort_once_each(std::vector<Id>* ids) {
  std::sort(ids->begin(), ids->end());
  ids->erase(std::unique(ids->begin(), ids->end()), ids->end());
}

// Among what waits, in reads that are short each: the readers are those of whoever sends us mail, too.
Result<std::vector<Id>> find_posts(storage::Database& database, storage::PostFilter filter, Unread* unread) {
  filter.unfinished = true;
  std::vector<Id> out;
  // What is expanded meanwhile is met twice and not passed over.
  for (const bool expanded : {false, true}) {
    storage::PostsFound found;
    do {
      auto some = database.read_now([&, after = found.last](storage::Connection& c) {
        return storage::PostStore(c).search_waiting(filter, expanded, after, kLookedAtTogether);
      });
      if (!some.ok()) return some.error();
      found = std::move(*some);
      out.insert(out.end(), found.ids.begin(), found.ids.end());
      for (const auto& [id, error] : found.damaged) unread->add(id, error);
    } while (found.more && out.size() < kMostPosts);
  }
  return out;
}

}  // namespace

void Unread::add(Id id, const std::string& error) {
  if (posts.empty()) why = "post " + format_id(id) + ": " + error;
  posts.insert(id);
}

bool QueueSelection::empty() const {
  return ids.empty() && filter.list.empty() && filter.recipient.empty() && filter.domain.empty() &&
         filter.message_id.empty() && filter.sender.empty() && filter.subject.empty() &&
         filter.account.empty() && filter.client.empty() && filter.since == WallTime{} &&
         filter.until == WallTime{} && filter.larger_than == 0 && !filter.about_batches();
}

bool QueueSelection::of_whole_posts() const {
  return recipients.empty() && !storage::RecipientMatch(filter).any() && !filter.about_batches();
}

std::map<std::string, std::string> QueueSelection::to_arguments() const {
  std::map<std::string, std::string> out;
  std::string list_of_ids;
  for (Id id : ids) list_of_ids += (list_of_ids.empty() ? "" : ",") + format_id(id);
  const auto put = [&out](const char* name, const std::string& value) {
    if (!value.empty()) out[name] = value;
  };
  put("ids", list_of_ids);
  std::string lines;
  for (const auto& [id, addresses] : recipients)
    for (const std::string& address : addresses) lines += format_id(id) + " " + address + "\n";
  put("recipients", lines);
  put("list", filter.list);
  put("recipient", filter.recipient);
  put("domain", filter.domain);
  put("sender", filter.sender);
  put("subject", filter.subject);
  put("account", filter.account);
  put("client", filter.client);
  put("message_id", filter.message_id);
  put("why", filter.why);
  const auto put_number = [&out](const char* name, std::int64_t value) {
    if (value != 0) out[name] = std::to_string(value);
  };
  put_number("since", to_millis(filter.since));
  put_number("until", to_millis(filter.until));
  put_number("larger_than", filter.larger_than);
  put_number("state", filter.state);
  return out;
}

Result<QueueSelection> QueueSelection::from_arguments(const std::map<std::string, std::string>& arguments) {
  QueueSelection out;
  for (const auto& [name, value] : arguments) {
    if (name == "list") out.filter.list = value;
    if (name == "recipient") out.filter.recipient = value;
    if (name == "domain") out.filter.domain = value;
    if (name == "sender") out.filter.sender = value;
    if (name == "subject") out.filter.subject = value;
    if (name == "account") out.filter.account = value;
    if (name == "client") out.filter.client = value;
    if (name == "message_id") out.filter.message_id = value;
    if (name == "why") out.filter.why = value;
    if (name == "since" || name == "until" || name == "larger_than" || name == "state") {
      const auto number = parse_u64(value);
      if (!number || *number > 1'000'000'000'000'000)
        return Error{ErrorCode::kInvalid, "\"" + name + "\" is not a number that can be meant"};
      const auto n = static_cast<std::int64_t>(*number);
      if (name == "since") out.filter.since = from_millis(n);
      if (name == "until") out.filter.until = from_millis(n);
      if (name == "larger_than") out.filter.larger_than = n;
      if (name == "state") out.filter.state = static_cast<int>(std::min<std::int64_t>(n, 1000));
    }
    if (name == "recipients") {
      for (const std::string_view line : split(value, '\n')) {
        if (line.empty()) continue;
        const std::size_t space = line.find(' ');
        const auto id = parse_id(line.substr(0, space));
        if (!id || space == line.npos || space + 1 == line.size())
          return Error{ErrorCode::kInvalid,
                       "\"" + escaped_for_display(line, 80) + "\" is not a queue id and a recipient"};
        out.recipients[*id].emplace_back(line.substr(space + 1));
      }
    }
    if (name == "ids") {
      for (std::string_view text : split(value, ',')) {
        const auto id = parse_id(text);
        if (!id)
          return Error{ErrorCode::kInvalid, "\"" + escaped_for_display(text, 40) + "\" is not a queue id"};
        out.ids.push_back(*id);
      }
    }
  }
  for (const auto& [id, addresses] : out.recipients)
    if (std::find(out.ids.begin(), out.ids.end(), id) == out.ids.end()) out.ids.push_back(id);
  return out;
}

Result<std::vector<Id>> select_posts(storage::Database& database, const QueueSelection& selection,
                                     std::vector<Id>* unknown, Unread* unread) {
  std::vector<Id> out;
  unknown->clear();
  if (selection.ids.empty()) {
    auto found = find_posts(database, selection.filter, unread);
    if (!found.ok()) return found.error();
    out = std::move(*found);
  } else {
    ESSAIM_TRY(database.read_now([&](storage::Connection& c) -> Result<void> {
      out.clear();
      unknown->clear();
      for (Id id : selection.ids) {
        const auto found = post_named(c, id);
        if (!found.ok() && found.error().code == ErrorCode::kDamaged) {
          unread->add(id, found.error().message);
          continue;
        }
        if (!found.ok()) return found.error();
        if (found->has_value())
          out.push_back((*found)->id);
        else
          unknown->push_back(id);
      }
      return {};
    }));
  }
  sort_once_each(&out);
  sort_once_each(unknown);
  if (!out.empty() || unknown->empty() || !unread->posts.empty()) return out;
  std::string names;
  for (const Id id : *unknown) names += (names.empty() ? "" : ", ") + format_id(id);
  return Error{ErrorCode::kNotFound, "no post " + names};
}

Result<std::vector<std::pair<Id, int>>> select_batches(storage::Database& database,
                                                       const storage::PostFilter& filter,
                                                       std::span<const Id> posts, Unread* unread) {
  struct Found {
    std::vector<std::pair<Id, int>> names;
    std::vector<storage::DamagedBatch> damaged;
  };
  std::vector<std::pair<Id, int>> out;
  while (!posts.empty() && out.size() < kMostBatches) {
    const auto some = posts.first(std::min(posts.size(), kLookedAtTogether));
    posts = posts.subspan(some.size());
    const auto found = database.read_now([&](storage::Connection& c) -> Result<Found> {
      storage::BatchStore batches(c);
      auto names = batches.waiting_of(filter, some.front(), some.back());
      if (!names.ok()) return names.error();
      return Found{*std::move(names), batches.damaged()};
    });
    if (!found.ok()) return found.error();
    const auto asked = [&some](Id id) { return std::binary_search(some.begin(), some.end(), id); };
    std::copy_if(found->names.begin(), found->names.end(), std::back_inserter(out),
                 [&asked](const auto& batch) { return asked(batch.first); });
    for (const storage::DamagedBatch& batch : found->damaged)
      if (batch.post_id == 0 || asked(batch.post_id)) unread->add(batch.post_id, batch.why);
  }
  return out;
}

}  // namespace essaim::smtpd::operate
