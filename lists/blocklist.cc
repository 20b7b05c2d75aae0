#include "lists/blocklist.h"

#include "core/base/text.h"
#include "lists/policies.h"
#include "lists/scenario/filter.h"
#include "lists/site_texts.h"
#include "storage/directory_store.h"

namespace essaim::lists {

using storage::TextKind;
using storage::TextRecord;

Result<bool> change_blocklist(storage::Connection& connection, const storage::ListRecord& place,
                              const std::string& pattern, bool add, WallTime now, const std::string& by) {
  const std::string line = ascii_lowered(trimmed(pattern)), kept = scenario::as_kept(line);
  const auto checked = scenario::TextFilter::parse(line, kBlocklist);
  if (!checked.ok()) return checked.error();
  if (checked->size() != 1)
    return Error{ErrorCode::kInvalid, "one address, domain (*@bad.example) or pattern is expected"};
  ESSAIM_TRY(storage::SiteStore(connection).lock_changes());
  storage::TextStore texts(connection);
  auto known = texts.find(owner_of(place), TextKind::kFilter, kBlocklist);
  if (!known.ok()) return known.error();
  TextRecord fresh;
  if (known->has_value()) fresh = std::move(**known);
  std::string text;
  bool there = false;
  for (const std::string_view one : split(fresh.text, '\n')) {
    const bool same = scenario::as_kept(ascii_lowered(trimmed(one))) == kept;
    there = there || same;
    if (same && !add) continue;
    if (!trimmed(one).empty()) text += std::string(trimmed(one)) + "\n";
  }
  if (there == add) return false;
  if (add) text += line + "\n";
  fresh.owner = owner_of(place);
  fresh.kind = TextKind::kFilter;
  fresh.name = kBlocklist;
  fresh.text = text;
  fresh.changed = now;
  fresh.by = by;
  ESSAIM_TRY(texts.set(fresh, scope_of(place)));
  return true;
}

bool can_be_blocked(const std::string& address) {
  return address.find('*') == address.npos && address.find('@') != address.npos &&
         scenario::TextFilter::parse(ascii_lowered(address), kBlocklist).ok() && address.front() != '#';
}

}  // namespace essaim::lists
