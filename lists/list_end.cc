#include "lists/list_end.h"

#include <set>
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

// As when it is refused (held/answer.cc): whoever was asked to confirm something answers or does not, and may be somebody
// who never wrote to the list.
bool is_told(const HeldRecord& held, const ListSettings& settings) {
  if (held.is_post())
    return held.kind == HeldKind::kModeration && settings.tell_rejected && held.detail("quiet").empty();
  return held.confirmer().empty();
}

// Each once.
class Readers {
 public:
  void add(const std::string& author) {
    const auto address = smtp::parse_mailbox(author, smtp::LocalPart::kUtf8);
    if (address.ok() && known_.emplace(address->domain, address->local_key()).second)
      people_.push_back(recipient_of_mail(*address));
  }
  std::vector<storage::BatchRecipient> take() { return std::move(people_); }

 private:
  std::set<std::pair<std::string, std::string>> known_;
  std::vector<storage::BatchRecipient> people_;
};

// From the domain: the list's own addresses are gone.
Result<void> tell(WriteContext& context, const storage::ListRecord& list, const ListSettings& settings,
                  std::vector<storage::BatchRecipient> people, bool require_tls) {
  const storage::ListRecord domain = domain_of(list);
  ServiceMail mail;
  mail.message = "list_deleted";
  mail.list = &domain;
  mail.language = settings.language;
  mail.to = std::move(people);
  mail.shown_to = list.address();
  mail.reply_to = "listmaster";
  mail.values = {{"list", list.address()}};
  mail.require_tls = require_tls;
  mail.replied = false;
  return send_service_mail(context, mail);
}

}  // namespace

Result<Dropped> end_list(WriteContext& context, const storage::ListRecord& list, const std::string& by,
                         bool quiet) {
  const ListSettings settings = settings_of(list);
  Dropped out;
  // Who asked for TLS on all the way gets what is written about their mail by it (RFC 8689 §6), and only they.
  Readers by_tls, anyhow;
  ESSAIM_TRY(storage::HeldStore(context.connection).for_each_waiting(list.id, [&](const HeldRecord& held) {
    ++(held.is_post() ? out.posts : out.requests);
    if (!quiet && is_told(held, settings)) (requires_tls(held) ? by_tls : anyhow).add(held.author);
  }));
  ESSAIM_TRY(storage::DirectoryStore(context.connection).delete_list(list.id, context.now, by));
  for (const bool require_tls : {false, true}) {
    auto people = (require_tls ? by_tls : anyhow).take();
    out.told += static_cast<std::int64_t>(people.size());
    ESSAIM_TRY(tell(context, list, settings, std::move(people), require_tls));
  }
  if (out.posts + out.requests > 0)
    log::info("waiting-dropped", {{"list", list.address()},
                                  {"posts", out.posts},
                                  {"requests", out.requests},
                                  {"told", out.told},
                                  {"by", by}});
  return out;
}

}  // namespace essaim::lists
