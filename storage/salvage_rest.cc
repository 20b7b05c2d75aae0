#include "storage/salvage_rest.h"

#include <algorithm>
#include <utility>

#include "storage/held_store.h"
#include "storage/post_store.h"
#include "storage/records.h"
#include "storage/sql.h"

namespace essaim::storage {

namespace {

constexpr std::string_view kStateLost =
    "damaged: its state is lost, and with it who has got it already: released, it goes to all of them";

std::string counted(std::int64_t number, const std::string& one, const std::string& many) {
  return std::to_string(number) + " " + (number == 1 ? one : many);
}

// "post 0dz1...: 3 batches", and what follows from it.
std::string about(const char* what, Id id, const std::string& rest) {
  return std::string(what) + " " + format_id(id) + ": " + rest;
}

struct Found {
  Id id = 0;
  std::int64_t first = 0, second = 0;
};
Result<std::vector<Found>> find(Connection& connection, std::string_view text) {
  return sql::rows(connection.prepare(text), [](Statement& row) {
    return Found{row.integer(0), row.integer(1), row.integer(2)};
  });
}

Result<void> drop_without_post(Connection& connection, std::vector<std::string>* notes) {
  const auto lost = find(connection,
                         "SELECT post_id, COUNT(*), SUM(pending) FROM batch_state WHERE NOT EXISTS "
                         "(SELECT 1 FROM post p WHERE p.id = post_id) AND queue <> 0 GROUP BY post_id");
  if (!lost.ok()) return lost.error();
  for (const Found& one : *lost)
    notes->push_back(about("post", one.id,
                           "its row is lost: " + counted(one.second, "recipient gets", "recipients get") +
                               " nothing of it any more"));
  const auto stateless =
      find(connection,
           "SELECT b.post_id, COUNT(*), SUM(b.total) FROM batch b WHERE NOT EXISTS "
           "(SELECT 1 FROM post p WHERE p.id = b.post_id) AND NOT EXISTS (SELECT 1 FROM "
           "batch_state s WHERE s.post_id = b.post_id AND s.number = b.number) GROUP BY b.post_id");
  if (!stateless.ok()) return stateless.error();
  for (const Found& one : *stateless)
    notes->push_back(
        about("post", one.id,
              "its row is lost, and what became of " + counted(one.second, "recipient", "recipients")));
  for (const char* table : {"batch_state", "batch", "rendering", "late_outcome", "report_due", "digest_post"})
    ESSAIM_TRY(connection.execute(std::string("DELETE FROM ") + table +
                                  " WHERE NOT EXISTS (SELECT 1 FROM post p WHERE p.id = post_id)"));
  return {};
}

// Without this the post would end as if all had got it. The post is held as an operator holds one, for what is only parked goes on with
// the next command about the post.
Result<void> hold_without_state(Connection& connection, std::vector<std::string>* notes) {
  const std::string lost =
      "FROM batch b JOIN post p ON p.id = b.post_id WHERE p.finished = 0 AND NOT EXISTS "
      "(SELECT 1 FROM batch_state s WHERE s.post_id = b.post_id AND s.number = b.number)";
  const auto found =
      find(connection, "SELECT b.post_id, COUNT(*), SUM(b.total) " + lost + " GROUP BY b.post_id");
  if (!found.ok()) return found.error();
  const auto made = sql::run(connection,
                             "INSERT INTO batch_state (post_id, number, queue, priority, order_rank, due, "
                             "destination, owner, epoch, attempts, "
                             "delivered, failed, suppressed, pending, last_outcome, why, progress) "
                             "SELECT b.post_id, b.number, ?, p.priority, b.number, p.accepted, '', 0, 0, 0, "
                             "0, 0, 0, b.total, 0, ?, x'' " +
                                 lost,
                             BatchQueue::kHeld, kStateLost);
  if (!made.ok()) return made.error();
  for (const Found& one : *found) {
    const auto held = sql::number(connection, 0, "SELECT held FROM post WHERE id = ?", one.id);
    if (!held.ok()) return held.error();
    if (*held == 0) ESSAIM_TRY(PostStore(connection).set_held(one.id, true, std::string(kStateLost)));
    notes->push_back(about("post", one.id,
                           "the state of " + counted(one.first, "batch", "batches") +
                               " is lost: it is held, for some of " +
                               counted(one.second, "recipient", "recipients") +
                               " may have got it (queue release, queue delete)"));
  }
  return {};
}

Result<void> tell_without_recipients(Connection& connection, std::vector<std::string>* notes) {
  const auto found =
      find(connection,
           "SELECT s.post_id, COUNT(*), SUM(s.pending) FROM batch_state s JOIN post p ON p.id = s.post_id "
           "WHERE p.finished = 0 AND s.pending > 0 AND NOT EXISTS "
           "(SELECT 1 FROM batch b WHERE b.post_id = s.post_id AND b.number = s.number) GROUP BY s.post_id");
  if (!found.ok()) return found.error();
  for (const Found& one : *found)
    notes->push_back(about("post", one.id,
                           counted(one.second, "recipient", "recipients") +
                               " that it waited for are lost: they get nothing of it"));
  const auto both =
      find(connection,
           "SELECT p.id, p.batches - COUNT(s.number), 0 FROM post p LEFT JOIN batch_state s ON "
           "s.post_id = p.id WHERE p.finished = 0 GROUP BY p.id HAVING COUNT(s.number) < p.batches");
  if (!both.ok()) return both.error();
  for (const Found& one : *both)
    notes->push_back(about("post", one.id,
                           counted(one.first, "batch is", "batches are") +
                               " lost altogether: nobody knows whether its recipients have got it"));
  return {};
}

// Pieces are full but for the last one. `whole` tells how long all of them are together, where somebody knows.
Result<std::vector<Found>> incomplete(Connection& connection, std::string_view text, std::size_t piece) {
  auto found = sql::rows(sql::prepare(connection, text, piece, piece), [](Statement& row) {
    return Found{row.integer(0), row.integer(1), row.integer(2)};
  });
  return found;
}

// Of each form: as many octets as the post has, pieces from 0 on without a gap, all of them full but the last; of the second form,
// whose length nobody knows, the last one is not full either.
Result<void> drop_incomplete_texts(Connection& connection, std::vector<std::string>* notes) {
  const auto found = incomplete(
      connection,
      "SELECT p.id, r.form, p.size FROM post p JOIN rendering r ON r.post_id = p.id WHERE p.finished = 0 "
      "GROUP BY p.id, r.form HAVING MAX(r.seq) + 1 <> COUNT(*) OR SUM(LENGTH(r.data)) <= (COUNT(*) - 1) * ? "
      "OR "
      "CASE WHEN r.form = 0 THEN SUM(LENGTH(r.data)) <> p.size ELSE SUM(LENGTH(r.data)) = COUNT(*) * ? END",
      PostStore::kPiece);
  if (!found.ok()) return found.error();
  for (const Found& one : *found) {
    const auto dropped =
        sql::run(connection, "DELETE FROM rendering WHERE post_id = ? AND form = ?", one.id, one.first);
    if (!dropped.ok()) return dropped.error();
    if (one.first != static_cast<std::int64_t>(Form::kAsIs))
      notes->push_back(about("post", one.id, "its form for hosts without 8BITMIME is lost"));
  }
  const auto without =
      find(connection,
           "SELECT p.id, p.size, 0 FROM post p WHERE p.finished = 0 AND p.batches + (p.expanded = 0) > 0 "
           "AND NOT EXISTS (SELECT 1 FROM rendering r WHERE r.post_id = p.id AND r.form = 0)");
  if (!without.ok()) return without.error();
  for (const Found& one : *without)
    notes->push_back(
        about("post", one.id, "its text is lost, or a part of it: it cannot be sent (queue delete)"));
  return {};
}

Result<void> drop_incomplete_messages(Connection& connection, std::vector<std::string>* notes) {
  const auto found =
      incomplete(connection,
                 "SELECT h.id, h.size, 0 FROM held h JOIN held_message m ON m.held_id = h.id WHERE h.state = "
                 "0 GROUP BY h.id "
                 "HAVING MAX(m.seq) + 1 <> COUNT(*) OR SUM(LENGTH(m.data)) <= (COUNT(*) - 1) * ? OR "
                 "SUM(LENGTH(m.data)) = COUNT(*) * ? AND SUM(LENGTH(m.data)) <> h.size",
                 HeldStore::kPiece);
  if (!found.ok()) return found.error();
  for (const Found& one : *found) {
    const auto dropped = sql::run(connection, "DELETE FROM held_message WHERE held_id = ?", one.id);
    if (!dropped.ok()) return dropped.error();
  }
  const auto without = find(connection,
                            "SELECT h.id, 0, 0 FROM held h WHERE h.state = 0 AND h.size > 0 AND NOT EXISTS "
                            "(SELECT 1 FROM held_message m WHERE m.held_id = h.id)");
  if (!without.ok()) return without.error();
  for (const Found& one : *without)
    notes->push_back(
        about("held", one.id, "its message is lost, or a part of it: it cannot be approved (held reject)"));
  return {};
}

Result<void> tell_without_list(Connection& connection, std::vector<std::string>* notes) {
  const auto found = find(connection,
                          "SELECT m.list_id, COUNT(*), 0 FROM member m WHERE m.left_rev = 0 AND NOT EXISTS "
                          "(SELECT 1 FROM list l WHERE l.id = m.list_id) GROUP BY m.list_id");
  if (!found.ok()) return found.error();
  for (const Found& one : *found)
    notes->push_back(about("list", one.id,
                           "its row is lost: " + counted(one.first, "entry", "entries") +
                               " of members, owners and editors belong to no list"));
  const auto lists = find(
      connection,
      "SELECT l.id, 0, 0 FROM list l WHERE NOT EXISTS (SELECT 1 FROM domain d WHERE d.id = l.domain_id)");
  if (!lists.ok()) return lists.error();
  for (const Found& one : *lists) notes->push_back(about("list", one.id, "the row of its domain is lost"));
  return {};
}

}  // namespace

Result<std::vector<std::string>> mend_rest(Database& database) {
  return database.write_now(
      Durability::kAccept, [](Connection& connection) -> Result<std::vector<std::string>> {
        std::vector<std::string> notes;
        for (const auto& step : {drop_without_post, hold_without_state, tell_without_recipients,
                                 drop_incomplete_texts, drop_incomplete_messages, tell_without_list})
          ESSAIM_TRY(step(connection, &notes));
        return notes;
      });
}

}  // namespace essaim::storage
