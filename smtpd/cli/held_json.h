// What is held, in words and in JSON output. Included by .cc files only.
#pragma once

#include "smtpd/cli/json_text.h"
#include "storage/held_store.h"

namespace essaim::smtpd::cli {

const char* name_of(storage::HeldKind kind);
const char* name_of(storage::HeldState state);
Json held_json(const storage::HeldRecord& held);

}  // namespace essaim::smtpd::cli
