// Counts what verification found, one result for each method and message.
#pragma once

#include "core/mailauth/message_check.h"

namespace essaim::smtpd {

// Of several signatures the best result counts. Thread-safe.
void count_results(const mailauth::Authentication& found);

}  // namespace essaim::smtpd
