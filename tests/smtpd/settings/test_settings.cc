#include <fstream>
#include <map>
#include <sstream>

#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "core/config/render.h"
#include "smtpd/settings/settings.h"
#include "smtpd/settings/show.h"
#include "smtpd/settings/table.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {
const char* const kSmall =
    "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n[[listen]]\naddress = "
    "\"127.0.0.1:0\"\n";

std::string with(const std::string& top, const std::string& bottom = "") {
  return top + "\n" + kSmall + bottom + "\n";
}

// As in the file; another one than by default, and good by itself.
std::string other_value(const config::Setting& s) {
  static const std::map<std::string, std::string> kOthers = {{"hostname", "mx2.lists.example"},
                                                             {"listen[].address", "127.0.0.2:25"},
                                                             {"state", "/elsewhere"},
                                                             {"storage.url", "sqlite:/elsewhere.db"},
                                                             {"ldap.filter", "(cn={name})"},
                                                             {"ldap.mail_attribute", "mailbox"},
                                                             {"oauth.claim", "email"},
                                                             {"delivery.ca_file", "/ca.pem"},
                                                             {"limits.exempt", "192.0.2.0/24"},
                                                             {"reports.postmaster", "notices"},
                                                             {"filter[].listeners", "submission"}};
  const bool bare = s.type == config::Type::kBool || s.type == config::Type::kInteger;
  std::string text = s.example;
  const auto least_or_next = [&](std::uint64_t by_default) {
    const auto least = static_cast<std::uint64_t>(s.minimum);
    return std::to_string(by_default == least ? least + 1 : least);
  };
  if (const auto other = kOthers.find(s.name); other != kOthers.end()) {
    text = other->second;
  } else if (s.type == config::Type::kBool) {
    text = s.default_value == "true" ? "false" : "true";
  } else if (s.type == config::Type::kEnum) {
    text = s.choices.front() == s.default_value ? s.choices.back() : s.choices.front();
  } else if (!s.default_value.empty() && s.type == config::Type::kInteger) {
    text = least_or_next(std::stoull(s.default_value));
  } else if (!s.default_value.empty() && s.type == config::Type::kSize) {
    text = least_or_next(config::parse_size(s.default_value).value());
  } else if (!s.default_value.empty() && s.type == config::Type::kDuration) {
    Duration by_default{};
    BOOST_REQUIRE(parse_duration(s.default_value, &by_default));
    text = least_or_next(static_cast<std::uint64_t>(by_default / std::chrono::milliseconds(1))) + "ms";
  } else {
    BOOST_REQUIRE_MESSAGE(!text.empty(), s.name + " needs another value in this test");
  }
  if (!config::is_list(s.type)) return bare ? text : "\"" + text + "\"";
  return "[\"" + text.substr(0, text.find(',')) + "\"]";
}

// A file with what is required and, if there is one, this setting with another value.
config::Values values_with(const config::Setting* other) {
  std::map<std::string, std::map<std::string, std::string>> tables = {
      {"", {{"hostname", "\"mx1.lists.example\""}, {"postmaster", "\"p@site.example\""}}},
      {"listen[]", {{"address", "\"127.0.0.1:25\""}}}};
  if (other != nullptr && config::table_of(other->name) == "filter[]")
    tables["filter[]"] = {{"name", "\"rspamd\""}, {"addresses", "[\"127.0.0.1:11332\"]"}};
  if (other != nullptr)
    tables[config::table_of(other->name)][config::key_of(other->name)] = other_value(*other);
  std::string text;
  for (const auto& [table, keys] : tables) {
    if (table.ends_with("[]"))
      text += "[[" + table.substr(0, table.size() - 2) + "]]\n";
    else if (!table.empty())
      text += "[" + table + "]\n";
    for (const auto& [key, value] : keys) text.append(key).append(" = ").append(value) += '\n';
  }
  auto values = config::load_text(settings_schema(), text, "x.toml");
  BOOST_REQUIRE_MESSAGE(values.ok(), (values.ok() ? "" : values.error().message + " in\n" + text));
  return *std::move(values);
}

