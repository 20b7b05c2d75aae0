#include "smtpd/operate/dkim_keys.h"

#include <algorithm>
#include <span>
#include <utility>

#include "core/base/check.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/dns/packet.h"
#include "core/mailauth/key_record.h"
#include "core/mailauth/lookups.h"
#include "core/smtp/idn.h"
#include "smtpd/operate/dns_options.h"
#include "smtpd/operate/key_ring.h"
#include "storage/directory_store.h"

namespace essaim::smtpd::operate {
namespace {

using storage::DkimKeyRecord;
using storage::DkimKeyState;
using storage::DkimStore;

// "20261128r", and with a digit behind when that is taken: it says when it was made, and sorts.
Result<std::string> free_selector(DkimStore& store, const NewKey& key, WallTime now) {
  std::string base = format_iso8601(now).substr(0, 10);
  std::erase(base, '-');
  base += key.algorithm == mailauth::Algorithm::kRsaSha256 ? "r" : "e";
  for (int n = 1; n < 100; ++n) {
    std::string selector = n == 1 ? base : base + std::to_string(n);
    auto there = store.find(key.domain, selector);
    if (!there.ok()) return there.error();
    if (!there->has_value()) return selector;
  }
  return Error{ErrorCode::kExhausted, key.domain + " has too many keys of today"};
}

// Keys that no node can open all of would sign here and there, or nowhere.
Result<void> require_their_secret(storage::Connection& connection, const mailauth::KeySeal& seal) {
  auto keys = DkimStore(connection).keys("");
  if (!keys.ok()) return keys.error();
  for (const DkimKeyRecord& key : *keys) {
    if (key.state == DkimKeyState::kRetired || key.of_deleted_domain || open_key(seal, key).ok()) continue;
    const bool signs = key.state == DkimKeyState::kActive;
    return Error{ErrorCode::kConflict,
                 "the secret at hand does not open the key " + key.selector + " of " + key.domain +
                     ", which " + (signs ? "signs" : "waits for its record") +
                     ": it is another one. All nodes have the same (authentication.key_file). If that of the "
                     "key is lost: essaim dkim delete " +
                     key.domain + " " + key.selector + (signs ? " --secret-lost" : "")};
  }
  return {};
}

Result<DkimKeyRecord> add_key(storage::Connection& connection, const mailauth::KeySeal& seal, NewKey key,
                              const mailauth::PrivateKey& made, WallTime now) {
  DkimStore store(connection);
  ESSAIM_TRY(require_their_secret(connection, seal));
  if (key.selector.empty()) {
    auto selector = free_selector(store, key, now);
    if (!selector.ok()) return selector.error();
    key.selector = *std::move(selector);
  }
  DkimKeyRecord record;
  record.domain = key.domain;
  record.selector = key.selector;
  record.algorithm = mailauth::to_string(key.algorithm);
  record.sealed = seal.sealed(made.to_pem(), purpose_of_key(key.domain, key.selector));
  record.record = mailauth::key_record_text(made);
  record.created = record.changed = now;
  ESSAIM_TRY(store.add(record));
  return record;
}

}  // namespace

KeyCheck compare_with_dns(const DkimKeyRecord& key, const mailauth::Answer& answer) {
  KeyCheck check;
  check.key = key;
  if (answer.status == mailauth::Answer::Status::kTemporary) {
    check.unknown = true;
    check.problem = "the name servers do not answer: " + answer.problem;
    return check;
  }
  if (answer.none()) {
    check.problem = "there is no TXT record";
    return check;
  }
  const auto wanted = mailauth::parse_key_record(key.record);
  for (const std::string& text : answer.values) {
    const auto found = mailauth::parse_key_record(text);
    if (!found.ok()) {
      check.problem = "the record is no key: " + found.error().message;
    } else if (found->revoked) {
      check.problem = "the record says that the key is revoked";
    } else if (!wanted.ok() || !(found->key->data() == wanted->key->data())) {
      check.problem = "the record has another key";
    } else {
      check.published = true;
    }
  }
  // Two records under one name: verifiers may take either.
  if (check.published && answer.values.size() > 1) {
    check.published = false;
    check.problem = "there are several TXT records";
  }
  if (check.published) check.problem.clear();
  return check;
}

const char* to_string(DkimKeyState state) {
  switch (state) {
    case DkimKeyState::kNew:
      return "new";
    case DkimKeyState::kActive:
      return "active";
    case DkimKeyState::kRetired:
      return "retired";
  }
  return "new";
}

Result<DkimKeyRecord> create_key(storage::Database& database, const mailauth::KeySeal& seal, NewKey key,
                                 WallTime now) {
  auto domain = smtp::domain_to_ascii(key.domain);
  if (!domain.ok()) return Error{ErrorCode::kInvalid, "\"" + key.domain + "\": " + domain.error().message};
  key.domain = *std::move(domain);
  key.selector = ascii_lowered(key.selector);
  if (!key.selector.empty() && !dns::is_host_name(key.selector))
    return Error{ErrorCode::kInvalid,
                 "\"" + key.selector + "\" cannot be a selector: letters, digits, - and dots"};
  const auto made = mailauth::PrivateKey::generate(key.algorithm);
  return database.write_now(storage::Durability::kAccept,
                            [&](storage::Connection& connection) -> Result<DkimKeyRecord> {
                              auto ours = storage::DirectoryStore(connection).find_domain(key.domain);
                              if (!ours.ok()) return ours.error();
                              if (!ours->has_value())
                                return Error{ErrorCode::kNotFound, "there is no domain " + key.domain};
                              return add_key(connection, seal, key, made, now);
                            });
}

Result<std::vector<DkimKeyRecord>> rotate_keys(storage::Database& database, const mailauth::KeySeal& seal,
                                               const std::string& domain, WallTime now) {
  std::vector<std::string> kinds;
  std::string waiting;
  ESSAIM_TRY(database.read_now([&](storage::Connection& connection) -> Result<void> {
    auto keys = DkimStore(connection).keys(domain);
    if (!keys.ok()) return keys.error();
    kinds.clear();
    waiting.clear();
    for (const DkimKeyRecord& key : *keys) {
      if (key.state == DkimKeyState::kNew) waiting = key.selector;
      if (key.state == DkimKeyState::kActive &&
          std::find(kinds.begin(), kinds.end(), key.algorithm) == kinds.end())
        kinds.push_back(key.algorithm);
    }
    return {};
  }));
  if (kinds.empty() && !waiting.empty())
    return Error{ErrorCode::kNotFound,
                 domain + " has no active key yet: " + waiting +
                     " signs as soon as its record is seen in DNS; see: essaim dkim show " + domain +
                     ", essaim dkim check"};
  if (kinds.empty())
    return Error{ErrorCode::kNotFound, domain + " has no active key; see: essaim dkim create"};
  std::vector<DkimKeyRecord> out;
  for (const std::string& kind : kinds) {
    const auto algorithm = kind == mailauth::to_string(mailauth::Algorithm::kRsaSha256)
                               ? mailauth::Algorithm::kRsaSha256
                               : mailauth::Algorithm::kEd25519Sha256;
    auto made = create_key(database, seal, {domain, "", algorithm}, now);
    if (!made.ok()) return made.error();
    out.push_back(*std::move(made));
  }
  return out;
}

// A domain that is gone gets no next key, so the last one need not wait for it.
Result<void> delete_key(storage::Database& database, const std::string& domain, const std::string& selector,
                        const mailauth::KeySeal* lost) {
  return database.write_now(
      storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        DkimStore store(connection);
        auto key = store.find(domain, selector);
        if (!key.ok()) return key.error();
        if (key->has_value() && (*key)->state == DkimKeyState::kActive) {
          auto ours = storage::DirectoryStore(connection).find_domain(domain);
          if (!ours.ok()) return ours.error();
          if (ours->has_value() && lost == nullptr)
            return Error{ErrorCode::kConflict, selector + " signs for " + domain + "; rotate it first"};
          if (ours->has_value() && open_key(*lost, **key).ok())
            return Error{ErrorCode::kConflict, selector + " signs for " + domain +
                                                   ", and the secret at hand opens it: it is not lost"};
        }
        return store.remove(domain, selector);
      });
}

