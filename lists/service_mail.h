// Sends one of the service messages (templates/messages.h): the nearest template of the site in the reader's language, else
// ours. Always with the null reverse-path and Auto-Submitted. Functions run inside the caller's transaction.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/smtp/address.h"
#include "lists/notices.h"
#include "lists/services.h"
#include "lists/settings.h"
#include "lists/templates/phrases.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct PreparedAnswers;  // held/prepare.h

// One piece of work inside a write; what it leaves for after the commit.
struct WriteContext {
  const Services& services;
  storage::Connection& connection;
  WallTime now{};
  std::int64_t rank = 0;
  bool posted = false;       // ring the bell
  bool require_tls = false;  // it is for mail with REQUIRETLS: so is what is answered (RFC 8689 §6)
  const PreparedAnswers* prepared = nullptr;  // large posts that this may let go; null: there are none
};

struct ServiceMail {
  std::string_view message;                   // "welcome"
  const storage::ListRecord* list = nullptr;  // from its owners; id 0: of a domain, from its robot
  std::string language;                       // "": the list's
  std::vector<storage::BatchRecipient> to;    // nothing is sent to nobody
  std::size_t members = 0;                    // instead: all members of the list, so many (notices.h)
  std::string shown_to;                       // To; "": the first recipient. With `members` it is there
  Values values;                              // besides those of every list: see common_values()
  std::string reply_to;                       // local part at the list's domain; "" for none
  std::string in_reply_to;                    // Message-ID; "" for none
  std::string_view attachment;                // a message; "" for none
  bool require_tls = false;                   // it is about mail with REQUIRETLS (RFC 8689 §6)
  bool replied = true;                        // to something that somebody sent
  bool expendable = false;                    // nobody is told when it comes back
};
Result<void> send_service_mail(WriteContext& context, const ServiceMail& mail);
// It is made by reading alone, for store_notice(); not to members. Nothing: there is nobody to send it to.
Result<std::optional<ReadyNotice>> make_service_mail(WriteContext& context, const ServiceMail& mail);

// list, local, domain, description, owner, robot, leave
Values common_values(const storage::ListRecord& list, const ListSettings& settings);

inline storage::BatchRecipient recipient_of_mail(const smtp::Address& address) {
  return {0, address.local, address.domain};
}

// Lists that have a role: as those of their members who get such mail (people.h), or each as the address that it is.
enum class Named { kAsPeople, kAsTheyStand };

// Owners, or editors (owners where there are none), who want mail; the postmaster where nobody is. The same roles count for
// either form.
Result<std::vector<storage::BatchRecipient>> people_behind(WriteContext& context, Id list_id,
                                                           storage::Role role, Named as = Named::kAsPeople);
// Of the domain, of the site, else the postmaster.
Result<std::vector<storage::BatchRecipient>> listmasters(WriteContext& context, Id domain_id,
                                                         Named as = Named::kAsPeople);

// "3" days of a span, at least 1.
std::string in_days(Duration span);

}  // namespace essaim::lists