std::string shown(const config::Values& values) {
  std::string text;
  for (const ShownValue& value : shown_values(values)) {
    text += value.name + " =";
    for (const std::string& one : value.texts) text.append(" ").append(one);
    text += '\n';
  }
  return text;
}
}  // namespace

BOOST_AUTO_TEST_CASE(reads_a_small_file_with_defaults_for_the_rest) {
  const auto loaded = parse_settings(kSmall, "small.toml");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const Settings& s = loaded->settings;
  BOOST_TEST(s.hostname == "mx1.lists.example");
  BOOST_TEST(s.postmaster.to_string() == "postmaster@site.example");
  BOOST_TEST(s.state == "/var/lib/essaim");
  BOOST_TEST(s.admin_socket() == "/var/lib/essaim/admin.sock");
  BOOST_TEST(s.database_file() == "/var/lib/essaim/essaim.db");
  BOOST_REQUIRE_EQUAL(s.listen.size(), 1U);
  BOOST_TEST(s.listen[0].address == "127.0.0.1:0");
  BOOST_TEST(s.listen[0].certificate.empty());
  BOOST_TEST(s.delivery.port == 25);
  BOOST_TEST(s.delivery.smarthost.empty());
  BOOST_TEST((s.delivery.retry_initial == std::chrono::minutes(5)));
  BOOST_TEST(s.limits.message_size == 25U * 1024 * 1024);
  BOOST_TEST((s.retention_posts == std::chrono::hours(24 * 30)));
}

BOOST_AUTO_TEST_CASE(reads_what_the_file_says) {
  const auto loaded =
      parse_settings(with("user = \"essaim\"\nstate = \"/tmp/e\"\nloops = 3",
                          "certificate = \"/etc/tls.pem\"\nproxy = [\"10.0.0.0/8\", \"2001:db8::1\"]\n"
                          "[[listen]]\naddress = \"[::1]:2525\"\nrole = \"status\"\n"
                          "[balancer]\ndrain_notice = \"5s\"\n[dns]\nservers = [\"127.0.0.1:5353\"]\n"
                          "[delivery]\nsmarthost = \"relay.example:2526\"\nport = 2525\nretry_initial = "
                          "\"1s\"\nipv6 = false\n"
                          "[log]\nformat = \"json\"\nlevel = \"debug\"\n[limits]\nmessage_size = "
                          "\"1M\"\nbare_line_ends = \"normalise\"\n"
                          "[authentication]\ntrusted_sealers = [\"B\xc3\xbc"
                          "cher.example\", \"A.example\"]\nverify = false\nrelays = [\"192.0.2.25\", "
                          "\"10.0.0.0/8\"]\nxforward = true"),
                     "x");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const Settings& s = loaded->settings;
  BOOST_TEST(s.user == "essaim");
  BOOST_TEST(s.loops == 3);
  BOOST_REQUIRE_EQUAL(s.listen.size(), 2U);
  BOOST_TEST(s.listen[0].certificate == "/etc/tls.pem");
  BOOST_TEST((s.listen[0].role == ListenerRole::kMx));
  BOOST_REQUIRE_EQUAL(s.listen[0].proxies.size(), 2U);
  BOOST_TEST((s.listen[0].proxies[0] == *guard::parse_network("10.0.0.0/8")));
  BOOST_TEST((s.listen[1].role == ListenerRole::kStatus));
  BOOST_TEST((s.balancer.drain_notice == std::chrono::seconds(5)));
  BOOST_TEST(s.listen[1].address == "[::1]:2525");
  BOOST_TEST(s.dns_servers.at(0) == "127.0.0.1:5353");
  BOOST_TEST(s.delivery.smarthost == "relay.example:2526");
  BOOST_TEST((s.delivery.retry_initial == std::chrono::seconds(1)));
  BOOST_TEST(!s.delivery.ipv6);
  BOOST_TEST((s.log.format == log::Format::kJson));
  BOOST_TEST((s.log.level == log::Level::kDebug));
  BOOST_TEST(s.limits.normalise_line_ends);
  const std::vector<std::string> sealers = {"xn--bcher-kva.example", "a.example"};
  BOOST_TEST(s.authentication.trusted_sealers == sealers, boost::test_tools::per_element());
  BOOST_TEST(!s.authentication.verify);
  BOOST_TEST(s.authentication.protect_authors);
  const std::vector<Network> relays = {*parse_network("192.0.2.25"), *parse_network("10.0.0.0/8")};
  BOOST_TEST((s.authentication.relays == relays));
  BOOST_TEST(s.authentication.xforward);
}

