#include "storage/post_filter.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "storage/recipient_key.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

// As SUBSTR() counts them.
std::int64_t characters(std::string_view utf8) {
  return std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; });
}

}  // namespace

PostCondition::PostCondition(const PostFilter& filter) {
  // The mark of an accept that was given up (lists/acceptance.cc) is no post.
  sql_ = " AND NOT (p.kind = 2 AND p.expanded = 1 AND p.batches = 0)";
  if (!filter.list.empty()) add(" AND p.list_address = ?", smtp::kept_address(filter.list));
  if (!filter.message_id.empty()) {
    const std::string& id = filter.message_id;
    add(" AND p.message_id = ?", id.front() == '<' ? id : "<" + id + ">");
  }
  if (filter.sender == "<>") {
    sql_ += " AND p.sender = ''";
  } else if (filter.sender.starts_with('@')) {
    const std::string domain = smtp::kept_address(filter.sender);
    add(" AND (SUBSTR(LOWER(p.sender), ?)", -characters(domain));
    add(" = ?", domain);
    add(" OR SUBSTR(LOWER(p.author), ?)", -characters(domain));
    add(" = ?)", domain);
  } else if (!filter.sender.empty()) {
    add(" AND (LOWER(p.sender) = ?", smtp::kept_address(filter.sender));
    add(" OR LOWER(p.author) = ?)", smtp::kept_address(filter.sender));
  }
  if (!filter.subject.empty()) {
    // SQLite's LOWER() knows no letters but those of ASCII, MariaDB's all: what is typed as it was written is found by both.
    add(" AND (INSTR(p.subject, ?) > 0", filter.subject);
    add(" OR INSTR(LOWER(p.subject), ?) > 0)", ascii_lowered(filter.subject));
  }
  if (!filter.account.empty()) add(" AND p.account = ?", filter.account);
  if (!filter.client.empty()) {
    const std::string client = smtp::kept_domain(filter.client);  // an IP address stays what it is
    add(" AND (INSTR(LOWER(p.client), ?) > 0", "[" + client + "]");
    add(" OR INSTR(LOWER(p.client), ?) = 1)", client + " [");
  }
  if (filter.since != WallTime{} && !filter.failed) add(" AND p.accepted >= ?", to_millis(filter.since));
  if (filter.until != WallTime{}) add(" AND p.accepted < ?", to_millis(filter.until));
  if (filter.larger_than > 0) add(" AND p.size > ?", filter.larger_than);
  if (filter.unfinished) {
    sql_ +=
        " AND p.finished = 0 AND (p.expanded = 0 OR EXISTS (SELECT 1 FROM batch_state u "
        "WHERE u.post_id = p.id AND u.queue <> 0))";
  }
  if (filter.failed) {
    // Of a batch the last outcome is known, so who has failed since then is looked for in its contents (failure_search.h).
    sql_ += " AND EXISTS (SELECT 1 FROM batch_state f WHERE f.post_id = p.id AND f.failed > 0";
    if (filter.since != WallTime{})
      add(" AND p.accepted + f.last_outcome * 1000 >= ?", to_millis(filter.since));
    sql_ += ")";
  }
}

Result<std::vector<int>> batches_for(Connection& connection, Id post_id, const RecipientMatch& match) {
  const auto statement = sql::prepare(connection,
                                      "SELECT number FROM batch WHERE post_id = ? AND first_key <= ? AND "
                                      "last_key >= ? ORDER BY number",
                                      post_id, match.highest(), match.lowest());
  return sql::rows(statement, [](Statement& row) { return static_cast<int>(row.integer(0)); });
}

void PostCondition::add(std::string_view condition, std::variant<std::int64_t, std::string> value) {
  sql_ += condition;
  values_.push_back(std::move(value));
}

void PostCondition::add_about_batches(const PostFilter& filter) {
  if (filter.state != 0) add(" AND s.queue = ?", filter.state);
  if (!filter.why.empty()) {
    add(" AND (INSTR(LOWER(s.why), ?) > 0", ascii_lowered(filter.why));
    add(" OR (p.held = 1 AND INSTR(LOWER(p.held_reason), ?) > 0))", ascii_lowered(filter.why));
  }
}

int PostCondition::bind(Statement& statement, int index) const {
  for (const auto& value : values_) {
    if (const auto* number = std::get_if<std::int64_t>(&value)) {
      statement.bind(index++, *number);
    } else {
      statement.bind_text(index++, std::get<std::string>(value));
    }
  }
  return index;
}

namespace {
std::string key_of(const std::string& address) {
  const std::size_t at = address.rfind('@');
  return recipient_key(address.substr(0, at),
                       at == std::string::npos ? std::string() : smtp::kept_domain(address.substr(at + 1)));
}
}  // namespace

RecipientMatch::RecipientMatch(const PostFilter& filter) {
  if (!filter.recipient.empty()) {
    first_ = key_of(filter.recipient);
    last_ = first_;
  } else if (!filter.domain.empty()) {
    first_ = smtp::kept_domain(filter.domain) + " ";
    last_ = smtp::kept_domain(filter.domain) + "!";  // the character after the space
  }
}

RecipientMatch::RecipientMatch(const std::vector<std::string>& addresses) {
  ESSAIM_CHECK(!addresses.empty());
  keys_.reserve(addresses.size());
  for (const std::string& address : addresses) keys_.push_back(key_of(address));
  std::sort(keys_.begin(), keys_.end());
  first_ = keys_.front();
  last_ = keys_.back();
}

bool RecipientMatch::matches(const BatchRecipient& recipient) const {
  const std::string key = recipient_key(recipient);
  if (!keys_.empty()) return std::binary_search(keys_.begin(), keys_.end(), key);
  return first_ <= key && key <= last_;
}

}  // namespace essaim::storage
