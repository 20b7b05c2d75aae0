#include "storage/post_filter.h"

#include "core/base/text.h"
#include "storage/recipient_key.h"

namespace essaim::storage {

PostCondition::PostCondition(const PostFilter& filter) {
  if (!filter.list.empty()) add(" AND p.list_address = ?", ascii_lowered(filter.list));
  if (!filter.message_id.empty()) {
    const std::string& id = filter.message_id;
    add(" AND p.message_id = ?", id.front() == '<' ? id : "<" + id + ">");
  }
  if (!filter.sender.empty()) {
    add(" AND (LOWER(p.sender) = ?", ascii_lowered(filter.sender));
    add(" OR LOWER(p.author) = ?)", ascii_lowered(filter.sender));
  }
  if (filter.since != WallTime{}) add(" AND p.accepted >= ?", to_millis(filter.since));
  if (filter.until != WallTime{}) add(" AND p.accepted < ?", to_millis(filter.until));
  if (filter.unfinished) {
    sql_ +=
        " AND p.finished = 0 AND (p.expanded = 0 OR EXISTS (SELECT 1 FROM batch_state u "
        "WHERE u.post_id = p.id AND u.queue <> 0))";
  }
}

void PostCondition::add(std::string_view condition, std::variant<std::int64_t, std::string> value) {
  sql_ += condition;
  values_.push_back(std::move(value));
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

RecipientMatch::RecipientMatch(const PostFilter& filter) {
  if (!filter.recipient.empty()) {
    const std::size_t at = filter.recipient.rfind('@');
    const bool has_domain = at != std::string::npos;
    first_ = recipient_key(filter.recipient.substr(0, at),
                           has_domain ? filter.recipient.substr(at + 1) : std::string());
    last_ = first_;
  } else if (!filter.domain.empty()) {
    first_ = ascii_lowered(filter.domain) + " ";
    last_ = ascii_lowered(filter.domain) + "!";  // the character after the space
  }
}

bool RecipientMatch::matches(const BatchRecipient& recipient) const {
  const std::string key = recipient_key(recipient);
  return first_ <= key && key <= last_;
}

}  // namespace essaim::storage