BOOST_AUTO_TEST_CASE(limits_of_clients_are_for_the_guard_and_a_network_may_do_ten_times_as_much) {
  const auto defaults = parse_settings(kSmall, "x");
  BOOST_REQUIRE(defaults.ok());
  const guard::GuardSettings& d = defaults->settings.limits.clients;
  BOOST_TEST(d.max_connections == 2000U);
  BOOST_TEST(d.client.max_connections == 50U);
  BOOST_TEST(d.network.max_connections == 500U);
  BOOST_TEST(d.client.connections.count == 0U);
  BOOST_TEST(d.client.messages.count == 0U);
  BOOST_TEST(d.client.recipients.count == 0U);
  BOOST_TEST(d.account_recipients.count == 0U);
  BOOST_TEST(d.client.errors.count == 600U);
  BOOST_TEST((d.client.junk.window == std::chrono::minutes(10)));
  BOOST_REQUIRE_EQUAL(d.exempt.size(), 2U);
  BOOST_TEST(d.exempt[0].contains(*guard::parse_network("127.9.9.9")));

  const auto loaded = parse_settings(
      with("",
           "[limits]\nconnections = 7\nconnections_per_client = 3\nmessage_rate = 4\nrecipient_rate = 5\n"
           "account_rate = 6\n"
           "exempt = [\"192.0.2.0/24\"]\nipv6_client_bits = 48\nipv6_network_bits = 32\nminimum_data_rate = "
           "\"1K\"\nstress_timeout = \"2s\"\n[early_talk]\ngreeting_pause = \"3s\"\nbehind_ehlo = true\n"
           "[extensions]\nchunking = false"),
      "x");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const Settings& s = loaded->settings;
  const guard::GuardSettings& g = s.limits.clients;
  BOOST_TEST(g.max_connections == 7U);
  BOOST_TEST(g.client.max_connections == 3U);
  BOOST_TEST(g.client.messages.count == 4U);
  BOOST_TEST(g.network.messages.count == 40U);
  BOOST_TEST((g.client.messages.window == std::chrono::minutes(1)));
  BOOST_TEST(g.network.recipients.count == 50U);
  BOOST_TEST(g.account_recipients.count == 6U);
  BOOST_TEST((g.account_recipients.window == std::chrono::hours(1)));
  BOOST_REQUIRE_EQUAL(g.exempt.size(), 1U);
  BOOST_TEST(!g.exempt[0].contains(*guard::parse_network("127.0.0.1")));
  BOOST_TEST(g.ipv6_client_bits == 48);
  BOOST_TEST(s.limits.minimum_data_rate == 1024U);
  BOOST_TEST((s.limits.stress_timeout == std::chrono::seconds(2)));
  BOOST_TEST((s.early_talk.greeting_pause == std::chrono::seconds(3)));
  BOOST_TEST(s.early_talk.behind_ehlo);
  BOOST_TEST(s.early_talk.behind_data);
  BOOST_TEST(!s.extensions.chunking);
  BOOST_TEST(s.extensions.limits);
  const auto nobody = parse_settings(with("", "[limits]\nexempt = []"), "x");
  BOOST_REQUIRE_MESSAGE(nobody.ok(), (nobody.ok() ? "" : nobody.error().message));
  BOOST_TEST(nobody->settings.limits.clients.exempt.empty());
}

