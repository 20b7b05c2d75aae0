#include "storage/held_store.h"

#include <algorithm>
#include <string>

#include "core/base/id.h"
#include "storage/sql.h"

namespace essaim::storage {
namespace {

// Before the address, which has no space.
const std::string kQuestion = "question to ", kOwnQuestion = "own question to ";
constexpr std::string_view kColumns =
    "SELECT id, kind, state, answer_key, list_id, list_address, subject_key, sender, author, message_id, "
    "subject, size, "
    "client, rule_name, details, held, expires, remind, decided, decided_by, reason FROM held ";

Result<HeldRecord> held_from(Statement& row) {
  HeldRecord held;
  held.id = row.integer(0);
  held.kind = static_cast<HeldKind>(row.integer(1));
  held.state = static_cast<HeldState>(row.integer(2));
  held.key = sql::text(row, 3);
  held.list_id = row.integer(4);
  held.list_address = sql::text(row, 5);
  held.subject_key = sql::text(row, 6);
  held.sender = sql::text(row, 7);
  held.author = sql::text(row, 8);
  held.message_id = sql::text(row, 9);
  held.subject = sql::text(row, 10);
  held.size = row.integer(11);
  held.client = sql::text(row, 12);
  held.rule = sql::text(row, 13);
  auto details = sql::decode_settings(row.text(14));
  if (!details.ok()) return details.error();
  held.details = std::move(*details);
  held.held = sql::time(row, 15);
  held.expires = sql::time(row, 16);
  held.remind = sql::time(row, 17);
  held.decided = sql::time(row, 18);
  held.decided_by = sql::text(row, 19);
  held.reason = sql::text(row, 20);
  return held;
}

Result<std::vector<HeldRecord>> all(const Result<Statement*>& statement) {
  return sql::rows(statement, held_from);
}

Result<std::optional<HeldRecord>> one(const Result<Statement*>& statement) {
  auto found = all(statement);
  if (!found.ok()) return found.error();
  if (found->empty()) return std::optional<HeldRecord>();
  return std::optional<HeldRecord>(std::move(found->front()));
}

std::int64_t pieces_of(std::string_view message) {
  return static_cast<std::int64_t>((message.size() + HeldStore::kPiece - 1) / HeldStore::kPiece);
}

// From the one to before the other.
Result<void> add_pieces(Connection& connection, Id id, std::string_view message, std::int64_t from,
                        std::int64_t to) {
  for (std::int64_t seq = from; seq < to; ++seq) {
    ESSAIM_TRY(sql::run(
        connection, "INSERT INTO held_message (held_id, seq, data) VALUES (?, ?, ?)", id, seq,
        sql::Blob{message.substr(static_cast<std::size_t>(seq) * HeldStore::kPiece, HeldStore::kPiece)}));
  }
  return {};
}

// Some of them.
Result<std::int64_t> delete_pieces(Connection& connection, Id id) {
  return sql::run(
      connection,
      sql::delete_some(connection, "held_message", "held_id, seq", "held_id = ?", HeldStore::kPiecesTogether),
      id);
}

}  // namespace

std::string HeldRecord::detail(const std::string& name) const {
  const auto found = details.find(name);
  return found == details.end() ? "" : found->second;
}

std::string HeldRecord::confirmer() const {
  switch (kind) {
    case HeldKind::kConfirmation:
      return author;
    case HeldKind::kRequest:
      return detail("asked") == "email" ? detail("email") : author;
    case HeldKind::kInvitation:
      return detail("email");
    default:
      return "";
  }
}

Result<void> HeldStore::add(const HeldRecord& h, std::string_view message, bool staged) {
  ESSAIM_TRY(sql::run(
      connection_,
      "INSERT INTO held (id, kind, state, answer_key, list_id, list_address, subject_key, sender, author, "
      "message_id, subject, size, client, rule_name, details, held, expires, remind, decided, decided_by, "
      "reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      h.id, h.kind, h.state, h.key, h.list_id, h.list_address, h.subject_key, h.sender, h.author,
      h.message_id, h.subject, h.size, h.client, h.rule, sql::encode_settings(h.details), h.held, h.expires,
      h.remind, h.decided, h.decided_by, h.reason));
  if (staged) {
    auto found = sql::number(connection_, 0, "SELECT COUNT(*) FROM held_message WHERE held_id = ?", h.id);
    if (!found.ok()) return found.error();
    if (*found == pieces_of(message)) return {};
  }
  return add_pieces(connection_, h.id, message, 0, pieces_of(message));
}

Result<void> HeldStore::stage(Id id, std::string_view message, std::int64_t first_piece) {
  return add_pieces(connection_, id, message, first_piece,
                    std::min(first_piece + kPiecesTogether, pieces_of(message)));
}

Result<void> HeldStore::unstage(Id id) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM held_message WHERE held_id = ?", id));
  return {};
}

