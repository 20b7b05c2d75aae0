// The rows of the table about submission: [submission], [ldap] and [oauth].
#pragma once

#include <string>

#include "core/config/schema.h"
#include "core/config/values.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

void add_submission_settings(config::Schema* schema);
SubmissionSettings read_submission(const config::View& values);
// What one row cannot see; "" if nothing is wrong.
std::string wrong_with(const SubmissionSettings& submission);

}  // namespace essaim::smtpd