BOOST_AUTO_TEST_CASE(says_what_is_wrong_and_where) {
  struct Row {
    std::string text;
    std::vector<std::string> says;
  };
  const std::vector<Row> rows = {
      {"", {"hostname", "postmaster"}},
      {"hostname = \"mx1.lists.example\"\npostmaster = \"p@x.example\"\n", {"[[listen]]"}},
      {with("hostnam = \"x\""), {"x.toml:1:", "hostname"}},
      {with("", "[delivery]\nsmart_host = \"a:1\""), {"x.toml:7:", "did you mean \"smarthost\""}},
      {with("", "[delivery]\nport = \"25\""), {"x.toml:7:", "integer"}},
      {with("", "[delivery]\nport = 0"), {"x.toml:7:", "port"}},
      {with("", "[delivery]\nipv4 = false\nipv6 = false"), {"x.toml", "nothing could be delivered"}},
      {with("", "[delivery]\nretry_initial = \"5h\""), {"retry_initial", "longer"}},
      {with("", "[delivery]\nown_addresses = [\"mx\"]"), {"not an IP address"}},
      {with("", "role = \"relay\""), {"x.toml:6:", "mx"}},
      {with("", "role = \"submission\""), {"role \"submission\"", "needs a \"certificate\""}},
      {with("", "role = \"submissions\""), {"role \"submissions\"", "needs a \"certificate\""}},
      {with("", "client_ca = \"/a.pem\""), {"\"client_ca\" needs a \"certificate\""}},
      {with("", "certificates = [\"tls.pem\"]"), {"absolute path"}},
      {with("", "[submission]\nmechanisms = [\"CRAM-MD5\"]"), {"x.toml:7:", "SCRAM-SHA-256-PLUS"}},
      {with("", "[submission]\nmechanisms = [\"OAUTHBEARER\"]"), {"oauth.url"}},
      {with("", "[oauth]\njwks_url = \"https://a\"\nissuer = \"https://a\""),
       {"oauth.jwks_url", "oauth.audience"}},
      {with("", "[oauth]\njwks_url = \"https://a\"\naudience = \"x\""), {"oauth.jwks_url", "oauth.issuer"}},
      {with("", "[oauth]\nurl = \"https://a\"\njwks_url = \"https://b\""),
       {"oauth.url", "oauth.jwks_url", "both"}},
      {with("", "[oauth]\njwks_url = \"ftp://a\""), {"x.toml:7:", "https://"}},
      {with("", "[submission]\nremember_passwords = \"2h\""), {"x.toml:7:", "remember_passwords"}},
      {with("", "[ldap]\nurl = \"ldap://a\""), {"ldap.bind_dn", "ldap.base"}},
      {with("", "[ldap]\nurl = \"http://a\""), {"x.toml:7:", "ldap://"}},
      {with("", "[ldap]\nbind_dn = \"uid=x\""), {"x.toml:7:", "{name}"}},
      {with("", "[ldap]\nurl = \"ldaps://a\"\nbind_dn = \"uid={name}\"\nstarttls = true"), {"ldap.starttls"}},
      {with("", "certificate = \"tls.pem\""), {"absolute path"}},
      {with("state = \"var\""), {"x.toml:1:", "absolute path"}},
      {with("", "[storage]\nurl = \"mysql:x\""), {"x.toml:7:", "sqlite:", "mariadb://"}},
      {with("", "[storage]\nurl = \"sqlite:x\""), {"x.toml:7:", "absolute path"}},
      {with("", "[storage]\nurl = \"mariadb://a:b@db/x\""), {"x.toml:7:", "password"}},
      {with("", "[storage]\npassword_file = \"x\""), {"x.toml:7:", "absolute path"}},
      {with("", "[[listen]]\naddress = \"127.0.0.1:25\"\n[[listen]]\naddress = \"127.0.0.1:25\""), {"twice"}},
      {with("", "proxy = [\"10.0.0.0/33\"]"),
       {"\"listen[].proxy\"", "10.0.0.0/33", "IP address or a network"}},
      {with("", "proxy = [\"balancer.example\"]"), {"IP address or a network"}},
      {with("", "role = \"status\""), {"no [[listen]] for mail"}},
      {with("", "[[listen]]\naddress = \"127.0.0.1:81\"\nrole = \"status\"\nproxy = [\"10.0.0.1\"]"),
       {"127.0.0.1:81", "role \"status\"", "\"proxy\" is not for this role"}},
      {with("", "[[listen]]\naddress = \"127.0.0.1:81\"\nrole = \"status\"\ncertificate = \"/a.pem\""),
       {"127.0.0.1:81", "\"certificate\" is not for this role"}},
      {with("", "[limits]\nmemory = \"2M\""), {"limits.memory"}},
      {with("", "[limits]\nexempt = [\"10.0.0.0/8\", \"relay\"]"), {"x.toml:7:", "IP address or a network"}},
      {with("", "[limits]\nipv6_client_bits = 56"), {"ipv6_network_bits", "less than"}},
      {with("", "[[destination]]\nrate = \"1/s\""), {"[[destination]] 1", "\"match\""}},
      {with("", "[[destination]]\nmatch = [\"a.example\"]\nrate = \"0/s\""),
       {"x.toml:8:", "destination[].rate"}},
      {with("", "[[destination]]\nmatch = [\"user@a.example\"]"), {"x.toml:7:", "destination[].match"}},
      {with("", "[[destination]]\nmatch = [\"a.*\"]"), {"x.toml:7:", "destination[].match"}},
      {with("", "[[destination]]\nmatch = [\"*\"]\nsource_address = [\"192.0.2.1\", \"192.0.2.2\"]"),
       {"[[destination]] 1 (*)", "source_address"}},
      {with("", "[[destination]]\nmatch = [\"*\"]\nsmarthost = \"a:1\"\nport = 3"), {"(*)", "\"port\""}},
      {with("", "[[destination]]\nmx = [\"*.a.x\"]\nsmarthost = \"a:1\"\ntogether = true"),
       {"[[destination]] 1 (mx *.a.x)", "\"together\"", "\"a:1\" is one"}},
      {with("", "[[destination]]\nmx = [\"*.a.x\"]\ntogether = 3"), {"x.toml:8:", "destination[].together"}},
      {with("", "[[destination]]\nmx = [\"a.x\"]\n[[destination]]\nmx = [\"b.x\", \"A.x\"]"),
       {"[[destination]] 2 (mx b.x)", "\"a.x\" stands in [[destination]] 1 (mx a.x)"}},
      {with("", "[[filter]]\nname = \"A b\"\naddresses = [\"127.0.0.1:1\"]"), {"x.toml:7:", "small letters"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"localhost\"]"), {"x.toml:8:", "port is missing"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"127.0.0.1:0\"]"), {"x.toml:8:", "port 0"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"unix:run/x\"]"), {"x.toml:8:", "begins with /"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"unix:/" + std::string(200, 'x') + "\"]"),
       {"x.toml:8:", "at most 107 octets"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = []"), {"x.toml:8:", "must not be empty"}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"[::1]:1\"]\nlisteners = [\"http\"]"),
       {"x.toml:9:", "\"mx\" or \"submission\""}},
      {with("", "[[filter]]\nname = \"a\"\naddresses = [\"[::1]:1\"]\nlisteners = []"),
       {"[[filter]] 1 (a)", "listeners"}},
      {with("",
            "[[filter]]\nname = \"a\"\naddresses = [\"[::1]:1\"]\n[[filter]]\nname = \"a\"\naddresses = "
            "[\"[::1]:2\"]"),
       {"[[filter]] 2 (a)", "another one"}},
      {with("", "[[filter]]\naddresses = [\"[::1]:1\"]"), {"filter[].name"}},
      {with("", "[authentication]\ntrusted_sealers = [\"a.example\", \"a b\"]"),
       {"x.toml:7:", "trusted_sealers", "must be a domain"}},
      {with("", "[authentication]\nrelays = [\"mx.example\"]"), {"x.toml:7:", "relays"}},
      {with("", "[authentication]\nxforward = true"), {"authentication.xforward", "authentication.relays"}},
      {with("", "[extensions]\nsmtputf8 = \"perhaps\""), {"x.toml:7:", "smtputf8"}},
      {"hostname = \"localhost\"\npostmaster = \"nobody\"\n[[listen]]\naddress = \"127.0.0.1:25\"",
       {"x.toml:1:", "full host name", "x.toml:2:", "mail address"}},
  };
  for (const Row& row : rows) {
    const auto loaded = parse_settings(row.text, "x.toml");
    BOOST_REQUIRE_MESSAGE(!loaded.ok(), row.text);
    for (const std::string& part : row.says)
      BOOST_TEST(loaded.error().message.find(part) != std::string::npos,
                 loaded.error().message << " should say " << part);
  }
}

