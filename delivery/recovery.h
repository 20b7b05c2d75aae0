// After a crash: failures that are in the journal and not yet in the database are recorded together with what
// listens to them, so that no bounce is lost (but those that can never be recorded, which the log names); then storage merges the rest and releases what the earlier run
// owned. Blocking; before anything is claimed.
#pragma once

#include "delivery/engine.h"

namespace essaim::delivery {

Result<void> recover(storage::Database& database, const std::string& directory,
                     storage::NodeStore::Identity node, FailureListener& listener);

// "550 5.1.1 no such user" as the journal and the ledger keep it.
smtp::Reply parse_kept_reply(std::string_view text);

// Where this node has the database alone: what others own there nobody else will release. It was claimed before the file was
// copied or restored, or while the machine had another name.
Result<void> release_others(storage::Database& database, storage::NodeStore::Identity node);

}  // namespace essaim::delivery
