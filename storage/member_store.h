// Members of lists, by role. Keyed (list, role, domain, local_key), so that reading in key order is reading by
// destination domain. Functions run inside the caller's transaction on the caller's connection.
//
// A change of membership takes the list's next revision: next_revision() once per transaction, then add()/remove() with
// it. A member who left keeps the row with `left` set, until purge_left(), so that an expansion under way at an older
// revision neither loses nor invents a recipient; joining again reuses the row with a new id. Who moves to another address keeps
// the id: see move().
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/address.h"
#include "storage/database.h"
#include "storage/readers.h"
#include "storage/records.h"

namespace essaim::storage {

using ListRevisions = std::map<Id, std::int64_t>;

// A list that somebody left.
struct ListLeft {
  Id id = 0;
  std::int64_t first = 0;     // revision at which somebody did
  std::int64_t revision = 0;  // of the list now; of one that is no more, the greatest there is
};

// A member who left, and the revision at which. One whose list was gone by then: the greatest there is.
struct MemberLeft {
  Id id = 0;
  std::int64_t revision = 0;
  // The member goes on under another address, and this one was forgotten: those of posts that were accepted since then.
  std::int64_t joined = 0;
  friend bool operator==(const MemberLeft&, const MemberLeft&) = default;
};

// How far the posts that wait were read: those that are not expanded first.
struct PlaceInPosts {
  bool expanded = false;
  Id post_id = 0;
};

class MemberStore {
 public:
  explicit MemberStore(Connection& connection) : connection_(connection) {}

  Result<std::int64_t> next_revision(Id list_id);
  // kExists if it is a member in this role already.
  Result<void> add(const MemberRecord& member);
  // Adds those who are none in their role yet, many at once; how many that were.
  Result<std::size_t> add_new(std::span<const MemberRecord> members);
  // kNotFound if it is none.
  Result<void> remove(Id list_id, Role role, const smtp::Address& address, std::int64_t revision);
  // The membership goes on under another address: with its id, by which what members leave with stays good, and copies that are
  // under way to the earlier address are none for somebody who left. That one's row gets `row_id`, and stays as those of who left
  // do. kExists if the other address is a member in this role.
  Result<void> move(const MemberRecord& member, const smtp::Address& to, std::int64_t revision, Id row_id);
  // Whose reception is said is stopped no more (bouncer_store.h).
  Result<void> set(Id list_id, Role role, const smtp::Address& address, Reception reception,
                   const std::string& name);
  Result<void> set_name(Id member_id, const std::string& name);
  Result<void> set_conceal(Id member_id, bool conceal);
  Result<void> set_privileged(Id member_id, bool privileged);
  Result<void> set_language(Id member_id, const std::string& language);
  // Memberships, ownerships and editorships of one person, on all lists.
  Result<std::vector<MemberRecord>> of_person(const smtp::Address& address, std::size_t limit);
  // All rows of one person: also of who left, as long as they are there, and of listmasters.
  Result<std::vector<MemberRecord>> all_of_person(const smtp::Address& address, std::size_t limit);
  // Of a membership of this person that ended, or whose list (of a listmaster: whose domain) was deleted, nothing stays but what
  // posts that were accepted before need: that this id has left. The row stands under an address that nobody can have
  // (kForgotten), so an expansion under way may still take it, and its claims suppress it. Of a member's earlier address the list
  // takes its next revision, so that nodes look for copies that go there. False: it is no such row (any more).
  static constexpr std::string_view kForgotten = "erased.invalid";  // the domain (RFC 2606 §2)
  Result<bool> forget_ended(Id member_id, const smtp::Address& address);
  // Current members of the list with at least so many bounces, the last one not before `since`; in key order.
  Result<std::vector<MemberRecord>> bouncing(Id list_id, std::int64_t at_least, WallTime since);
  // Current members only (left = 0).
  Result<std::optional<MemberRecord>> find(Id list_id, Role role, const smtp::Address& address);
  // Its current roles in the list: the sum of 1 << role.
  Result<unsigned> roles(Id list_id, const smtp::Address& address);
  Result<std::optional<MemberRecord>> find_by_id(Id member_id);  // also those who left
  Result<std::int64_t> count(Id list_id, Role role);
  // How many current members have digests of each kind; kinds that nobody has are left out.
  Result<std::map<Reception, std::int64_t>> count_gathered(Id list_id);
  // In key order, current members, for export and owners. Stops when `each` gives false.
  // All in the caller's transaction: for work that ends soon.
  Result<void> for_each(Id list_id, Role role, const std::function<bool(const MemberRecord&)>& each);
  // The next `limit` current members in this role behind `after` (null: the first ones), in key order.
  Result<std::vector<MemberRecord>> behind(Id list_id, Role role, const MemberRecord* after,
                                           std::size_t limit);
  // The next `limit` recipients of a post at `revision`, after the cursor, in key order.
  Result<std::vector<BatchRecipient>> page(Id list_id, std::int64_t revision, const std::string& after_domain,
                                           const std::string& after_local, std::size_t limit,
                                           const Readers& readers = {});
  // The members of the list who left after `revision`, and not after `until`; without those who have another address. And, since
  // whenever, those with an earlier address that was forgotten.
  Result<std::vector<MemberLeft>> left_since(Id list_id, std::int64_t revision,
                                             std::int64_t until = std::numeric_limits<std::int64_t>::max());
  // Adds one to the member's failures. Unknown ids and those who left are ignored, and a copy of a post of an earlier
  // `revision` than the address is a member since: it went to the one before.
  static constexpr std::int64_t kOfAnyPost = std::numeric_limits<std::int64_t>::max();
  Result<void> record_bounce(Id member_id, const std::string& reason, WallTime when,
                             std::int64_t revision = kOfAnyPost);
  // Takes one away again, of the same members. What the last one said stays as long as any is counted. False: there was none.
  Result<bool> take_back_bounce(Id member_id, std::int64_t revision = kOfAnyPost);

  // Retention (member_retention.cc). Who left is needed as long as a post that was accepted before has batches to go: its
  // expansion takes them, and its claims suppress them. So the lists are asked for first, and then the posts that wait; what
  // is accepted meanwhile is of no older revision than the lists had.
  // One statement for all lists, in the order of their ids. A read.
  Result<std::vector<ListLeft>> lists_that_were_left();
  // Lists that are no more and whose members are still here, and domains that are no more and had listmasters. Likewise.
  Result<std::vector<Id>> deleted_lists();
  // Reads the next `look_at` posts that wait, and puts down for each list the oldest revision at which one was accepted. False:
  // these were the last. A read.
  Result<bool> read_waiting(PlaceInPosts* place, std::size_t look_at, ListRevisions* oldest);
  // Removes up to a thousand rows of members who left the list at this revision or before. Returns how many; 0: none is left.
  Result<std::int64_t> purge_left(Id list_id, std::int64_t revision);
  // Removes up to a thousand members of one of these of which no post waits. Returns how many.
  Result<std::int64_t> purge_deleted_list(Id list_id);

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