BOOST_AUTO_TEST_CASE(filters_are_read_in_their_order) {
  const auto loaded = parse_settings(
      with("",
           "[[filter]]\nname = \"rspamd\"\naddresses = [\"127.0.0.1:11332\", \"unix:/run/r.sock\"]\n"
           "[[filter]]\nname = \"clamav\"\naddresses = [\"[::1]:1\"]\nlisteners = [\"submission\"]\n"
           "when_down = \"pass\"\ntimeout = \"2m\"\nconnections = 3"),
      "x");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const auto& all = loaded->settings.filters;
  BOOST_REQUIRE_EQUAL(all.size(), 2U);
  BOOST_TEST(all[0].addresses.size() == 2U);
  BOOST_TEST((all[0].mx && !all[0].submission && !all[0].pass_when_down));
  BOOST_TEST((!all[1].mx && all[1].submission && all[1].pass_when_down));
  BOOST_TEST(all[1].connections == 3);
  BOOST_TEST((all[1].timeout == std::chrono::minutes(2)));
}

BOOST_AUTO_TEST_CASE(destinations_have_settings_of_their_own) {
  const auto loaded = parse_settings(
      with("",
           "[[destination]]\nmatch = [\"Gmail.com\", \"*.B\xc3\xbc"
           "cher.example\"]\nconnections = 5\nrate = "
           "\"100/m\"\nrecipients_per_transaction = 10\ntransactions_per_connection = 0\nsource_address = "
           "[\"192.0.2.1\", \"2001:db8::1\"]\n[[destination]]\nmx = [\"*.google.com\"]\nsmarthost = "
           "\"relay.example:26\"\ntls = \"off\"\n[[destination]]\nmatch = [\"*\"]\nsmarthost = \"\"\nport = "
           "2525\ntogether = true"),
      "x");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const auto& all = loaded->settings.destinations;
  BOOST_REQUIRE_EQUAL(all.size(), 3U);
  const std::vector<std::string> patterns = {"gmail.com", "*.xn--bcher-kva.example"};
  BOOST_TEST(all[0].match == patterns, boost::test_tools::per_element());
  BOOST_TEST(all[0].name == "[[destination]] 1 (gmail.com)");
  BOOST_TEST(all[0].connections.value() == 5);
  BOOST_TEST(all[0].rate == 100U);
  BOOST_TEST((all[0].rate_window == std::chrono::minutes(1)));
  BOOST_TEST(all[0].recipients_per_transaction.value() == 10);
  BOOST_TEST(all[0].transactions_per_connection.value() == 0);
  BOOST_TEST(all[0].source_ipv4 == "192.0.2.1");
  BOOST_TEST(all[0].source_ipv6 == "2001:db8::1");
  BOOST_TEST(!all[0].smarthost.has_value());
  BOOST_TEST(!all[0].tls.has_value());
  BOOST_TEST(!all[0].port.has_value());
  BOOST_TEST(all[1].name == "[[destination]] 2 (mx *.google.com)");
  BOOST_TEST(all[1].smarthost.value() == "relay.example:26");
  BOOST_TEST(all[1].tls.value() == "off");
  BOOST_TEST(!all[1].connections.has_value());
  BOOST_TEST(all[1].rate == 0U);
  BOOST_TEST(!all[1].together);
  BOOST_TEST(all[2].together);
  BOOST_TEST(all[2].smarthost.value().empty());
  BOOST_TEST(all[2].port.value() == 2525);
  // What is not set is not shown as if it were, and what is shown can be read again.
  const auto again = parse_settings(config::render_effective(loaded->values), "again");
  BOOST_REQUIRE_MESSAGE(again.ok(), (again.ok() ? "" : again.error().message));
  BOOST_TEST(!again->settings.destinations.at(1).connections.has_value());
  // A reload applies all of it.
  const auto before = parse_settings(kSmall, "x");
  BOOST_TEST(needing_restart(before->values, loaded->values).empty());
}

