// What waits for somebody: posts for moderators or for their authors, requests for a confirmation or an approval. Each is
// known by its id, for the operator, and by a key, for whoever may answer. It is decided once, by a conditional update: of
// two answers at once, on whatever nodes, one wins, and the other learns what was decided. What was decided stays a
// while, without its message, so that late answers can be told. Functions run inside the caller's transaction.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/database.h"
#include "storage/records.h"

namespace essaim::storage {

enum class HeldKind : int {
  kModeration = 0,    // a post; editors decide
  kConfirmation = 1,  // a post; its author confirms
  kRequest = 2,       // a request; who is concerned confirms
  kApproval = 3,      // a request; the owners decide
  kListmaster = 4,    // a request; the listmasters decide
  kInvitation = 5,    // to join; who is invited accepts
};
enum class HeldState : int { kWaiting = 0, kApproved = 1, kRejected = 2, kExpired = 3 };

struct HeldRecord {
  Id id = 0;
  HeldKind kind = HeldKind::kModeration;
  HeldState state = HeldState::kWaiting;
  std::string key;           // 16 characters of base 32
  Id list_id = 0;            // 0: none
  std::string list_address;  // also after the list is gone
  std::string subject_key;   // what it is about: the same thing waits once ("subscribe ann@x.example")
  std::string sender;        // reverse-path of a post
  std::string author;        // of a post; who asked, of a request
  std::string message_id;
  std::string subject;    // of a post; what is asked, in English, of a request
  std::int64_t size = 0;  // of a post
  std::string client;
  std::string rule;                            // that made it wait
  std::map<std::string, std::string> details;  // arguments of a request; envelope of a post
  WallTime held{};
  WallTime expires{};
  WallTime remind{};  // 0: nobody is to be reminded any more
  WallTime decided{};
  std::string decided_by;
  std::string reason;  // of a rejection
  bool is_post() const { return kind == HeldKind::kModeration || kind == HeldKind::kConfirmation; }
  std::string detail(const std::string& name) const;  // "": there is none
  // Whose confirmation it waits for; "" where others decide.
  std::string confirmer() const;
};

// How far what is due was read.
struct HeldPlace {
  WallTime expires{};
  Id id = 0;
};

// Rows changed in one transaction, where there may be very many: below 1 MB, as a row may have 1 to 2 KB, before and after.
inline constexpr std::int64_t kHeldTogether = 250;

struct HeldFilter {
  std::string list;                // address; "" any
  Id list_id = 0;                  // 0: any
  std::optional<HeldKind> kind{};  // nothing: any
  bool decided = false;            // also what is decided
  std::size_t limit = 1000;
};

class HeldStore {
 public:
  explicit HeldStore(Connection& connection) : connection_(connection) {}

  static constexpr std::size_t kPiece = 256U << 10;  // octets of a message in one row
  // Of messages in one transaction, where there may be many: they are replicated with all that is in them.
  static constexpr std::int64_t kPiecesTogether = 2;
  // With the message of a post, in pieces. kExists: the key or id is taken. `staged`: all of them may be there already.
  Result<void> add(const HeldRecord& held, std::string_view message = {}, bool staged = false);
  // Before add(), in transactions of their own: up to kPiecesTogether pieces of a message, from `first_piece` on.
  Result<void> stage(Id id, std::string_view message, std::int64_t first_piece);
  Result<void> unstage(Id id);
  Result<std::optional<HeldRecord>> find(Id id);
  Result<std::optional<HeldRecord>> find_by_key(const std::string& key);
  // What waits about the same thing.
  Result<std::optional<HeldRecord>> find_waiting(Id list_id, HeldKind kind, const std::string& subject_key);
  Result<std::vector<HeldRecord>> search(const HeldFilter& filter);  // oldest first
  // The next `limit` behind this id, in whatever state, by their ids: people are in no index.
  Result<std::vector<HeldRecord>> behind(Id after, std::size_t limit);
  // All of it, or its first `pieces`. kNotFound once it is decided.
  Result<std::string> message(Id id, std::int64_t pieces = std::numeric_limits<std::int64_t>::max());
  // True: it waited, and is decided now; its message goes, what is more of it than kPiecesTogether with purge_messages(). False:
  // somebody was first, or it is gone.
  Result<bool> decide(Id id, HeldState state, WallTime now, const std::string& by, const std::string& reason);
  // What waits and whose time is over, or whose deciders are to be reminded; by when it expires, behind `after`.
  Result<std::vector<HeldRecord>> due(WallTime now, std::size_t limit, const HeldPlace& after);
  Result<bool> reminded(const HeldRecord& read, WallTime next);  // false: somebody else did
  // Of all that waits beside it, on its list and for the same people, nobody is reminded before `next`. True: there may be more
  // than one transaction bears, for finish_reminding() (list_rest.h).
  Result<bool> remind_together(const HeldRecord& one, WallTime next);
  // Of all that waits, in one transaction: for a file. Its time begins anew, and nobody is reminded before `remind`.
  Result<void> renew_lifetimes(WallTime now, WallTime remind);
  // The next `limit` of a list behind this id, by their ids. Of what is damaged there are id, kind and state only.
  Result<std::vector<HeldRecord>> of_list(Id list_id, HeldState state, Id after, std::size_t limit);
  // The first kHeldTogether that wait on a list, as of_list() gives them, are declined, because the list goes. True: there may
  // be more. Its messages stay for purge_messages().
  Result<bool> decline_some(Id list_id, WallTime now, const std::string& by);
  // What is decided and has its message still. A read.
  Result<std::vector<Id>> decided_with_message(std::size_t limit);
  // Whose message was staged before `before`, and which nothing waits as: its sender had no 250. A read.
  Result<std::vector<Id>> staged_in_vain(WallTime before, std::size_t limit);
  // Less than 1 MB of the messages of such, unless they wait after all; how many pieces there were, 0 at the end.
  Result<std::int64_t> purge_messages(std::span<const Id> decided);
  // With its message, if that is there still. False: it waits, or is gone.
  Result<bool> remove_decided(Id id);
  Result<std::int64_t> forget_decided(WallTime before, std::size_t limit);

 private:
  Connection& connection_;
};

// How often we answered an address, over all nodes.
class AnswerStore {
 public:
  explicit AnswerStore(Connection& connection) : connection_(connection) {}
  // Those within this hour.
  Result<std::int64_t> counted(const std::string& address, WallTime now);
  // Counts one more answer; the number within this hour, it included.
  Result<std::int64_t> count(const std::string& address, WallTime now);
  // The same of questions that the address was sent: because they asked for something themselves, or another did. They are
  // counted apart, so that nobody uses up what another may ask for.
  enum class AskedFor { kThemselves, kByAnother };
  Result<std::int64_t> count_question(AskedFor by, const std::string& address, WallTime now);
  // All that is kept of it, questions included.
  Result<std::int64_t> counted_at_all(const std::string& address);
  Result<void> forget_address(const std::string& address);
  Result<std::int64_t> forget(WallTime before, std::int64_t limit);  // at most so many; how many

 private:
  Connection& connection_;
};

}  // namespace essaim::storage