Result<std::optional<HeldRecord>> HeldStore::find(Id id) {
  return one(sql::prepare(connection_, std::string(kColumns) + "WHERE id = ?", id));
}

Result<std::optional<HeldRecord>> HeldStore::find_by_key(const std::string& key) {
  return one(sql::prepare(connection_, std::string(kColumns) + "WHERE answer_key = ?", key));
}

Result<std::optional<HeldRecord>> HeldStore::find_waiting(Id list_id, HeldKind kind,
                                                          const std::string& subject_key) {
  return one(sql::prepare(
      connection_,
      std::string(kColumns) + "WHERE list_id = ? AND state = 0 AND kind = ? AND subject_key = ? LIMIT 1",
      list_id, kind, subject_key));
}

// One text for all lists: each is kept prepared, and those of thousands of lists would drive out all others.
Result<std::vector<HeldRecord>> HeldStore::search(const HeldFilter& filter) {
  std::string where = "WHERE 1 = 1 ";
  if (!filter.list.empty()) where += "AND list_address = ? ";
  if (filter.list_id != 0) where += "AND list_id = ? ";
  if (filter.kind) where += "AND kind = ? ";
  if (!filter.decided) where += "AND state = 0 ";
  auto statement = connection_.prepare(std::string(kColumns) + where + "ORDER BY id LIMIT ?");
  if (!statement.ok()) return statement.error();
  int next = 1;
  if (!filter.list.empty()) sql::bind_one(**statement, next++, filter.list);
  if (filter.list_id != 0) sql::bind_one(**statement, next++, filter.list_id);
  if (filter.kind) sql::bind_one(**statement, next++, *filter.kind);
  sql::bind_one(**statement, next, filter.limit);
  return all(statement);
}

Result<std::vector<HeldRecord>> HeldStore::behind(Id after, std::size_t limit) {
  return all(
      sql::prepare(connection_, std::string(kColumns) + "WHERE id > ? ORDER BY id LIMIT ?", after, limit));
}

Result<std::string> HeldStore::message(Id id, std::int64_t pieces) {
  // What is decided may have some of it still.
  auto statement = sql::prepare(connection_,
                                "SELECT m.data FROM held h JOIN held_message m ON m.held_id = h.id "
                                "WHERE h.id = ? AND h.state = 0 AND m.seq < ? ORDER BY m.seq",
                                id, pieces);
  if (!statement.ok()) return statement.error();
  std::string out;
  for (bool any = false;; any = true) {
    auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (*row) {
      out += (*statement)->text(0);
    } else if (any) {
      return out;
    } else {
      return Error{ErrorCode::kNotFound, "the message is not held any more"};
    }
  }
}

Result<bool> HeldStore::decide(Id id, HeldState state, WallTime now, const std::string& by,
                               const std::string& reason) {
  auto decided = sql::run(
      connection_,
      "UPDATE held SET state = ?, decided = ?, decided_by = ?, reason = ? WHERE id = ? AND state = 0", state,
      now, by, reason, id);
  if (!decided.ok()) return decided.error();
  if (*decided == 0) return false;
  ESSAIM_TRY(delete_pieces(connection_, id));
  return true;
}

