#include "storage/post_store.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <tuple>

#include "core/base/mac.h"
#include "core/base/random.h"
#include "storage/batch_store.h"
#include "storage/damage.h"
#include "storage/directory_store.h"
#include "storage/readers.h"
#include "storage/sql.h"
#include "storage/unsettled_keys.h"

namespace essaim::storage {

namespace {

constexpr std::int64_t kLongestLifetime = 30LL * 24 * 3600 * 1000;  // that a renewal gives, in ms
// PostRecord::author_unknown stands in the column of the reports.
constexpr std::int64_t kAuthorUnknown = 1 << 16;

constexpr std::string_view kColumns =
    "SELECT p.id, p.kind, p.list_id, p.list_address, p.list_revision, p.sender, p.author, p.message_id, "
    "p.subject, p.size, "
    "p.client, p.accepted, p.expires, p.priority, p.mode, p.envelope_sender, p.private_header, p.eight_bit, "
    "p.expanded, "
    "p.cursor_domain, p.cursor_local, p.batches, p.recipients, p.held, p.held_reason, p.smtputf8, p.target, "
    "p.dsn_ret, p.dsn_envelope_id, p.dsn_notify, p.dsn_original_recipient, p.reports, p.explanation, "
    "p.tls_request, p.account, p.readers FROM "
    "post p ";

PostRecord post_from(Statement& row) {
  PostRecord p;
  p.id = row.integer(0);
  p.kind = static_cast<PostKind>(row.integer(1));
  p.list_id = row.integer(2);
  p.list_address = sql::text(row, 3);
  p.list_revision = row.integer(4);
  p.sender = sql::text(row, 5);
  p.author = sql::text(row, 6);
  p.message_id = sql::text(row, 7);
  p.subject = sql::text(row, 8);
  p.size = row.integer(9);
  p.client = sql::text(row, 10);
  p.accepted = sql::time(row, 11);
  p.expires = sql::time(row, 12);
  p.priority = static_cast<int>(row.integer(13));
  p.mode = row.integer(14) == 0 ? CopyMode::kCommon : CopyMode::kPersonal;
  p.envelope_sender = sql::text(row, 15);
  p.private_header = sql::text(row, 16);
  p.eight_bit = row.integer(17) != 0;
  p.expanded = row.integer(18) != 0;
  p.cursor_domain = sql::text(row, 19);
  p.cursor_local = sql::text(row, 20);
  p.batches = static_cast<int>(row.integer(21));
  p.recipients = row.integer(22);
  p.held = row.integer(23) != 0;
  p.held_reason = sql::text(row, 24);
  p.smtputf8 = row.integer(25) != 0;
  p.target = sql::text(row, 26);
  p.dsn = {sql::text(row, 27), sql::text(row, 28), sql::text(row, 29), sql::text(row, 30)};
  p.reports = static_cast<int>(row.integer(31) & ~kAuthorUnknown);
  p.author_unknown = (row.integer(31) & kAuthorUnknown) != 0;
  p.explanation = sql::text(row, 32);
  p.tls = static_cast<TlsRequest>(row.integer(33));
  p.account = sql::text(row, 34);
  p.readers = static_cast<Reception>(row.integer(35));
  return p;
}

Error no_such_post(Id id) {
  return {ErrorCode::kNotFound, "no such post: " + format_id(id)};
}

// As it is stored: a server would cut a longer one without a word, where it ignores what is there.
std::string stored_key(std::string_view key) {
  if (key.size() <= PostStore::kLongestKey) return std::string(key);
  const Sha256Digest digest = sha256(key);
  return {digest.begin(), digest.end()};
}

// The number of rows: 0 if there was one.
Result<std::int64_t> add_seen(Connection& connection, Id list_id, std::string_view key, Id post_id,
                              WallTime at) {
  return sql::run(
      connection,
      std::string(connection.insert_ignore()) + " seen (list_id, seen_key, post_id, at) VALUES (?, ?, ?, ?)",
      list_id, sql::Blob{key}, post_id, at);
}

// How many members an unfinished expansion will still take.
Result<std::int64_t> still_to_expand(Connection& connection, const PostRecord& p) {
  const Readers r = Readers::of(p);
  const std::string condition =
      std::string(Readers::kCondition) + " AND joined_rev <= ? AND (left_rev = 0 OR left_rev > ?)";
  auto same = sql::number(
      connection, 0,
      "SELECT COUNT(*) FROM member WHERE list_id = ? AND role = 0 AND domain = ? AND local_key > ? AND " +
          condition,
      p.list_id, p.cursor_domain, p.cursor_local, r.first, r.last, r.others_from, r.author_domain,
      r.author_key, p.list_revision, p.list_revision);
  if (!same.ok()) return same.error();
  auto rest = sql::number(
      connection, 0,
      "SELECT COUNT(*) FROM member WHERE list_id = ? AND role = 0 AND domain > ? AND " + condition, p.list_id,
      p.cursor_domain, r.first, r.last, r.others_from, r.author_domain, r.author_key, p.list_revision,
      p.list_revision);
  if (!rest.ok()) return rest.error();
  return *same + *rest;
}

}  // namespace

Result<void> PostStore::add_row(const PostRecord& p) {
  ESSAIM_TRY(
      sql::run(connection_,
               "INSERT INTO post (id, kind, list_id, list_address, list_revision, sender, author, "
               "message_id, subject, size, client, "
               "accepted, expires, priority, mode, envelope_sender, private_header, eight_bit, "
               "expanded, cursor_domain, cursor_local, "
               "batches, recipients, held, held_reason, smtputf8, target, dsn_ret, dsn_envelope_id, "
               "dsn_notify, dsn_original_recipient, reports, explanation, tls_request, account, readers, "
               "seen_key, finished) "
               "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
               "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
               p.id, p.kind, p.list_id, p.list_address, p.list_revision, p.sender, p.author, p.message_id,
               p.subject, p.size, p.client, p.accepted, p.expires, p.priority, p.mode, p.envelope_sender,
               p.private_header, p.eight_bit, p.expanded, p.cursor_domain, p.cursor_local, p.batches,
               p.recipients, p.held, p.held_reason, p.smtputf8, p.target, p.dsn.ret, p.dsn.envelope_id,
               p.dsn.notify, p.dsn.original_recipient, p.reports | (p.author_unknown ? kAuthorUnknown : 0),
               p.explanation, p.tls, p.account, p.readers,
               sql::Blob{connection_.unsettled_keys() != nullptr ? stored_key(p.seen_key) : std::string()}));
  return {};
}

Result<void> PostStore::add(const PostRecord& p, std::string_view rendering, std::string_view seven_bit) {
  ESSAIM_TRY(add_row(p));
  ESSAIM_TRY(add_form(p, Form::kAsIs, rendering));
  if (!seven_bit.empty()) ESSAIM_TRY(add_form(p, Form::kSevenBit, seven_bit));
  return {};
}

Result<void> PostStore::add_tombstone(Id post_id, WallTime now) {
  PostRecord tombstone;
  tombstone.id = post_id;
  tombstone.kind = PostKind::kNotice;
  tombstone.subject = "(not accepted: the commit failed)";
  tombstone.accepted = now;
  tombstone.expires = now;
  tombstone.expanded = true;
  return add_row(tombstone);
}

std::int64_t PostStore::pieces(std::string_view bytes) {
  return std::max<std::int64_t>(1, static_cast<std::int64_t>((bytes.size() + kPiece - 1) / kPiece));
}

Result<void> PostStore::stage(Id post_id, Form form, std::string_view bytes, std::int64_t first_piece) {
  const std::int64_t end = std::min(first_piece + kStagedTogether, pieces(bytes));
  for (std::int64_t seq = first_piece; seq < end; ++seq) {
    ESSAIM_TRY(sql::run(connection_, "INSERT INTO rendering (post_id, form, seq, data) VALUES (?, ?, ?, ?)",
                        post_id, form, seq,
                        sql::Blob{bytes.substr(static_cast<std::size_t>(seq) * kPiece, kPiece)}));
  }
  return {};
}

Result<void> PostStore::unstage(Id post_id, Form form) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM rendering WHERE post_id = ? AND form = ?", post_id, form));
  return {};
}

