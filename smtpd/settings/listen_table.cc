#include "smtpd/settings/listen_table.h"

#include <algorithm>
#include <set>

#include "smtpd/settings/checks.h"

namespace essaim::smtpd {
namespace {

using config::Type;

struct RoleName {
  ListenerRole role;
  const char* name;
};
constexpr RoleName kRoles[] = {{ListenerRole::kMx, "mx"},
                               {ListenerRole::kSubmission, "submission"},
                               {ListenerRole::kSubmissions, "submissions"},
                               {ListenerRole::kStatus, "status"},
                               {ListenerRole::kHttp, "http"}};

ListenerRole role_of(const std::string& name) {
  const auto* found =
      std::find_if(std::begin(kRoles), std::end(kRoles), [&](const RoleName& r) { return r.name == name; });
  return found == std::end(kRoles) ? ListenerRole::kMx : found->role;  // the table knows no others
}

std::vector<std::string> role_names() {
  std::vector<std::string> out;
  for (const RoleName& r : kRoles) out.emplace_back(r.name);
  return out;
}

void add_balancer(config::Schema* schema) {
  schema->sections.push_back(
      {"balancer", "A TCP load balancer in front of this and other nodes; see docs/balancer.md.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "balancer.proxy_timeout",
           .type = Type::kDuration,
           .default_value = "5s",
           .help = "How long the whole PROXY header of a connection may take (see listen.proxy).",
           .minimum = 100,
           .maximum = 60'000,
           .reloadable = true},
          {.name = "balancer.drain_notice",
           .type = Type::kDuration,
           .default_value = "0s",
           .help =
               "At SIGTERM: how long to go on as before while /readyz already says no, so that the balancer "
               "sends new connections elsewhere before they are refused. A little more than its checks "
               "take to take a node out.",
           .maximum = 3'600'000,
           .reloadable = true},
      });
}

}  // namespace

void add_listen_settings(config::Schema* schema) {
  schema->sections.push_back(
      {"listen[]", "Where connections come in; repeat the table for more addresses.", false});
  schema->settings.insert(
      schema->settings.end(),
      {
          {.name = "listen[].address",
           .type = Type::kAddress,
           .help =
               "Address and port. 0.0.0.0 is all of IPv4; for IPv6 repeat the table with \"[::]:25\". Port 0 "
               "takes any free one; the log says which.",
           .example = "0.0.0.0:25",
           .required = true},
          {.name = "listen[].role",
           .type = Type::kEnum,
           .default_value = "mx",
           .help =
               "What it is for: \"mx\" takes mail for the lists from everywhere; \"submission\" takes mail "
               "from those who log in after STARTTLS (port 587), \"submissions\" the same under TLS from the "
               "first octet (port 465); \"http\" has the pages that links in messages lead to (with TLS when "
               "it has a certificate); \"status\" answers /livez, /readyz and /metrics by HTTP, for load "
               "balancers and monitoring: an address that only these reach.",
           .choices = role_names()},
          {.name = "listen[].socket",
           .help = "Name of the socket that systemd passes for it (FileDescriptorName= in essaim.socket). "
                   "Without "
                   "it, one with this address is taken; without any, the server binds the address itself.",
           .example = "smtp"},
          {.name = "listen[].certificate",
           .help =
               "PEM file with the certificate chain and its key. STARTTLS is offered when it is set, and a "
               "listener of role \"http\" is in TLS. It must be "
               "readable at start; a reload reads it again, as the user the server runs as.",
           .example = "/etc/essaim/tls.pem",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "listen[].certificates",
           .type = Type::kStrings,
           .help = "More such files. A client that names a host (SNI) gets the first whose names fit, others "
                   "\"certificate\". Files for the same names with other kinds of keys stand beside each "
                   "other.",
           .example = "/etc/essaim/other.pem",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "listen[].client_ca",
           .help = "PEM file with authorities: clients are asked for a certificate of them, which may stand "
                   "for an account (EXTERNAL). Who has none is served all the same.",
           .example = "/etc/essaim/client-ca.pem",
           .reloadable = true,
           .check = must_be_absolute},
          {.name = "listen[].proxy",
           .type = Type::kStrings,
           .help =
               "Addresses and networks of load balancers that tell us the client by the PROXY protocol, "
               "version 1 or 2. Their connections must begin with its header; from others it is never taken. "
               "For role \"http\": proxies whose word on the client is taken, see http.forwarded.",
           .example = "10.0.0.0/8",
           .reloadable = true,
           .check = must_be_network},
      });
  add_balancer(schema);
}

std::vector<ListenSettings> read_listeners(const config::Values& values) {
  std::vector<ListenSettings> out;
  for (const config::View& l : values.elements("listen[]")) {
    out.push_back({to_string(l.address("address")), l.string("certificate"), l.string("socket"),
                   role_of(l.string("role")), read_networks(l, "proxy"), l.strings("certificates"),
                   l.string("client_ca")});
  }
  return out;
}

std::string wrong_with(const std::vector<ListenSettings>& listen) {
  std::set<std::string> seen;
  bool mail = false;
  for (const ListenSettings& l : listen) {
    if (!l.address.ends_with(":0") && !seen.insert(l.address).second)
      return "\"listen.address\": \"" + l.address + "\" is there twice";
    mail = mail || speaks_smtp(l.role);
    const std::string what = "[[listen]] \"" + l.address + "\" of role \"" + to_string(l.role) + "\": ";
    if (is_submission(l.role) && l.certificates().empty())
      return what + "needs a \"certificate\": passwords go under TLS only";
    if (!l.client_ca.empty() && l.certificates().empty())
      return what + "\"client_ca\" needs a \"certificate\" of our own";
    if (l.role != ListenerRole::kStatus) continue;
    if (!l.certificates().empty()) return what + "\"certificate\" is not for this role, which is in clear";
    if (!l.proxies.empty()) return what + "\"proxy\" is not for this role; balancers ask it directly";
  }
  if (!mail)
    return "no [[listen]] for mail: nothing could come in; write\n[[listen]]\naddress = \"0.0.0.0:25\"";
  return "";
}

const char* to_string(ListenerRole role) {
  for (const RoleName& r : kRoles)
    if (r.role == role) return r.name;
  return "ourselves";
}

}  // namespace essaim::smtpd
