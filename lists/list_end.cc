#include "lists/list_end.h"

#include <map>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "lists/domain_alone.h"
#include "lists/held/keys.h"
#include "lists/settings.h"
#include "storage/directory_store.h"
#include "storage/held_store.h"

namespace essaim::lists {
namespace {

using storage::HeldKind;
using storage::HeldRecord;
using storage::HeldState;
using storage::HeldStore;

constexpr auto kTogether = static_cast<std::size_t>(storage::kHeldTogether);

// What is known of a list that is gone.
struct Ended {
  std::string address, domain, language;
  bool quiet = true;
  bool tells_authors = false;  // ListSettings::tell_rejected
};

Ended ended_of(const storage::ListRecord& list, bool quiet) {
  const ListSettings settings = settings_of(list);
  return {list.address(), list.domain, settings.language, quiet, settings.tell_rejected};
}

std::map<std::string, std::string> to_about(const Ended& ended) {
  return {{"address", ended.address},
          {"domain", ended.domain},
          {"language", ended.language},
          {"tells", ended.quiet           ? "nobody"
                    : ended.tells_authors ? "all"
                                          : "askers"}};
}

Ended ended_of(const std::map<std::string, std::string>& about) {
  const auto text = [&about](const char* name) {
    const auto found = about.find(name);
    return found == about.end() ? std::string() : found->second;
  };
  const std::string tells = text("tells");
  return {text("address"), text("domain"), text("language"), tells != "all" && tells != "askers",
          tells == "all"};
}

// As when it is refused (held/answer.cc): whoever was asked to confirm something answers or does not, and may be somebody
// who never wrote to the list.
bool is_told(const HeldRecord& held, const Ended& ended) {
  if (ended.quiet) return false;
  if (held.is_post())
    return held.kind == HeldKind::kModeration && ended.tells_authors && held.detail("quiet").empty();
  return held.confirmer().empty();
}

// Those who are told, each once. Who asked for TLS on all the way gets what is written about their mail by it (RFC 8689 §6),
// and only they.
class Readers {
 public:
  // False: known, or nobody.
  bool add(const HeldRecord& held) {
    const auto address = smtp::parse_mailbox(held.author, smtp::LocalPart::kUtf8);
    return address.ok() && known_.insert(key(held, *address)).second;
  }
  bool has(const HeldRecord& held) const {
    const auto address = smtp::parse_mailbox(held.author, smtp::LocalPart::kUtf8);
    return address.ok() && known_.contains(key(held, *address));
  }
  void merge(Readers* others) { known_.merge(others->known_); }