BOOST_AUTO_TEST_CASE(knows_what_a_reload_cannot_apply) {
  const auto before = parse_settings(kSmall, "x");
  const auto same =
      parse_settings(with("", "[log]\nlevel = \"debug\"\n[delivery]\nsmarthost = \"127.0.0.1:1\""), "x");
  const auto other = parse_settings(with("loops = 2", "[[listen]]\naddress = \"127.0.0.1:26\""), "x");
  BOOST_REQUIRE(before.ok() && same.ok() && other.ok());
  BOOST_TEST(needing_restart(before->values, same->values).empty());
  const std::vector<std::string> expected = {"loops", "listen[].address", "listen[].role", "listen[].socket"};
  BOOST_TEST(needing_restart(before->values, other->values) == expected, boost::test_tools::per_element());
}

// Of all settings, one after the other: the table says which, and nothing else does.
BOOST_AUTO_TEST_CASE(a_reload_takes_what_is_reloadable_and_names_all_else) {
  const config::Values before = values_with(nullptr);
  for (const config::Setting& s : settings_schema()->settings) {
    const config::Values fresh = values_with(&s);
    BOOST_REQUIRE_MESSAGE(shown(fresh) != shown(before), s.name);
    const config::Values after = reloaded(before, fresh).values;
    BOOST_TEST(shown(after) == shown(s.reloadable ? fresh : before), s.name);
    const std::vector<std::string> left = needing_restart(before, fresh);
    if (s.reloadable)
      BOOST_TEST(left.empty(), s.name);
    else
      BOOST_TEST(left == std::vector<std::string>{s.name}, s.name);
    // And back, from what runs now: the next reload compares with that.
    BOOST_TEST(shown(reloaded(after, before).values) == shown(before), s.name);
    BOOST_TEST(needing_restart(after, fresh) == left, s.name);
  }
}

