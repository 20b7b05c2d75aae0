#include "lists/recipients.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/advice.h"
#include "lists/domain_alone.h"
#include "lists/held/keys.h"
#include "lists/recent_targets.h"
#include "lists/refusal.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"
#include "storage/member_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::DirectoryStore;
using storage::ListRecord;

struct Suffix {
  std::string_view text;
  TargetKind kind;
};
constexpr std::array kSuffixes = {
    Suffix{"-request", TargetKind::kRequest},   Suffix{"-owner", TargetKind::kOwners},
    Suffix{"-editor", TargetKind::kEditors},    Suffix{"-subscribe", TargetKind::kSubscribe},
    Suffix{"-unsubscribe", TargetKind::kLeave},
};
struct KeyPrefix {
  std::string_view text;
  KeyVerb verb;
};
constexpr std::array kKeyPrefixes = {
    KeyPrefix{"confirm+", KeyVerb::kApprove}, KeyPrefix{"approve+", KeyVerb::kApprove},
    KeyPrefix{"reject+", KeyVerb::kReject},   KeyPrefix{"ban+", KeyVerb::kBan},
    KeyPrefix{"answer+", KeyVerb::kAnswer},
};
constexpr std::uint64_t kMostToPeople = 25U << 20;
constexpr std::string_view kLeaveToken = "-unsubscribe+";
constexpr std::string_view kLeavePrefix = "leave+";

std::string shown(const smtp::Address& address) {
  return "<" + escaped_for_display(address.to_string(), 256) + ">";
}

Resolution refuse(const smtp::Address& address, int code, std::string_view enhanced, std::string_view words,
                  std::string_view rule) {
  return {refusal(code, enhanced, shown(address) + ": " + std::string(words), rule), nullptr};
}

// Of an address that belongs to no list.
void set_domain(const storage::DomainRecord& domain, Target* target) {
  target->list = domain_alone(domain);
  target->settings = settings_of(target->list);
}

bool is_of_listmasters(const std::string& local, const std::string& robot) {
  return local == "listmaster" || local == robot + "-request" || local == robot + "-owner";
}

Resolution accept(Target target) {
  const std::uint64_t max_size = max_size_of(target);
  return {smtp::reply(250, "2.1.5", "Recipient OK"), std::make_shared<const Target>(std::move(target)),
          max_size};
}

}  // namespace

const char* to_string(TargetKind kind) {
  switch (kind) {
    case TargetKind::kPost:
      return "post";
    case TargetKind::kOwners:
      return "owners";
    case TargetKind::kEditors:
      return "editors";
    case TargetKind::kLeave:
      return "leave";
    case TargetKind::kLeaveToken:
      return "leave-token";
    case TargetKind::kKey:
      return "key";
    case TargetKind::kCommands:
      return "commands";
    case TargetKind::kRequest:
      return "request";
    case TargetKind::kSubscribe:
      return "subscribe";
    case TargetKind::kListmasters:
      return "listmasters";
    case TargetKind::kBounce:
      return "bounce";
    case TargetKind::kOwnerBounce:
      return "owner-bounce";
    case TargetKind::kPostmaster:
      return "postmaster";
    case TargetKind::kRelay:
      return "relay";
  }
  return "?";
}

std::uint64_t max_size_of(const Target& target) {
  switch (target.kind) {
    case TargetKind::kPost:
      return target.settings.max_size;
    case TargetKind::kOwners:
    case TargetKind::kRequest:
    case TargetKind::kEditors:
      return target.settings.max_size == 0 ? 0 : std::max(target.settings.max_size, kMostToPeople);
    case TargetKind::kPostmaster:
    case TargetKind::kListmasters:
      return kMostToPeople;
    default:
      return 0;
  }
}

RecipientResolver::RecipientResolver(const Services& services)
    : services_(services), recent_(std::make_shared<RecentTargets>()) {}

void RecipientResolver::resolve(const smtp::Address& recipient, std::function<void(Resolution)> done) const {
  if (auto known = recent_->find(recipient, services_.clock->mono_now())) return done(std::move(*known));
  storage::Database& database = *services_.database;
  if (!database.clustered()) return resolve(&storage::Database::read, recipient, std::move(done));
  // What another host of the database has committed a moment ago may not be here yet: no permanent refusal rests on that.
  resolve(&storage::Database::read, recipient,
          [resolver = *this, recipient, done = std::move(done)](Resolution found) {
            if (!found.reply.permanent()) return done(std::move(found));
            resolver.resolve(&storage::Database::read_latest, recipient, done);
          });
}

