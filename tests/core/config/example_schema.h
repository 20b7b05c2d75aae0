// A small table of settings with one row of each kind, for the tests of this folder.
#pragma once

#include <memory>
#include <string>

#include "core/config/schema.h"

namespace essaim::config {

inline std::string must_be_absolute(const std::string& path) {
  return path.starts_with("/") ? "" : "must be an absolute path";
}

inline std::shared_ptr<const Schema> example_schema() {
  auto schema = std::make_shared<Schema>();
  schema->sections = {{"delivery", "How mail leaves.", false},
                      {"listen[]", "Where mail comes in.", false},
                      {"account[]", "Who may submit.", true}};
  const auto add = [&schema](Setting setting) { schema->settings.push_back(std::move(setting)); };
  add({.name = "hostname",
       .help = "The name that we say.",
       .example = "mx1.lists.example.org",
       .required = true});
  add({.name = "state",
       .default_value = "/var/lib/essaim",
       .help = "Journal and socket.",
       .check = must_be_absolute});
  add({.name = "networks",
       .type = Type::kStrings,
       .default_value = "127.0.0.1, ::1",
       .help = "Trusted.",
       .reloadable = true});
  add({.name = "delivery.smarthost",
       .type = Type::kAddress,
       .help = "Next hop; without it, MX lookup.",
       .example = "relay.example.net:25",
       .host_names = true});
  add({.name = "delivery.port",
       .type = Type::kInteger,
       .default_value = "25",
       .help = "Port of MX hosts.",
       .minimum = 1,
       .maximum = 65535});
  add({.name = "delivery.lifetime",
       .type = Type::kDuration,
       .default_value = "5d",
       .help = "Then it fails.",
       .minimum = 1000,
       .maximum = 30LL * 24 * 3600 * 1000,
       .reloadable = true});
  add({.name = "delivery.tls",
       .type = Type::kBool,
       .default_value = "true",
       .help = "STARTTLS where offered."});
  add({.name = "delivery.password", .help = "For the smart host.", .secret = true});
  add({.name = "delivery.dns_servers",
       .type = Type::kAddresses,
       .help = "Instead of the system's.",
       .example = "127.0.0.1:5353"});
  add({.name = "listen[].address",
       .type = Type::kAddress,
       .help = "Address and port.",
       .example = "0.0.0.0:25",
       .required = true});
  add({.name = "listen[].role",
       .type = Type::kEnum,
       .default_value = "mx",
       .help = "What it is for.",
       .choices = {"mx", "submission"}});
  add({.name = "listen[].size",
       .type = Type::kSize,
       .default_value = "25M",
       .help = "Largest message.",
       .minimum = 1024,
       .maximum = 1LL << 30});
  add({.name = "listen[].limit",
       .type = Type::kInteger,
       .help = "Instead of that of all.",
       .example = "7",
       .minimum = 1,
       .maximum = 9,
       .optional = true});
  add({.name = "account[].name", .help = "Log-in name.", .example = "alice", .required = true});
  return schema;
}

}  // namespace essaim::config