BOOST_AUTO_TEST_CASE(a_reload_takes_the_certificates_of_the_listeners_that_are_there) {
  const auto listener = [](const std::string& address, const std::string& certificate, const char* role) {
    return "[[listen]]\naddress = \"" + address + "\"\nrole = \"" + role + "\"\ncertificate = \"" +
           certificate + "\"\n";
  };
  const auto before = parse_settings(with("", listener("127.0.0.1:0", "/1.pem", "submission") +
                                                  listener("127.0.0.1:0", "/2.pem", "submission") +
                                                  listener("127.0.0.1:465", "/3.pem", "submissions")),
                                     "x");
  const auto fresh = parse_settings(with("", listener("127.0.0.1:0", "/one.pem", "submission") +
                                                 listener("127.0.0.1:465", "/three.pem", "submission") +
                                                 listener("127.0.0.1:0", "/two.pem", "submission") +
                                                 listener("127.0.0.1:587", "/four.pem", "submission")),
                                    "x");
  BOOST_REQUIRE(before.ok() && fresh.ok());
  const Settings taken = reloaded(before->values, fresh->values).settings;
  BOOST_REQUIRE_EQUAL(taken.listen.size(), 4U);
  BOOST_TEST(taken.listen[0].certificate.empty());
  BOOST_TEST(taken.listen[1].certificate == "/one.pem");
  BOOST_TEST(taken.listen[2].certificate == "/two.pem");
  BOOST_TEST(taken.listen[3].certificate == "/3.pem");  // of another role now: that takes a restart
  BOOST_TEST((taken.listen[3].role == ListenerRole::kSubmissions));
}

BOOST_AUTO_TEST_CASE(the_sample_in_contrib_is_what_the_table_gives_and_it_loads) {
  std::ifstream in(ESSAIM_SOURCE_DIR "/contrib/essaim.toml");
  std::ostringstream text;
  text << in.rdbuf();
  BOOST_TEST(text.str() == config::render_sample(*settings_schema()),
             "make it anew: essaim config sample > contrib/essaim.toml");
  const auto loaded = parse_settings(text.str(), "contrib/essaim.toml");
  BOOST_TEST(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
}
