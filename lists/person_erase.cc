#include "lists/person_erase.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/admin.h"
#include "lists/directory_steps.h"
#include "lists/held/hold.h"
#include "lists/person_data.h"
#include "storage/account_store.h"
#include "storage/departure_store.h"
#include "storage/held_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::Database;
using storage::HeldRecord;
using storage::HeldState;
using storage::HeldStore;
using storage::MemberRecord;
using storage::MemberStore;
using storage::Role;

// Why a thing stays that was to go; "": it is gone.
using Stays = Result<std::string>;

struct Step {
  std::string kind, what;
  std::function<Stays(Connection&)> run;
};

std::string only_owner(const std::string& list) {
  return "the only owner of the list: make somebody else one (essaim member add " + list +
         " --role owner ADDRESS), then erase again";
}

Stays forget(Connection& c, Id member_id, const smtp::Address& who) {
  ESSAIM_TRY(MemberStore(c).forget_ended(member_id, who));
  return std::string();
}

// The next revision comes first, before anything is read: whoever takes another owner off has to take one, too, so of two at the
// same time the second waits, or on a cluster is run again, and counts what the first has left.
Stays end_membership(Connection& c, const MemberRecord& known, const std::string& of) {
  MemberStore members(c);
  const smtp::Address who{known.local, known.domain};
  if (known.role == Role::kListmaster) {
    auto master = members.find(known.list_id, known.role, who);
    if (!master.ok()) return master.error();
    // There is no revision of a domain (requests/domains.cc).
    if (master->has_value()) ESSAIM_TRY(members.remove(known.list_id, known.role, who, 1));
    return forget(c, master->has_value() ? (*master)->id : known.id, who);
  }
  auto revision = members.next_revision(known.list_id);
  if (!revision.ok() && revision.error().code == ErrorCode::kNotFound)
    return forget(c, known.id, who);  // the list was deleted meanwhile, and its members go with it
  if (!revision.ok()) return revision.error();
  auto member = members.find(known.list_id, known.role, who);
  if (!member.ok()) return member.error();
  if (!member->has_value()) return forget(c, known.id, who);
  if (known.role == Role::kOwner) {
    auto owners = members.count(known.list_id, Role::kOwner);
    if (!owners.ok()) return owners.error();
    if (*owners < 2) return only_owner(of);
  }
  ESSAIM_TRY(members.remove(known.list_id, known.role, who, *revision));
  return forget(c, (*member)->id, who);
}

// What waits is refused first, and nobody is told: of an answer that comes at the same time one of the two wins.
Stays remove_held(Connection& c, const smtp::Address& person, Id id, WallTime now) {
  HeldStore store(c);
  auto held = store.find(id);
  if (!held.ok()) return held.error();
  if (!held->has_value() || !is_held_of(person, **held)) return std::string();
  if ((*held)->state == HeldState::kWaiting) {
    auto ours = store.decide(id, HeldState::kRejected, now, "the operator", "erased");
    if (!ours.ok()) return ours.error();
    // Else the same message would be taken for a duplicate of what is nowhere.
    if (*ours) ESSAIM_TRY(may_come_again(c, **held));
  }
  ESSAIM_TRY(store.remove_decided(id));
  return std::string();
}

std::string others_in(const smtp::Address& person, const storage::AccountRecord& account) {
  std::string out;
  for (const std::string& one : account.addresses)
    if (!storage::is_address_of(person, one)) out += (out.empty() ? "" : ", ") + one;
  return out;
}

std::string shared_account(const std::string& name, const std::string& others) {
  return "it may send as " + others + ", too: essaim account delete " + name + ", or account set " + name +
         " --remove-address";
}

Stays remove_account(Connection& c, const smtp::Address& person, const std::string& name) {
  storage::AccountStore accounts(c);
  auto account = accounts.find(name);
  if (!account.ok()) return account.error();
  if (!account->has_value()) return std::string();
  if (const std::string others = others_in(person, **account); !others.empty())
    return shared_account(name, others);
  ESSAIM_TRY(accounts.remove(name));
  return std::string();
}