Result<bool> PostStore::is_staged(Id post_id, Form form, std::string_view bytes) {
  auto found = sql::number(connection_, 0, "SELECT COUNT(*) FROM rendering WHERE post_id = ? AND form = ?",
                           post_id, form);
  if (!found.ok()) return found.error();
  return *found == pieces(bytes);
}

Result<void> PostStore::add_form(const PostRecord& p, Form form, std::string_view bytes) {
  if (p.staged) {
    auto staged = is_staged(p.id, form, bytes);
    if (!staged.ok()) return staged.error();
    if (*staged) return {};
  }
  std::int64_t seq = 0;
  for (std::size_t at = 0; at == 0 || at < bytes.size(); at += kPiece) {
    ESSAIM_TRY(sql::run(connection_, "INSERT INTO rendering (post_id, form, seq, data) VALUES (?, ?, ?, ?)",
                        p.id, form, seq++, sql::Blob{bytes.substr(at, kPiece)}));
  }
  return {};
}

Result<std::optional<Id>> PostStore::remember(Id list_id, std::string_view whole, Id post_id, WallTime now) {
  const std::string key = stored_key(whole);
  if (UnsettledKeys* const unsettled = connection_.unsettled_keys(); unsettled != nullptr) {
    auto first = unsettled->find(connection_, list_id, key);
    if (!first.ok() || first->has_value()) return first;
  }
  auto added = add_seen(connection_, list_id, key, post_id, now);
  if (!added.ok()) return added.error();
  if (*added > 0) return std::optional<Id>();
  auto first = sql::number(connection_, 0, "SELECT post_id FROM seen WHERE list_id = ? AND seen_key = ?",
                           list_id, sql::Blob{key});
  if (!first.ok()) return first.error();
  return std::optional<Id>(*first);
}

