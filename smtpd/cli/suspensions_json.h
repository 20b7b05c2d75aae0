// Suspensions in JSON output. Included by .cc files only.
#pragma once

#include <vector>

#include "smtpd/cli/json_text.h"
#include "storage/node_store.h"

namespace essaim::smtpd::cli {

Json suspension_json(const storage::SuspensionRecord& record);
Json suspensions_json(const std::vector<storage::SuspensionRecord>& all);

}  // namespace essaim::smtpd::cli