Result<void> HeldStore::renew_lifetimes(WallTime now, WallTime remind) {
  ESSAIM_TRY(sql::run(connection_,
                      "UPDATE held SET expires = expires - held + ? WHERE state = 0 AND held < ?", now, now));
  ESSAIM_TRY(sql::run(connection_, "UPDATE held SET remind = ? WHERE state = 0 AND remind > 0 AND remind < ?",
                      remind, remind));
  return {};
}

Result<std::vector<HeldRecord>> HeldStore::of_list(Id list_id, HeldState state, Id after, std::size_t limit) {
  auto statement = sql::prepare(
      connection_, std::string(kColumns) + "WHERE list_id = ? AND state = ? AND id > ? ORDER BY id LIMIT ?",
      list_id, state, after, limit);
  if (!statement.ok()) return statement.error();
  std::vector<HeldRecord> out;
  for (;;) {
    const auto row = (*statement)->step();
    if (!row.ok()) return row.error();
    if (!*row) return out;
    auto held = held_from(**statement);
    if (held.ok()) {
      out.push_back(*std::move(held));
      continue;
    }
    HeldRecord damaged;
    damaged.id = (*statement)->integer(0);
    damaged.kind = static_cast<HeldKind>((*statement)->integer(1));
    damaged.state = state;
    out.push_back(std::move(damaged));
  }
}

Result<bool> HeldStore::decline_some(Id list_id, WallTime now, const std::string& by) {
  const auto some = sql::ids(
      sql::prepare(connection_, "SELECT id FROM held WHERE list_id = ? AND state = 0 ORDER BY id LIMIT ?",
                   list_id, kHeldTogether));
  if (!some.ok()) return some.error();
  if (some->empty()) return false;
  ESSAIM_TRY(sql::run(
      connection_,
      "UPDATE held SET state = ?, decided = ?, decided_by = ? WHERE list_id = ? AND state = 0 AND id <= ?",
      HeldState::kRejected, now, by, list_id, some->back()));
  return static_cast<std::int64_t>(some->size()) >= kHeldTogether;
}

// Asked by the keys alone, before anything is deleted: what one engine deletes by a list of ids that it has to find first,
// it reads whole, with the messages of all that waits.
Result<std::vector<Id>> HeldStore::decided_with_message(std::size_t limit) {
  return sql::ids(
      sql::prepare(connection_,
                   "SELECT DISTINCT m.held_id FROM held_message m JOIN held h ON h.id = m.held_id "
                   "WHERE h.state > 0 LIMIT ?",
                   limit));
}

Result<std::vector<Id>> HeldStore::staged_in_vain(WallTime before, std::size_t limit) {
  return sql::ids(
      sql::prepare(connection_,
                   "SELECT DISTINCT m.held_id FROM held_message m LEFT JOIN held h ON h.id = m.held_id "
                   "WHERE m.held_id < ? AND h.id IS NULL LIMIT ?",
                   first_id_at(before), limit));
}

Result<std::int64_t> HeldStore::purge_messages(std::span<const Id> decided) {
  std::int64_t gone = 0;
  for (std::size_t i = 0; i < decided.size() && gone < kPiecesTogether; ++i) {
    auto waits =
        sql::number(connection_, 0, "SELECT COUNT(*) FROM held WHERE id = ? AND state = 0", decided[i]);
    if (!waits.ok()) return waits.error();
    if (*waits > 0) continue;
    auto some = delete_pieces(connection_, decided[i]);
    if (!some.ok()) return some.error();
    gone += *some;
  }
  return gone;
}

