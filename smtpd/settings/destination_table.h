// The rows of the table about single destinations, [[destination]], and how they are read and checked together.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/config/schema.h"
#include "core/config/values.h"
#include "smtpd/settings/settings.h"

namespace essaim::smtpd {

void add_destination_settings(config::Schema* schema);
// The words for use of TLS, as delivery::to_string(TlsSetting) says them.
std::vector<std::string> tls_choices();

// In the order of the file. Patterns come in lower case and A-labels.
std::vector<DestinationSettings> read_destinations(const config::Values& values);
// What one row cannot see: "[[destination]] 2 (gmail.com): ..."; "" if nothing is wrong.
std::string wrong_with(const std::vector<DestinationSettings>& destinations);

}  // namespace essaim::smtpd