std::string name_of(const PersonMembership& one) {
  return std::string(one.member.role == Role::kListmaster ? "listmaster" : to_string(one.member.role)) +
         " of " + one.of;
}

std::string name_of(const HeldRecord& held) {
  return format_id(held.id) + (held.is_post() ? ", a post to " : ", a request about ") + held.list_address +
         (held.state == HeldState::kWaiting ? ", which waits" : ", which was decided");
}

std::string number(std::int64_t n) {
  return std::to_string(n);
}

class Eraser {
 public:
  Eraser(Database& database, WallTime now, const smtp::Address& person, const PersonData& data)
      : database_(database), now_(now), person_(person), data_(data) {}

  Result<Erasure> run(bool dry_run) {
    ESSAIM_TRY(plan_memberships());
    plan_departures();
    plan_held();
    plan_accounts();
    plan_answers();
    if (!dry_run && !steps_.empty()) log_begin();
    bool first = true;
    for (const Step& step : steps_) {
      std::string stays;
      if (!dry_run) {
        if (!std::exchange(first, false)) let_others_write();
        auto done = database_.write_now(storage::Durability::kAccept, step.run);
        if (!done.ok()) {
          out_.failed = Error{done.error().code, step.what + ": " + done.error().message};
          break;
        }
        stays = *std::move(done);
      }
      if (stays.empty())
        out_.erased.push_back({step.kind, step.what});
      else
        out_.left.push_back({step.kind, step.what, stays});
    }
    tell_of_mail();
    tell_of_words();
    return std::move(out_);
  }

 private:
  // So that the log tells of what was begun and is never finished, because the command was killed, as well.
  void log_begin() const {
    log::info("person", {{"verb", "erase"},
                         {"address", person_.to_string()},
                         {"things", std::to_string(steps_.size())},
                         {"result", "begun"}});
  }

  void left(const std::string& kind, const std::string& what, const std::string& why) {
    out_.left.push_back({kind, what, why});
  }

  // Up to kPersonLooksAt of what has these ids in each step.
  void plan_some(const std::vector<Id>& ids, const std::string& kind, const std::string& what,
                 const std::function<Result<void>(Connection&, const std::vector<Id>&)>& run) {
    for (std::size_t first = 0; first < ids.size(); first += kPersonLooksAt) {
      const std::size_t count = std::min(kPersonLooksAt, ids.size() - first);
      const auto begin = ids.begin() + static_cast<std::ptrdiff_t>(first);
      const std::vector<Id> some(begin, begin + static_cast<std::ptrdiff_t>(count));
      steps_.push_back(
          {kind, what + ": " + number(static_cast<std::int64_t>(count)), [some, run](Connection& c) -> Stays {
             ESSAIM_TRY(run(c, some));
             return std::string();
           }});
    }
  }

  Result<void> plan_memberships() {
    std::vector<Id> ended;
    for (const PersonMembership& one : data_.memberships) {
      const MemberRecord& m = one.member;
      if (one.ended) {
        ended.push_back(m.id);
        continue;
      }
      if (m.role == Role::kOwner) {
        const auto owners = database_.read_latest_now(
            [&](Connection& c) { return MemberStore(c).count(m.list_id, Role::kOwner); });
        if (!owners.ok()) return owners.error();
        if (*owners < 2) {
          left("role", name_of(one), only_owner(one.of));
          continue;
        }
      }
      steps_.push_back({m.role == Role::kMember ? "membership" : "role", name_of(one),
                        [m, of = one.of](Connection& c) { return end_membership(c, m, of); }});
    }
    plan_some(ended, "ended memberships", "memberships that had ended",
              [this](Connection& c, const std::vector<Id>& some) -> Result<void> {
                for (const Id id : some) {
                  ESSAIM_TRY(forget(c, id, person_));
                }
                return {};
              });
    return {};
  }