void RecipientResolver::resolve(Read read, const smtp::Address& recipient,
                                std::function<void(Resolution)> done) const {
  const MonoTime now = services_.clock->mono_now();
  auto answer = std::make_shared<Resolution>();
  (services_.database->*read)(
      [resolver = *this, recipient, answer](Connection& connection) -> Result<void> {
        auto found = resolver.find(connection, recipient);
        if (!found.ok()) return found.error();
        *answer = std::move(*found);
        return {};
      },
      [answer, recipient, recent = recent_, now, done = std::move(done)](Result<void> result) {
        if (!result.ok()) {
          log::warning("recipient-not-resolved",
                       {{"to", recipient.to_string()}, {"error", result.error().message}});
          *answer = Resolution{storage_trouble(result.error()), nullptr};
        }
        recent->note(recipient, *answer, now);
        done(std::move(*answer));
      });
}

Resolution RecipientResolver::resolve(Connection& connection, const smtp::Address& recipient) const {
  auto found = find(connection, recipient);
  if (!found.ok()) return {storage_trouble(found.error()), nullptr};
  return std::move(*found);
}

// A token names a member, and thereby the list, which may have got another name since; `named`: the one that the address names.
Result<Resolution> RecipientResolver::leave_target(Connection& connection, const smtp::Address& recipient,
                                                   std::optional<ListRecord> named,
                                                   std::string_view token) const {
  auto keys = read_leave_keys(connection);
  if (!keys.ok()) return keys.error();
  std::optional<Tokens::Leave> leave;
  if (named) leave = Tokens::read_leave(*keys, named->id, token);
  if (!leave) {
    auto member = storage::MemberStore(connection).find_by_id(Tokens::member_of_leave(token).value_or(0));
    if (!member.ok()) return member.error();
    auto list = DirectoryStore(connection).find_list_by_id(member->has_value() ? (*member)->list_id : 0);
    if (!list.ok()) return list.error();
    if (member->has_value() && !list->has_value())
      return refuse(recipient, 550, "5.1.1", "no such list", "unknown-recipient");
    if (list->has_value()) leave = Tokens::read_leave(*keys, (*list)->id, token);
    if (leave) named = std::move(*list);
  }
  if (!leave)
    return refuse(recipient, 550, "5.1.1", "no such address, its token is not ours", "forged-token");
  ListRecord& list = *named;
  if (leave->retired)
    return refuse(recipient, 550, "5.1.1",
                  "this address is not good any more, write to " + list.local + "-unsubscribe@" + list.domain,
                  "retired-token");
  Target target;
  target.address = recipient;
  target.kind = TargetKind::kLeaveToken;
  target.settings = settings_of(list);
  target.list = std::move(list);
  target.member_id = leave->member_id;
  return accept(std::move(target));
}

