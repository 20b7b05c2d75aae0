#include "delivery/claim.h"

#include "core/smtp/dot_stuffing.h"
#include "storage/directory_store.h"
#include "storage/expansion.h"
#include "storage/late_store.h"
#include "storage/member_store.h"
#include "storage/node_store.h"
#include "storage/post_store.h"

namespace essaim::delivery {
namespace {

constexpr std::chrono::milliseconds kRoomAgain{1'000};
constexpr std::chrono::minutes kDamageAgain{1};  // what could not be made due is tried again
constexpr std::chrono::seconds kLookAroundDamage{5};
constexpr std::size_t kMostPlaces = 10'000;  // a statement for each that nobody may claim now
constexpr std::size_t kUnexpanded = 64;
constexpr std::array<int, Budget::kClasses> kFrom{0, 1, 2};
constexpr std::array<int, Budget::kClasses> kTo{0, 1, storage::kLastPriority};

// A batch that cannot be sent as it is (its rendering is gone or damaged) is parked where an operator sees
// it.
Result<void> park(storage::BatchStore& batches, storage::Fence fence, storage::BatchRecord batch,
                  const Error& error, ClaimResult* result) {
  batch.queue = storage::BatchQueue::kHeld;
  batch.why = "cannot be sent: " + error.message;
  result->unusable.push_back(format_id(batch.post_id) + "/" + std::to_string(batch.number) + ": " +
                             error.message);
  return batches.save(fence, batch);
}

// A batch whose post does not fit in memory beside those that are being sent. It waits, so that it is not in the way of
// others.
Result<void> put_back(storage::BatchStore& batches, const ClaimRequest& request, storage::BatchRecord batch,
                      ClaimResult* result) {
  batch.queue = storage::BatchQueue::kWaiting;
  batch.due = request.now + kRoomAgain;
  batch.why = "no room in memory beside other large posts";
  result->without_room = true;
  return batches.save(request.fence, batch);
}

bool is_about_the_data(const Error& error) {
  return error.code == ErrorCode::kNotFound || error.code == ErrorCode::kDamaged ||
         error.code == ErrorCode::kInvalid;
}

// Null if there is no such form.
Result<SharedBytes> wire_of(storage::PostStore& posts, Id id, storage::Form form, std::size_t expected) {
  smtp::DotStuffing stuffing(expected);
  bool any = false;
  const auto take = [&](std::string_view piece) {
    any = true;
    stuffing.append(piece);
  };
  if (auto read = posts.read_rendering(id, form, take); !read.ok()) return read.error();
  return any ? share(std::move(stuffing).finish()) : SharedBytes();
}

// `loading` octets are loaded already. Null: there is no room for it.
Result<std::shared_ptr<const ActivePost>> load_post(storage::Connection& connection, Id id,
                                                    const KeySource& keys, PostCache* room,
                                                    std::size_t* loading) {
  storage::PostStore posts(connection);
  Result<std::optional<storage::PostRecord>> post = posts.find(id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return Error{ErrorCode::kNotFound, "post " + format_id(id) + " does not exist"};
  const auto size = static_cast<std::size_t>(std::max<std::int64_t>(0, (*post)->size));
  const bool two_forms = (*post)->eight_bit || (*post)->smtputf8;
  const std::size_t octets = two_forms ? 2 * size : size;
  if (room != nullptr && !room->make_room(octets, *loading)) return std::shared_ptr<const ActivePost>();
  Result<SharedBytes> wire = wire_of(posts, id, storage::Form::kAsIs, size);
  if (!wire.ok()) return wire.error();
  Result<SharedBytes> wire_7bit = SharedBytes();
  if (two_forms) wire_7bit = wire_of(posts, id, storage::Form::kSevenBit, 0);
  if (!wire_7bit.ok()) return wire_7bit.error();
  *loading += octets;
  return activate_post(std::move(**post), std::move(*wire), std::move(*wire_7bit), keys);
}

// A post that is in memory already, with the lifetime that it has now: an operator may have renewed it, here or at another
// node. Nothing else of a post changes, so its text is not read again. Null: it is not in memory, or is gone.
Result<std::shared_ptr<const ActivePost>> known_post(storage::Connection& connection, Id id,
                                                     PostCache* cache) {
  std::shared_ptr<const ActivePost> known = cache == nullptr ? nullptr : cache->find(id);
  if (known == nullptr) return known;
  Result<std::optional<storage::PostRecord>> post = storage::PostStore(connection).find(id);
  if (!post.ok()) return post.error();
  if (!post->has_value()) return std::shared_ptr<const ActivePost>();
  if ((*post)->expires == known->post.expires) return known;
  auto renewed = std::make_shared<ActivePost>(*known);
  renewed->post.expires = (*post)->expires;
  return std::shared_ptr<const ActivePost>(std::move(renewed));
}

// Members who left after the post was accepted get nothing any more. `batch`: one of the post. `revisions`: of the lists that
// this claim has asked about; who leaves meanwhile has left behind it. What is known of a list is read once: then who left
// between an older post and that.
Result<void> find_those_who_left(storage::Connection& connection, const storage::PostRecord& post,
                                 const storage::BatchRecord& batch, const KnownDepartures* known,
                                 std::map<Id, std::int64_t>* revisions, ClaimResult* result) {
  if (batch.recipients.empty() || !is_for_members(post, batch.recipients.front())) return {};
  auto revision = revisions->find(post.list_id);
  if (revision == revisions->end()) {
    Result<std::int64_t> now = storage::DirectoryStore(connection).revision(post.list_id);
    if (!now.ok()) return now.error();
    revision = revisions->emplace(post.list_id, *now).first;
  }
  // A list that is gone has none; its members are there until its posts are finished.
  if (revision->second == post.list_revision) return {};
  std::shared_ptr<const ListDepartures>& left = result->left[post.list_id];
  if (left == nullptr && known != nullptr) left = known->find(post.list_id, revision->second);
  if (left != nullptr && left->after <= post.list_revision) return {};
  storage::MemberStore members(connection);
  Result<std::vector<storage::MemberLeft>> more =
      left == nullptr ? members.left_since(post.list_id, post.list_revision)
                      : members.left_since(post.list_id, post.list_revision, left->after);
  if (!more.ok()) return more.error();
  auto all = left == nullptr ? std::make_shared<ListDepartures>() : std::make_shared<ListDepartures>(*left);
  all->after = post.list_revision;
  all->revision = revision->second;
  all->who.add(*more);
  left = std::move(all);
  return {};
}

// Batches that an earlier claim took without our hearing of it.
Result<void> release_unheard(storage::BatchStore& batches, const ClaimRequest& request, ClaimResult* result) {
  Result<std::vector<storage::BatchRecord>> owned = batches.owned(request.fence, request.open);
  if (!owned.ok()) return owned.error();
  for (storage::BatchRecord& one : *owned) {
    one.queue = storage::BatchQueue::kReady;
    ESSAIM_TRY(batches.save(request.fence, one));
    ++result->reconciled;
  }
  return {};
}

Result<void> still_ours(storage::Connection& connection, storage::Fence fence, ClaimResult* result) {
  Result<bool> beat = storage::NodeStore(connection).beat({fence.owner, fence.epoch});
  if (!beat.ok()) return beat.error();
  result->epoch_over = !*beat;
  if (!*beat) return Error{ErrorCode::kConflict, "the epoch of this node is over"};
  return {};
}

// Delivered wins, before the next attempt.
Result<void> merge_late(storage::Connection& connection, storage::Fence fence,
                        std::vector<storage::BatchRecord>* claimed, ClaimResult* result) {
  storage::LateStore late(connection);
  Result<bool> any = late.any();
  if (!any.ok()) return any.error();
  if (!*any) return {};
  storage::BatchStore batches(connection);
  for (storage::BatchRecord& batch : *claimed) {
    Result<bool> changed = late.merge_into(&batch);
    if (!changed.ok()) return changed.error();
    if (!*changed) continue;
    ++result->merged;
    ESSAIM_TRY(batches.save(fence, batch));
  }
  return {};
}

// When something is due next. What could not be made due is not asked about: it would be due for ever. Nor is what an index of a
// damaged file tells and its table does not: behind a look nothing else is due.
Result<std::optional<WallTime>> next_due(storage::BatchStore& batches, WallTime now, bool looked,
                                         bool all_promoted, bool more_to_promote) {
  if (all_promoted) {
    Result<std::optional<WallTime>> first = batches.next_due();
    if (!looked || more_to_promote || !first.ok() || !*first || **first > now) return first;
  } else if (more_to_promote) {
    return std::optional<WallTime>(now);
  }
  Result<std::optional<WallTime>> next = batches.next_due(now + std::chrono::milliseconds(1));
  if (!next.ok()) return next.error();
  const WallTime again = now + kDamageAgain;
  return std::optional<WallTime>(std::min(next->value_or(again), again));
}

// Big posts are for all nodes, at once.
storage::ClaimHome home_of(const ClaimRequest& request, std::size_t cls) {
  if (!request.shared || cls + 1 >= request.limits.size()) return {};
  return {request.fence.owner, request.now - kStaysAtHome, request.all_elsewhere};
}

}  // namespace

Result<std::shared_ptr<const ActivePost>> activate_post(storage::PostRecord post, SharedBytes wire,
                                                        SharedBytes wire_7bit, const KeySource& keys) {
  auto active = std::make_shared<ActivePost>();
  Result<Template> sender = Template::compile(post.envelope_sender);
  if (!sender.ok()) return sender.error();
  Result<Template> header = Template::compile(post.private_header);
  if (!header.ok()) return header.error();
  active->envelope_sender = std::move(*sender);
  active->private_header = std::move(*header);
  active->wire = std::move(wire);
  active->plain = unstuffed(*active->wire);
  active->wire_7bit = std::move(wire_7bit);
  active->smtputf8 = post.smtputf8;
  active->signer = make_signer(post, active->wire, active->wire_7bit, keys);
  if (passes_dsn_on(post)) {
    if (post.dsn.ret == "FULL") active->dsn_return = DsnReturn::kFull;
    if (post.dsn.ret == "HDRS") active->dsn_return = DsnReturn::kHeaders;
    active->dsn_envelope_id = post.dsn.envelope_id;
  }
  active->post = std::move(post);
  return std::shared_ptr<const ActivePost>(std::move(active));
}

bool ClaimResult::has_left(const storage::PostRecord& post, const storage::BatchRecipient& one) const {
  if (one.member_id == 0 || !is_for_members(post, one)) return false;
  // Nobody has it, whatever is known of the list.
  if (one.domain == storage::MemberStore::kForgotten) return true;
  const auto list = left.find(post.list_id);
  return list != left.end() && list->second->who.left(one.member_id, post.list_revision);
}

void ClaimRequest::leave_to_others(const std::pair<Id, int>& batch, int priority,
                                   const std::string& destination) {
  std::set<std::pair<Id, int>>& of_class = except[static_cast<std::size_t>(Budget::class_of(priority))];
  if (elsewhere.count(destination) == 0) of_class.insert(batch);
}

namespace {

// The batches of one claim, with their posts.
class Taking {
 public:
  Taking(storage::Connection& connection, const ClaimRequest& request, ClaimResult* result)
      : connection_(connection), batches_(connection), request_(request), result_(result) {}

  storage::BatchStore& batches() { return batches_; }

  // `only`: the one at that place; 0: up to `limit` of the class.
  Result<void> take(std::size_t cls, std::size_t limit, storage::Place only) {
    std::size_t parked = 0;
    Result<std::vector<storage::BatchRecord>> claimed =
        batches_.claim(request_.fence, kFrom[cls], kTo[cls], limit,
                       request_.pass_over[cls] ? request_.saturated : request_.elsewhere, request_.barrier,
                       &parked, home_of(request_, cls), request_.except[cls], only);
    if (!claimed.ok()) return claimed.error();
    if (!claimed->empty()) ESSAIM_TRY(merge_late(connection_, request_.fence, &*claimed, result_));
    result_->parked = result_->parked || parked > 0;
    result_->parked_more = result_->parked_more || parked >= storage::BatchStore::kParkedAtOnce;
    result_->taken[cls] += claimed->size();
    for (storage::BatchRecord& batch : *claimed) ESSAIM_TRY(add(std::move(batch)));
    return {};
  }

 private:
  Result<void> add(storage::BatchRecord batch) {
    const Id id = batch.post_id;
    if (result_->posts.count(id) == 0 && bad_.count(id) == 0) {
      auto known = known_post(connection_, id, request_.known.get());
      if (!known.ok()) return known.error();
      if (*known != nullptr) {
        result_->posts[id] = std::move(*known);
      } else if (auto loaded = load_post(connection_, id, request_.keys, request_.known.get(), &loading_);
                 loaded.ok()) {
        if (*loaded == nullptr) return put_back(batches_, request_, std::move(batch), result_);
        result_->posts[id] = *loaded;
      } else if (is_about_the_data(loaded.error())) {
        bad_[id] = loaded.error();
      } else {
        return loaded.error();
      }
      if (result_->posts.count(id) > 0)
        ESSAIM_TRY(find_those_who_left(connection_, result_->posts[id]->post, batch,
                                       request_.departures.get(), &revisions_, result_));
    }
    if (const auto error = bad_.find(id); error != bad_.end())
      return park(batches_, request_.fence, std::move(batch), error->second, result_);
    result_->batches.push_back(std::move(batch));
    return {};
  }

  storage::Connection& connection_;
  storage::BatchStore batches_;
  const ClaimRequest& request_;
  ClaimResult* const result_;
  std::map<Id, Error> bad_;
  std::map<Id, std::int64_t> revisions_;
  std::size_t loading_ = 0;
};

// What meets a damaged page ends the transaction, and `at` says where that was.
Result<void> take_one_by_one(const ClaimRequest& request, Taking* taking, ClaimResult* result) {
  bool any_promoted = false;
  for (const storage::Place place : request.places->due) {
    result->at = place;
    const Result<bool> promoted = taking->batches().promote(place);
    ESSAIM_TRY(promoted);
    any_promoted = any_promoted || *promoted;
  }
  for (std::size_t cls = 0; cls < request.limits.size(); ++cls)
    for (const storage::Place place : request.places->ready[cls]) {
      if (result->taken[cls] >= request.limits[cls]) break;
      result->at = place;
      ESSAIM_TRY(taking->take(cls, 1, place));
    }
  result->at = 0;
  result->unexpanded = request.places->unexpanded;
  // What was made due is claimed by the next one. What was not stays in an index that does not agree with its table.
  result->next_due = any_promoted ? request.now : request.now + kLookAroundDamage;
  result->damaged = taking->batches().damaged();
  return {};
}

}  // namespace

Result<void> run_claim(storage::Connection& connection, const ClaimRequest& request, ClaimResult* result) {
  *result = ClaimResult{};
  Taking taking(connection, request, result);
  storage::BatchStore& batches = taking.batches();
  if (request.places) {
    Result<void> done = take_one_by_one(request, &taking, result);
    // Behind damage nothing can be written any more, but read.
    if (!done.ok() && done.error().code == ErrorCode::kDamaged && result->at != 0)
      result->passed = batches.name_of(result->at, done.error().message);
    return done;
  }
  if (request.shared) ESSAIM_TRY(still_ours(connection, request.fence, result));
  bool all_promoted = true, more_to_promote = false;
  if (request.look_for_due) {
    Result<std::int64_t> promoted = batches.promote_due(request.now);
    if (!promoted.ok()) return promoted.error();
    all_promoted = batches.damaged().empty();
    more_to_promote = *promoted >= storage::BatchStore::kHastenedTogether;
  }
  if (request.reconcile) ESSAIM_TRY(release_unheard(batches, request, result));
  for (std::size_t cls = 0; cls < request.limits.size(); ++cls)
    if (request.limits[cls] > 0) ESSAIM_TRY(taking.take(cls, request.limits[cls], 0));
  if (request.look_for_due || result->parked || result->without_room) {
    Result<std::optional<WallTime>> next =
        next_due(batches, request.now, request.look_for_due, all_promoted, more_to_promote);
    if (!next.ok()) return next.error();
    result->next_due = *next;
  }
  if (request.look_for_unexpanded) {
    Result<std::vector<Id>> unexpanded =
        storage::PostStore(connection)
            .to_expand(kUnexpanded + request.not_expandable, request.shared ? request.fence.owner : 0);
    if (!unexpanded.ok()) return unexpanded.error();
    result->unexpanded = std::move(*unexpanded);
  }
  result->damaged = batches.damaged();
  return {};
}

Result<void> find_places(storage::Connection& connection, const std::set<storage::Place>& but,
                         ClaimRequest* request) {
  if (connection.dialect() != storage::Dialect::kSqlite)
    return Error{ErrorCode::kDamaged, "the database server says that a table is damaged"};
  storage::BatchStore batches(connection);
  ClaimRequest::Places places;
  Result<std::vector<storage::Place>> due = batches.due_places(request->now, kMostPlaces, but);
  // What is ready goes all the same.
  if (!due.ok() && due.error().code != ErrorCode::kDamaged) return due.error();
  if (due.ok()) places.due = std::move(*due);
  for (std::size_t cls = 0; cls < request->limits.size(); ++cls) {
    if (request->limits[cls] == 0) continue;
    Result<std::vector<storage::Place>> ready = batches.ready_places(kFrom[cls], kTo[cls], kMostPlaces, but);
    if (!ready.ok()) return ready.error();
    places.ready[cls] = std::move(*ready);
  }
  Result<std::vector<Id>> unexpanded =
      storage::PostStore(connection).unexpanded(kUnexpanded + request->not_expandable);
  if (!unexpanded.ok() && unexpanded.error().code != ErrorCode::kDamaged) return unexpanded.error();
  if (unexpanded.ok()) places.unexpanded = std::move(*unexpanded);
  request->places = std::move(places);
  return {};
}

Result<void> run_expansion(storage::Connection& connection, Id post_id, std::int64_t rank, int first_batches,
                           int next_batches, bool* more) {
  *more = false;
  Result<std::optional<storage::PostRecord>> found = storage::PostStore(connection).find(post_id);
  if (!found.ok()) return found.error();
  if (!found->has_value() || (*found)->expanded) return {};  // deleted, or done by somebody else
  storage::PostRecord post = std::move(**found);
  const bool first = post.batches == 0;
  if (!first) {
    Result<std::optional<storage::BatchRecord>> zero =
        storage::BatchStore(connection).load(post_id, 0, false);
    if (!zero.ok()) return zero.error();
    if (zero->has_value()) rank = (*zero)->rank;
  }
  ESSAIM_TRY(storage::expand_members(connection, &post, rank, first ? first_batches : next_batches));
  *more = !post.expanded;
  return {};
}

}  // namespace essaim::delivery
