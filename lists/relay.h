// Mail of an account that may relay, for somebody who is none of ours: passed on as it is to that address, under the author's own
// envelope sender. Each recipient is a post of its own: its ledger, its DSN parameters (which go on to hosts that know them) and its
// reports. Missing Message-ID and Date are added (RFC 6409 §8), Bcc is taken out.
#pragma once

#include <memory>

#include "core/smtp/address.h"
#include "lists/recipients.h"
#include "storage/records.h"

namespace essaim::lists {

// The caller has made sure that the sender may relay. Nothing else makes such a target.
std::shared_ptr<const Target> relay_target(const smtp::Address& recipient);

// Whether a forward in the ledger is of this kind.
bool is_relayed(const storage::PostRecord& post);

}  // namespace essaim::lists