namespace {

// It signs from now on, and those that it replaces do no more.
Result<void> activate(storage::Connection& connection, const DkimKeyRecord& key,
                      const std::vector<const DkimKeyRecord*>& replaced, WallTime now) {
  DkimStore store(connection);
  for (const DkimKeyRecord* other : replaced)
    ESSAIM_TRY(store.set_state(other->domain, other->selector, DkimKeyState::kRetired, now));
  return store.set_state(key.domain, key.selector, DkimKeyState::kActive, now);
}

// Why a published key is not made active here; "" if it is to be. A secret that does not open what signs, be it of another
// kind or domain, is only this node's.
std::string withheld_for(const std::optional<mailauth::KeySeal>& seal, const DkimKeyRecord& key,
                         const std::vector<KeyCheck>& all) {
  if (!seal) return "no secret is at hand here: a node that has it makes the key sign";
  if (!open_key(seal, key).ok()) return "made with another secret than is at hand here: it will not sign";
  for (const KeyCheck& other : all)
    if (other.key.state == DkimKeyState::kActive && !other.key.of_deleted_domain &&
        !open_key(seal, other.key).ok())
      return other.key.selector + " of " + other.key.domain +
             " signs, and was made with another secret than is at hand here";
  return "";
}

void changed(DkimKeyRecord* key, DkimKeyState state, WallTime now) {
  key->state = state;
  key->changed = now;
}

}  // namespace