Result<void> PostStore::forget(Id list_id, std::string_view key, Id post_id) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM seen WHERE list_id = ? AND seen_key = ? AND post_id = ?",
                      list_id, sql::Blob{stored_key(key)}, post_id));
  return {};
}

Result<std::optional<Id>> PostStore::remember_with_post(Id list_id, std::string_view whole, Id post_id,
                                                        WallTime now) {
  const std::string key = stored_key(whole);
  UnsettledKeys* const unsettled = connection_.unsettled_keys();
  if (unsettled == nullptr) return remember(list_id, key, post_id, now);
  auto first = unsettled->find(connection_, list_id, key);
  if (!first.ok() || first->has_value()) return first;
  auto settled = sql::number(connection_, 0, "SELECT post_id FROM seen WHERE list_id = ? AND seen_key = ?",
                             list_id, sql::Blob{key});
  if (!settled.ok()) return settled.error();
  if (*settled != 0) return std::optional<Id>(*settled);
  unsettled->put(list_id, key, post_id);
  return std::optional<Id>();
}

Result<void> PostStore::know_keys() {
  UnsettledKeys* const unsettled = connection_.unsettled_keys();
  return unsettled == nullptr ? Result<void>() : unsettled->know(connection_);
}

Result<void> PostStore::keep_key_apart(Id post_id) {
  auto row = sql::prepare(connection_, "SELECT list_id, seen_key, accepted FROM post WHERE id = ?", post_id);
  if (!row.ok()) return row.error();
  auto found = (*row)->step();
  if (!found.ok()) return found.error();
  const Id list_id = *found ? (*row)->integer(0) : 0;
  const std::string key = *found ? sql::text(**row, 1) : std::string();
  if (key.empty()) return {};
  ESSAIM_TRY(add_seen(connection_, list_id, key, post_id, sql::time(**row, 2)));
  if (UnsettledKeys* const unsettled = connection_.unsettled_keys(); unsettled != nullptr)
    unsettled->settled(list_id, key, post_id);
  return {};
}

Result<bool> PostStore::keep_keys_apart(Id* after, std::size_t limit) {
  if (connection_.unsettled_keys() != nullptr) return false;
  // With nothing but the id to look for, a server has no other way than in their order.
  auto page = sql::prepare(connection_,
                           "SELECT id, finished = 0 AND LENGTH(seen_key) > 0 FROM post WHERE id > ? "
                           "ORDER BY id LIMIT ?",
                           *after, limit);
  if (!page.ok()) return page.error();
  std::vector<Id> with_key;
  bool any = false;
  for (;; any = true) {
    auto row = (*page)->step();
    if (!row.ok()) return row.error();
    if (!*row) break;
    *after = (*page)->integer(0);
    if ((*page)->integer(1) != 0) with_key.push_back(*after);
  }
  for (const Id id : with_key) {
    ESSAIM_TRY(keep_key_apart(id));
    ESSAIM_TRY(sql::run(connection_, "UPDATE post SET seen_key = '' WHERE id = ?", id));
  }
  return any;
}