 private:
  using Key = std::tuple<bool, std::string, std::string>;
  static Key key(const HeldRecord& held, const smtp::Address& address) {
    return {requires_tls(held), address.domain, address.local_key()};
  }
  std::set<Key> known_;
};

// From the domain: the list's own addresses are gone.
Result<void> tell(WriteContext& context, const storage::ListRecord& domain, const Ended& ended,
                  std::vector<storage::BatchRecipient> people, bool require_tls) {
  ServiceMail mail;
  mail.message = "list_deleted";
  mail.list = &domain;
  mail.language = ended.language;
  mail.to = std::move(people);
  mail.shown_to = ended.address;
  mail.reply_to = "listmaster";
  mail.values = {{"list", ended.address}};
  mail.require_tls = require_tls;
  mail.replied = false;
  return send_service_mail(context, mail);
}

// Tells the people of what is declined; *told gets them. Those in `before` were told already.
Result<Dropped> tell_all(WriteContext& context, const storage::ListRecord& domain, const Ended& ended,
                         const std::vector<HeldRecord>& declined, const Readers& before, Readers* told) {
  Dropped out;
  std::vector<storage::BatchRecipient> by_tls, anyhow;
  for (const HeldRecord& held : declined) {
    ++(held.is_post() ? out.posts : out.requests);
    if (!is_told(held, ended) || before.has(held) || !told->add(held)) continue;
    const auto address = smtp::parse_mailbox(held.author, smtp::LocalPart::kUtf8);
    if (address.ok()) (requires_tls(held) ? by_tls : anyhow).push_back(recipient_of_mail(*address));
  }
  out.told = static_cast<std::int64_t>(by_tls.size() + anyhow.size());
  ESSAIM_TRY(tell(context, domain, ended, std::move(anyhow), false));
  ESSAIM_TRY(tell(context, domain, ended, std::move(by_tls), true));
  return out;
}

void note(const std::string& list, const Dropped& dropped, const std::string& by) {
  if (!dropped.any()) return;
  log::info("waiting-dropped", {{"list", list},
                                {"posts", dropped.posts},
                                {"requests", dropped.requests},
                                {"told", dropped.told},
                                {"by", by}});
}

// Those who were told when the list was deleted, or by a run that was cut off.
Result<Readers> told_before(storage::Database& database, const storage::EndedList& list, const Ended& ended) {
  Readers out;
  std::vector<HeldRecord> some;
  do {
    std::vector<HeldRecord> next;
    ESSAIM_TRY(database.read_latest_now([&](storage::Connection& c) -> Result<void> {
      auto found =
          HeldStore(c).of_list(list.id, HeldState::kRejected, some.empty() ? 0 : some.back().id, kTogether);
      if (!found.ok()) return found.error();
      next = *std::move(found);
      return {};
    }));
    some = std::move(next);
    for (const HeldRecord& held : some)
      if (held.decided == list.at && is_told(held, ended)) out.add(held);
  } while (some.size() == kTogether);
  return out;
}

}  // namespace

Result<Dropped> end_list(WriteContext& context, const storage::ListRecord& list, const std::string& by,
                         bool quiet) {
  const Ended ended = ended_of(list, quiet);
  const auto declined = HeldStore(context.connection).of_list(list.id, HeldState::kWaiting, 0, kTogether);
  if (!declined.ok()) return declined.error();
  ESSAIM_TRY(
      storage::DirectoryStore(context.connection).delete_list(list.id, context.now, by, to_about(ended)));
  Readers told;
  auto out = tell_all(context, domain_of(list), ended, *declined, {}, &told);
  if (!out.ok()) return out.error();
  out->more = declined->size() == kTogether;
  context.connection.behind_commit(
      [address = ended.address, dropped = *out, by] { note(address, dropped, by); });
  return out;
}

Result<void> finish_end(const Services& services, const storage::EndedList& list, bool* posted) {
  const Ended ended = ended_of(list.about);
  auto told = told_before(*services.database, list, ended);
  if (!told.ok()) return told.error();
  Dropped all;
  Result<void> result;
  for (bool more = true; more;) {
    Readers now;
    Dropped here;
    bool rings = false;
    const auto step = [&](storage::Connection& c) -> Result<void> {
      now = {};
      const auto declined = HeldStore(c).of_list(list.id, HeldState::kWaiting, 0, kTogether);
      if (!declined.ok()) return declined.error();
      const auto declining = HeldStore(c).decline_some(list.id, list.at, list.by);
      if (!declining.ok()) return declining.error();
      more = *declining;
      const auto domain = storage::DirectoryStore(c).find_domain(ended.domain);
      if (!domain.ok()) return domain.error();
      // Where that is gone as well, nobody is left who could say it.
      Ended as = ended;
      as.quiet = as.quiet || !domain->has_value();
      WriteContext context{services, c, services.clock->wall_now(), services.rank()};
      auto dropped = tell_all(context, domain->has_value() ? domain_alone(**domain) : storage::ListRecord(),
                              as, *declined, *told, &now);
      if (!dropped.ok()) return dropped.error();
      here = *dropped;
      rings = context.posted;
      return {};
    };
    result = services.database->write_now(storage::Durability::kAccept, step);
    if (!result.ok()) break;
    told->merge(&now);
    all += here;
    *posted = *posted || rings;
  }
  note(ended.address, all, list.by);
  return result;
}

}  // namespace essaim::lists