  void plan_departures() {
    std::vector<Id> ids;
    ids.reserve(data_.departures.size());
    for (const storage::DepartureRecord& one : data_.departures) ids.push_back(one.member_id);
    plan_some(ids, "departures", "records of having left", [](Connection& c, const std::vector<Id>& some) {
      return storage::DepartureStore(c).forget(some);
    });
    if (data_.departures_of_others > 0)
      left("departures", number(data_.departures_of_others) + " of others, that came about by them",
           "these are others' records; they go by themselves (retention.departures)");
  }

  void plan_held() {
    for (const PersonHeld& one : data_.held) {
      const Id id = one.held.id;
      if (one.theirs) {
        steps_.push_back({"held", name_of(one.held),
                          [this, id](Connection& c) { return remove_held(c, person_, id, now_); }});
        continue;
      }
      const std::string whose = "it is about another, and names them as " +
                                (one.named_as == "decided by" ? "who decided" : one.named_as);
      left("held", name_of(one.held),
           whose + (one.held.state == HeldState::kWaiting
                        ? ": essaim held reject " + format_id(id) + " --quiet ends it"
                        : "; it goes 30 days after it was decided"));
    }
  }

  void plan_accounts() {
    for (const storage::AccountRecord& account : data_.accounts) {
      const std::string& name = account.name;
      if (const std::string others = others_in(person_, account); !others.empty())
        left("account", name, shared_account(name, others));
      else
        steps_.push_back(
            {"account", name, [this, name](Connection& c) { return remove_account(c, person_, name); }});
    }
  }

  void plan_answers() {
    if (data_.answers == 0) return;
    steps_.push_back({"answers", "how often they were answered lately", [this](Connection& c) -> Stays {
                        ESSAIM_TRY(
                            storage::AnswerStore(c).forget_address(ascii_lowered(person_.to_string())));
                        return std::string();
                      }});
  }

  void tell_of_mail() {
    const storage::PersonInPosts& posts = data_.posts;
    if (posts.written > 0)
      left("posts", number(posts.written) + " by them, " + number(posts.written_waiting) + " on their way",
           "they were accepted for others; text and record go by themselves (retention.failed, "
           "retention.posts)");
    const std::int64_t ended = posts.delivered + posts.failed + posts.suppressed;
    if (ended > 0 || posts.unreadable > 0)
      left("copies", number(ended) + " that went, or did not go, to them",
           "the record of each post tells what became of it; it goes by itself (retention.posts)");
    if (posts.pending > 0)
      left("copies", number(posts.pending) + " on their way to them",
           "those of lists that they have left, or left under this address, are stopped when their turn "
           "comes; answers and mail for owners go out: essaim queue delete --recipient");
  }

  void tell_of_words() {
    for (const PersonNamed& one : data_.named)
      left("texts", one.where + ": " + one.what,
           "whoever looks after it wrote it, and only they know whether it may go: a blocklist keeps mail "
           "away");
    left("elsewhere", "the log, backups, databases that were set aside, essaim.toml, what others received",
         "no command reaches them (docs/personal-data.md)");
  }

  Database& database_;
  const WallTime now_;
  const smtp::Address& person_;
  const PersonData& data_;
  std::vector<Step> steps_;
  Erasure out_;
};

}  // namespace

Result<Erasure> erase_person(Database& database, WallTime now, const smtp::Address& person, bool dry_run) {
  const auto data = read_person(database, person);
  if (!data.ok()) return data.error();
  if (data->is_list)
    return Error{ErrorCode::kConflict, person.to_string() + " is a list, and no person: essaim list delete"};
  auto out = Eraser(database, now, person, *data).run(dry_run);
  if (!out.ok() || dry_run) return out;
  log::info("person", {{"verb", "erase"},
                       {"address", person.to_string()},
                       {"erased", std::to_string(out->erased.size())},
                       {"left", std::to_string(out->left.size())},
                       {"result", out->failed ? out->failed->message : "done"}});
  return out;
}

}  // namespace essaim::lists