Result<std::optional<PostRecord>> PostStore::find(Id post_id) {
  return sql::row(sql::prepare(connection_, std::string(kColumns) + "WHERE p.id = ?", post_id), post_from);
}

Result<std::string> PostStore::rendering(Id post_id, Form form) {
  std::string bytes;
  ESSAIM_TRY(read_rendering(post_id, form, [&bytes](std::string_view piece) { bytes += piece; }));
  return bytes;
}

Result<void> PostStore::read_rendering(Id post_id, Form form,
                                       const std::function<void(std::string_view)>& take) {
  auto statement =
      sql::prepare(connection_, "SELECT seq, data FROM rendering WHERE post_id = ? AND form = ? ORDER BY seq",
                   post_id, form);
  if (!statement.ok()) return statement.error();
  for (std::int64_t expected = 0;; ++expected) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) {
      if (expected == 0 && form != Form::kSevenBit)  // of that there may be none
        return Error{ErrorCode::kNotFound, "the rendering of post " + format_id(post_id) + " is gone"};
      return {};
    }
    if ((*statement)->integer(0) != expected) {
      return Error{ErrorCode::kDamaged,
                   "a piece of the rendering of post " + format_id(post_id) + " is missing"};
    }
    take((*statement)->text(1));
  }
}

Result<std::string> PostStore::beginning(Id post_id) {
  auto statement =
      sql::prepare(connection_, "SELECT data FROM rendering WHERE post_id = ? AND form = ? AND seq = 0",
                   post_id, Form::kAsIs);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  if (!*row) return Error{ErrorCode::kNotFound, "the rendering of post " + format_id(post_id) + " is gone"};
  return std::string((*statement)->text(0));
}

Result<void> PostStore::set_expansion(Id post_id, const PostRecord& p) {
  // The cursor only goes forward: what an older state of the same expansion says is refused.
  auto changed = sql::run(
      connection_,
      "UPDATE post SET cursor_domain = ?, cursor_local = ?, batches = ?, recipients = ?, expanded = ? "
      "WHERE id = ? AND expanded = 0 AND batches <= ? "
      "AND (cursor_domain < ? OR (cursor_domain = ? AND cursor_local <= ?))",
      p.cursor_domain, p.cursor_local, p.batches, p.recipients, p.expanded, post_id, p.batches,
      p.cursor_domain, p.cursor_domain, p.cursor_local);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) {
    return Error{ErrorCode::kConflict,
                 "the expansion of post " + format_id(post_id) + " has gone on elsewhere"};
  }
  return {};
}

Result<std::vector<Id>> PostStore::unexpanded(std::size_t limit) {
  auto together = sql::ids(sql::prepare(
      connection_, "SELECT id FROM post WHERE finished = 0 AND expanded = 0 ORDER BY id LIMIT ?", limit));
  if (!is_of_a_page(connection_, together)) return together;
  constexpr IndexRange range{"post", "post_finished", "finished = 0 AND expanded = 0", "id"};
  std::vector<Id> ids;
  const auto take = [&ids](Id id) {
    ids.push_back(id);
    return Result<void>();
  };
  ESSAIM_TRY(row_by_row(connection_, range, {}, take, [](Id, const Error&) {}));
  std::sort(ids.begin(), ids.end());
  ids.resize(std::min(ids.size(), limit));
  return ids;
}

Result<std::vector<Id>> PostStore::to_expand(std::size_t limit, int node) {
  // By node_of(id).
  return sql::ids(sql::prepare(connection_,
                               "SELECT id FROM post WHERE finished = 0 AND expanded = 0 "
                               "ORDER BY ((id >> 12) & 1023) <> ?, kind = ?, id LIMIT ?",
                               node, PostKind::kNotice, limit));
}

