// Takes the text of posts away that nobody waits for, before its time: it stays for `retention.failed` where somebody failed, so
// that it can be sent again, and until the digest that it is to be in. The ledger stays. Blocking; short transactions, beside running servers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"

namespace essaim::smtpd::operate {

struct TextRemoval {
  std::vector<Id> removed;           // now; of a preview: would be
  std::vector<Id> gone;              // before
  std::vector<Id> unknown;           // no such post
  std::vector<std::string> refused;  // with their ids, and what is to be done first
};
// Posts that somebody waits for, and those about which a report is to be made, which quotes them, are refused. Done twice, it
// finishes what an interruption left. An error ends it; what was done before is in the log ("post-text").
Result<TextRemoval> remove_post_text(storage::Database& database, std::span<const Id> posts, bool dry_run);

}  // namespace essaim::smtpd::operate