Result<std::vector<HeldRecord>> HeldStore::due(WallTime now, std::size_t limit, const HeldPlace& after) {
  return all(sql::prepare(connection_,
                          std::string(kColumns) +
                              "WHERE state = 0 AND (expires <= ? OR (remind > 0 AND remind <= ?)) AND "
                              "expires >= ? AND (expires > ? OR id > ?) ORDER BY expires, id LIMIT ?",
                          now, now, after.expires, after.expires, after.id, limit));
}

Result<bool> HeldStore::reminded(const HeldRecord& read, WallTime next) {
  auto changed = sql::run(connection_, "UPDATE held SET remind = ? WHERE id = ? AND state = 0 AND remind = ?",
                          next, read.id, read.remind);
  if (!changed.ok()) return changed.error();
  return *changed > 0;
}

Result<bool> HeldStore::remind_together(const HeldRecord& one, WallTime next) {
  auto reminded = sql::run(
      connection_,
      sql::update_some(connection_, "held", "remind = ?",
                       "list_id = ? AND state = 0 AND kind = ? AND remind > 0 AND remind < ?", kHeldTogether),
      next, one.list_id, one.kind, next);
  if (!reminded.ok()) return reminded.error();
  return *reminded >= kHeldTogether;
}

Result<bool> HeldStore::remove_decided(Id id) {
  auto removed = sql::run(connection_, "DELETE FROM held WHERE id = ? AND state > 0", id);
  if (!removed.ok()) return removed.error();
  if (*removed == 0) return false;
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM held_message WHERE held_id = ?", id));
  return true;
}

Result<std::int64_t> HeldStore::forget_decided(WallTime before, std::size_t limit) {
  auto old = sql::ids(sql::prepare(connection_, "SELECT id FROM held WHERE state > 0 AND decided < ? LIMIT ?",
                                   before, limit));
  if (!old.ok()) return old.error();
  for (const Id id : *old)
    ESSAIM_TRY(sql::run(connection_, "DELETE FROM held WHERE id = ? AND state > 0", id));
  return static_cast<std::int64_t>(old->size());
}

Result<std::int64_t> AnswerStore::count(const std::string& address, WallTime now) {
  const std::int64_t hour = to_millis(now) / 3'600'000;
  ESSAIM_TRY(sql::run(
      connection_,
      std::string(connection_.insert_ignore()) + " answered (address, hour_number, number) VALUES (?, ?, 0)",
      address, hour));
  ESSAIM_TRY(sql::run(connection_,
                      "UPDATE answered SET number = number + 1 WHERE address = ? AND hour_number = ?",
                      address, hour));
  return sql::number(connection_, 0, "SELECT number FROM answered WHERE address = ? AND hour_number = ?",
                     address, hour);
}

Result<std::int64_t> AnswerStore::count_question(AskedFor by, const std::string& address, WallTime now) {
  return count((by == AskedFor::kThemselves ? kOwnQuestion : kQuestion) + address, now);
}

Result<std::int64_t> AnswerStore::counted(const std::string& address, WallTime now) {
  return sql::number(connection_, 0, "SELECT number FROM answered WHERE address = ? AND hour_number = ?",
                     address, to_millis(now) / 3'600'000);
}

Result<std::int64_t> AnswerStore::counted_at_all(const std::string& address) {
  return sql::number(connection_, 0, "SELECT SUM(number) FROM answered WHERE address IN (?, ?, ?)", address,
                     kQuestion + address, kOwnQuestion + address);
}

Result<void> AnswerStore::forget_address(const std::string& address) {
  ESSAIM_TRY(sql::run(connection_, "DELETE FROM answered WHERE address IN (?, ?, ?)", address,
                      kQuestion + address, kOwnQuestion + address));
  return {};
}

Result<std::int64_t> AnswerStore::forget(WallTime before, std::int64_t limit) {
  return sql::run(connection_,
                  sql::delete_some(connection_, "answered", "address, hour_number", "hour_number < ?", limit),
                  to_millis(before) / 3'600'000);
}

}  // namespace essaim::storage