Result<std::vector<KeyCheck>> check_keys(storage::Database& database,
                                         const std::optional<mailauth::KeySeal>& seal,
                                         const std::string& domain, const TextLookup& look_up, WallTime now) {
  const auto keys =
      database.read_now([&](storage::Connection& connection) { return DkimStore(connection).keys(domain); });
  if (!keys.ok()) return keys.error();
  std::vector<std::string> names;
  names.reserve(keys->size());
  for (const DkimKeyRecord& key : *keys) names.push_back(mailauth::key_record_name(key.selector, key.domain));
  const std::vector<mailauth::Answer> answers = look_up(names);
  ESSAIM_CHECK(answers.size() == keys->size());
  std::vector<KeyCheck> checks;
  checks.reserve(keys->size());
  for (std::size_t i = 0; i < keys->size(); ++i) checks.push_back(compare_with_dns((*keys)[i], answers[i]));
  for (KeyCheck& check : checks) {
    if (check.key.state != DkimKeyState::kNew || !check.published || check.key.of_deleted_domain) continue;
    check.withheld = withheld_for(seal, check.key, checks);
    if (!check.withheld.empty()) continue;
    std::vector<DkimKeyRecord*> replaced;
    for (KeyCheck& other : checks)
      if (other.key.state == DkimKeyState::kActive && other.key.domain == check.key.domain &&
          other.key.algorithm == check.key.algorithm)
        replaced.push_back(&other.key);
    ESSAIM_TRY(database.write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
      return activate(connection, check.key, {replaced.begin(), replaced.end()}, now);
    }));
    for (DkimKeyRecord* other : replaced) changed(other, DkimKeyState::kRetired, now);
    changed(&check.key, DkimKeyState::kActive, now);
    check.activated = true;
  }
  return checks;
}

bool makes_none_active(storage::Database& database, const std::optional<mailauth::KeySeal>& seal) {
  std::vector<KeyCheck> all;
  const auto read = database.look_now([&all](storage::Connection& connection) -> Result<void> {
    auto keys = DkimStore(connection).keys("");
    if (!keys.ok()) return keys.error();
    all.clear();
    for (DkimKeyRecord& key : *keys) all.emplace_back().key = std::move(key);
    return {};
  });
  if (!read.ok()) return false;
  bool any = false;
  for (const KeyCheck& one : all) {
    if (one.key.state != DkimKeyState::kNew || one.key.of_deleted_domain) continue;
    if (withheld_for(seal, one.key, all).empty()) return false;
    any = true;
  }
  return any;
}

