// A post by an id that somebody was told: its own, or the one under which it waited before it was let go. Runs inside the caller's
// transaction; any thread.
#pragma once

#include <optional>

#include "core/base/id.h"
#include "core/base/result.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::smtpd::operate {

// None: it never became a post, or is no longer kept.
Result<std::optional<storage::PostRecord>> post_named(storage::Connection& connection, Id id);

}  // namespace essaim::smtpd::operate