Result<void> PostStore::set_held(Id post_id, bool held, const std::string& reason) {
  auto changed = sql::run(connection_, "UPDATE post SET held = ?, held_reason = ? WHERE id = ?", held,
                          held ? reason : std::string(), post_id);
  if (!changed.ok()) return changed.error();
  if (*changed == 0) return no_such_post(post_id);
  if (held) {
    SiteStore site(connection_);
    ESSAIM_TRY(site.set_if_missing(kHoldsValue, ""));
    ESSAIM_TRY(site.set(kHoldsValue, std::to_string(random_u64())));
  }
  // Parked, so that claims need not pass over them one by one. Batches that a node owns come back by
  // themselves, and a claim looks at the post, too.
  ESSAIM_TRY(held
                 ? sql::run(connection_,
                            "UPDATE batch_state SET queue = 4 WHERE post_id = ? AND queue IN (1, 2)", post_id)
                 : sql::run(connection_, "UPDATE batch_state SET queue = 2 WHERE post_id = ? AND queue = 4",
                            post_id));
  return {};
}

Result<bool> PostStore::release_if(Id post_id, const std::string& held_reason) {
  auto post = find(post_id);
  if (!post.ok()) return post.error();
  if (!post->has_value() || !(*post)->held || (*post)->held_reason != held_reason) return false;
  ESSAIM_TRY(set_held(post_id, false, ""));
  return true;
}

Result<void> PostStore::renew_lifetime(Id post_id, WallTime now) {
  auto post = find(post_id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return no_such_post(post_id);
  // One that was renewed before looks longer than it was at first: the limit ends the growth.
  const std::int64_t lifetime = to_millis((*post)->expires) - to_millis((*post)->accepted);
  const std::int64_t most = std::min<std::int64_t>(lifetime, kLongestLifetime);
  const std::int64_t expires = std::max(to_millis((*post)->expires), to_millis(now) + most);
  ESSAIM_TRY(sql::run(connection_, "UPDATE post SET expires = ? WHERE id = ?", expires, post_id));
  return {};
}

Result<void> PostStore::renew_lifetimes(WallTime now) {
  const std::int64_t begin = to_millis(now), latest = begin + kLongestLifetime;
  auto longer =
      sql::run(connection_,
               "UPDATE post SET expires = ? WHERE finished = 0 AND expires < ? AND expires - accepted > ?",
               latest, latest, kLongestLifetime);
  if (!longer.ok()) return longer.error();
  ESSAIM_TRY(sql::run(connection_,
                      "UPDATE post SET expires = expires - accepted + ? "
                      "WHERE finished = 0 AND accepted < ? AND expires - accepted <= ?",
                      begin, begin, kLongestLifetime));
  return {};
}

Result<bool> PostStore::begin_report(Id post_id, Report report) {
  auto changed =
      sql::run(connection_, "UPDATE post SET reports = reports | ? WHERE id = ? AND reports & ? = 0", report,
               post_id, report);
  if (!changed.ok()) return changed.error();
  return *changed == 1;
}

Result<LedgerCounts> PostStore::counts(Id post_id) {
  auto post = find(post_id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return no_such_post(post_id);
  auto statement =
      sql::prepare(connection_,
                   "SELECT SUM(delivered), SUM(failed), SUM(suppressed), SUM(pending), SUM(duplicates) "
                   "FROM batch_state WHERE post_id = ?",
                   post_id);
  if (!statement.ok()) return statement.error();
  auto row = (*statement)->step();
  if (!row.ok()) return row.error();
  LedgerCounts counts;
  counts.delivered = (*statement)->integer(0);
  counts.failed = (*statement)->integer(1);
  counts.suppressed = (*statement)->integer(2);
  counts.pending = (*statement)->integer(3);
  counts.duplicates = (*statement)->integer(4);
  if (!(*post)->expanded && (*post)->list_id != 0) {
    auto more = still_to_expand(connection_, **post);
    if (!more.ok()) return more.error();
    counts.pending += *more;
  }
  counts.accepted = counts.delivered + counts.failed + counts.suppressed + counts.pending;
  return counts;
}

Result<std::int64_t> PostStore::forget_seen(WallTime before, std::size_t limit) {
  const auto keys = sql::rows(
      sql::prepare(connection_, "SELECT list_id, seen_key FROM seen WHERE at < ? LIMIT ?", before, limit),
      [](Statement& row) { return std::pair(row.integer(0), sql::text(row, 1)); });
  if (!keys.ok()) return keys.error();
  for (const auto& [list_id, key] : *keys) {
    ESSAIM_TRY(sql::run(connection_, "DELETE FROM seen WHERE list_id = ? AND seen_key = ?", list_id,
                        sql::Blob{key}));
  }
  return static_cast<std::int64_t>(keys->size());
}

}  // namespace essaim::storage