namespace {

constexpr Duration kLooksForTheEnd = std::chrono::seconds(1);  // whether anybody still wants the answers
const mailauth::Answer kNoAnswer{mailauth::Answer::Status::kTemporary, {}, "timed out"};

std::vector<mailauth::Answer> look_up_group(net::EventLoop& loop, dns::Resolver& resolver, Duration patience,
                                            std::span<const std::string> names, const GoesOn& goes_on) {
  std::vector<mailauth::Answer> out(names.size(), kNoAnswer);
  bool over = false;
  mailauth::Lookups lookups(
      loop, resolver, patience,
      [&](mailauth::Answers& answers) {
        for (const std::string& name : names) answers.find(mailauth::RecordType::kText, name);
      },
      [&](mailauth::Answers answers) {
        for (std::size_t i = 0; i < names.size(); ++i) {
          if (const auto* answer = answers.find(mailauth::RecordType::kText, names[i])) out[i] = *answer;
        }
        over = true;
      });
  net::Timer end(loop, [&] {
    if (!goes_on()) return lookups.give_up();
    end.start(kLooksForTheEnd);
  });
  if (goes_on) end.start(kLooksForTheEnd);
  lookups.start();
  while (!over) loop.run_turn();
  return out;
}

}  // namespace

std::vector<mailauth::Answer> look_up_texts(net::EventLoop& loop, dns::Resolver& resolver, Duration patience,
                                            const std::vector<std::string>& names, const GoesOn& goes_on) {
  std::vector<mailauth::Answer> out;
  out.reserve(names.size());
  for (std::span<const std::string> left(names); !left.empty();) {
    if (goes_on && !goes_on()) {
      out.resize(names.size(), kNoAnswer);
      break;
    }
    const auto group = left.first(std::min(left.size(), mailauth::Answers::kMaxQuestions));
    left = left.subspan(group.size());
    for (mailauth::Answer& answer : look_up_group(loop, resolver, patience, group, goes_on))
      out.push_back(std::move(answer));
  }
  return out;
}

TextLookup dns_lookup(const Settings& settings, GoesOn goes_on) {
  return [settings, goes_on = std::move(goes_on)](const std::vector<std::string>& names) {
    net::EventLoop loop("dkim");
    auto resolver = dns::make_resolver(loop, dns_options(settings));
    if (resolver.ok()) return look_up_texts(loop, **resolver, settings.dns_timeout * 2, names, goes_on);
    mailauth::Answer none = kNoAnswer;
    none.problem = resolver.error().message;
    return std::vector<mailauth::Answer>(names.size(), none);
  };
}

std::string zone_record(const DkimKeyRecord& key) {
  constexpr std::size_t kString = 255;
  std::string out = mailauth::key_record_name(key.selector, key.domain) + ". IN TXT (";
  for (std::size_t at = 0; at < key.record.size(); at += kString)
    out += " \"" + key.record.substr(at, kString) + "\"";
  return out + " )";
}

storage::Job make_dkim_job(const Settings& settings, const Clock& clock) {
  const auto seal = open_seal(settings);
  return {
      "dkim", std::chrono::minutes(5),
      [settings, seal, &clock](storage::Database& database) -> Result<std::string> {
        if (!seal.ok()) return seal.error();
        const auto goes_on = [&database] {
          const auto looked = database.look_now([](storage::Connection&) -> Result<void> { return {}; });
          return looked.ok() || !storage::ends_the_run(looked.error());
        };
        auto checks = check_keys(database, *seal, "", dns_lookup(settings, goes_on), clock.wall_now());
        if (!checks.ok()) return checks.error();
        std::size_t activated = 0, withheld = 0;
        for (const KeyCheck& check : *checks) {
          if (!check.withheld.empty()) {
            ++withheld;
            log::error(
                "dkim-key-waits",
                {{"domain", check.key.domain}, {"selector", check.key.selector}, {"error", check.withheld}});
          }
          if (check.activated) {
            ++activated;
            log::info("dkim-key-active", {{"domain", check.key.domain}, {"selector", check.key.selector}});
          } else if (check.key.state == DkimKeyState::kActive && !check.key.of_deleted_domain &&
                     !check.published && !check.unknown) {
            log::error(
                "dkim-record-missing",
                {{"domain", check.key.domain}, {"selector", check.key.selector}, {"error", check.problem}});
          }
        }
        if (!goes_on()) return Error{ErrorCode::kCancelled, "the server ends; not all names were asked for"};
        return std::to_string(checks->size()) + " keys, " + std::to_string(activated) + " activated" +
               (withheld == 0 ? std::string()
                              : ", " + std::to_string(withheld) +
                                    " published, but not for the secret of this node: essaim dkim check");
      },
      [seal](storage::Database& database) {
        return makes_none_active(database, seal.ok() ? *seal : std::optional<mailauth::KeySeal>());
      }};
}

}  // namespace essaim::smtpd::operate