Result<Resolution> RecipientResolver::find(Connection& connection, const smtp::Address& recipient) const {
  DirectoryStore directory(connection);
  Target target;
  target.address = recipient;
  const std::string host = ascii_lowered(services_.site.hostname);
  if (target.address.domain.empty()) target.address.domain = host;  // <postmaster>, RFC 5321 §4.1.1.3
  const std::string local = recipient.local_key();
  const std::string& domain = target.address.domain;

  const auto found_list = [&target](ListRecord list, TargetKind kind) {
    target.settings = settings_of(list);
    target.list = std::move(list);
    target.kind = kind;
  };

  auto known = directory.find_domain(domain);
  if (!known.ok()) return known.error();
  const bool postmaster = local == "postmaster" || local == "abuse";
  if (!known->has_value() && !(postmaster && domain == host)) {
    auto any = directory.any_domain();
    if (!any.ok()) return any.error();
    if (!*any) {
      Resolution later =
          refuse(recipient, 451, "4.3.5", "no domain is set up here yet, try again later", "no-domains");
      later.elsewhere = domain != host;
      return later;
    }
  }
  if (!known->has_value() && domain != host) {
    Resolution elsewhere =
        refuse(recipient, 550, "5.7.1", "relaying denied, the domain is none of ours", "relay");
    elsewhere.elsewhere = true;
    return elsewhere;
  }

  // A list that is called so comes before the command robot, and one that was called so behind it: else its members
  // would get the commands.
  const auto list_named = [&](std::string_view name) -> Result<std::optional<ListRecord>> {
    auto list = directory.find_list_or_former(std::string(name), domain);
    if (!list.ok() || !list->has_value()) return list;
    if ((*list)->local == name && (*list)->domain == domain) return list;
    const std::string robot = settings_of(domain_alone(**known)).robot;
    if (local == robot || is_of_listmasters(local, robot)) return std::optional<ListRecord>();
    return list;
  };
  if (known->has_value()) {
    auto list = list_named(local);
    if (!list.ok()) return list.error();
    if (list->has_value()) {
      if ((*list)->state == storage::ListState::kClosed)
        return Resolution{advised_refusal(550, "5.7.2", shown(recipient) + ": the list is closed", "", **list,
                                          "closed-list"),
                          nullptr};
      found_list(std::move(**list), TargetKind::kPost);
      return accept(std::move(target));
    }
    for (const Suffix& suffix : kSuffixes) {
      if (!local.ends_with(suffix.text)) continue;
      list = list_named(std::string_view(local).substr(0, local.size() - suffix.text.size()));
      if (!list.ok()) return list.error();
      if (!list->has_value()) break;
      found_list(std::move(**list), suffix.kind);
      return accept(std::move(target));
    }
    if (const auto at = local.rfind(kLeaveToken); at != std::string::npos) {
      list = list_named(std::string_view(local).substr(0, at));
      if (!list.ok()) return list.error();
      return leave_target(connection, recipient, std::move(*list),
                          std::string_view(local).substr(at + kLeaveToken.size()));
    }
    if (local.starts_with(kLeavePrefix))
      return leave_target(connection, recipient, std::nullopt,
                          std::string_view(local).substr(kLeavePrefix.size()));
    for (const KeyPrefix& prefix : kKeyPrefixes) {
      if (!local.starts_with(prefix.text)) continue;
      const std::string key = local.substr(prefix.text.size());
      auto held = is_key(key)
                      ? storage::HeldStore(connection).find_by_key(key)
                      : Result<std::optional<storage::HeldRecord>>(std::optional<storage::HeldRecord>());
      if (!held.ok()) return held.error();
      if (!held->has_value())
        return refuse(recipient, 550, "5.1.1", "no such address, nothing waits under this key",
                      "unknown-key");
      // The job that says so to those who wait may have come before the answer, or not.
      if ((*held)->state == storage::HeldState::kExpired ||
          ((*held)->state == storage::HeldState::kWaiting && (*held)->expires <= services_.clock->wall_now()))
        return refuse(recipient, 550, "5.7.1", "too late, this has expired", "expired-key");
      target.kind = TargetKind::kKey;
      target.key_verb = prefix.verb;
      target.held_id = (*held)->id;
      set_domain(**known, &target);
      return accept(std::move(target));
    }
    set_domain(**known, &target);
    if (local == target.settings.robot) {
      target.kind = TargetKind::kCommands;
      return accept(std::move(target));
    }
    if (is_of_listmasters(local, target.settings.robot)) {
      target.kind = TargetKind::kListmasters;
      return accept(std::move(target));
    }
    target.list = {};
  }
  if (Tokens::is_bounce_form(local)) {
    const auto bounce = services_.tokens->read_bounce(local);
    if (!bounce)
      return refuse(recipient, 550, "5.1.1", "no such address, its token is not ours", "forged-token");
    target.kind = bounce->to_owner ? TargetKind::kOwnerBounce : TargetKind::kBounce;
    target.post_id = bounce->post_id;
    target.member_id = bounce->member_id;
    return accept(std::move(target));
  }
  if (postmaster) {
    target.kind = TargetKind::kPostmaster;
    return accept(std::move(target));
  }
  return refuse(recipient, 550, "5.1.1", known->has_value() ? "no such list" : "no such address",
                "unknown-recipient");
}

}  // namespace essaim::lists
