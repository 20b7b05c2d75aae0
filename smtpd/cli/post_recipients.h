// The recipients of a post as the ledger has them: which are asked for, and what became of each.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "smtpd/cli/site.h"
#include "storage/post_store.h"
#include "storage/records.h"

namespace essaim::smtpd::cli {

// Where it was sent to: a list, or an address of people or of elsewhere.
std::string sent_to(const storage::PostRecord& post);

// Which recipients are shown. Nothing set: all.
struct WantedRecipients {
  std::optional<storage::RecipientState> state;
  storage::PostFilter who;  // its recipient or domain
  bool none = false;
};
// Of --recipients: all, none, a state, an address, or @domain.
Result<WantedRecipients> wanted_recipients(const std::string& text);

// As it is told; what is not known is empty.
struct ShownRecipient {
  std::string address, state, host, reply, time;
  int attempts = 0;
};

// Batch by batch, so that a big post needs little memory, and only those in which they can be. Blocking.
Result<void> for_each_recipient(Site& site, const storage::PostRecord& post, const WantedRecipients& wanted,
                                const std::function<void(const ShownRecipient&)>& each);

}  // namespace essaim::smtpd::cli
