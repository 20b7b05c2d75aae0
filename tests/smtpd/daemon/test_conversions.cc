// What parts of the server make of its settings.
#include <boost/test/unit_test.hpp>

#include "smtpd/daemon/conversions.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

std::string offered(const std::string& more) {
  const auto loaded = parse_settings(
      "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n[[listen]]\naddress = "
      "\"127.0.0.1:0\"\nrole = \"submissions\"\ncertificate = \"/etc/tls.pem\"\n" +
          more,
      "x.toml");
  BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
  const Settings& settings = loaded->settings;
  std::string out;
  for (const sasl::Mechanism one : session_settings(settings, settings.listen.front()).login.mechanisms)
    out += std::string(sasl::to_string(one)) + " ";
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(conversions)

BOOST_AUTO_TEST_CASE(mechanisms_are_offered_that_can_succeed) {
  const std::string ldap = "[ldap]\nurl = \"ldap://127.0.0.1\"\nbind_dn = \"uid={name}\"\n";
  const std::string named = "[submission]\nmechanisms = [\"SCRAM-SHA-256\", \"PLAIN\"]\n";
  BOOST_TEST(offered("") == "SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN ");
  BOOST_TEST(offered(ldap) == "PLAIN LOGIN ");
  BOOST_TEST(offered(named + ldap) == "SCRAM-SHA-256 PLAIN ");
}

// And only where it says so: who can connect from there may then name any address.
BOOST_AUTO_TEST_CASE(relays_say_for_whom_they_hand_on_where_mail_of_others_comes_in) {
  for (const bool xforward : {false, true}) {
    const auto loaded = parse_settings(
        std::string(
            "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n[[listen]]\n") +
            "address = \"127.0.0.1:0\"\n[[listen]]\naddress = \"127.0.0.1:0\"\nrole = \"submissions\"\n"
            "certificate = \"/etc/tls.pem\"\n[authentication]\nrelays = [\"192.0.2.25\"]\nxforward = " +
            (xforward ? "true\n" : "false\n"),
        "x.toml");
    BOOST_REQUIRE_MESSAGE(loaded.ok(), (loaded.ok() ? "" : loaded.error().message));
    const Settings& settings = loaded->settings;
    BOOST_TEST(session_settings(settings, settings.listen.at(0)).forwarders.size() == (xforward ? 1U : 0U));
    BOOST_TEST(session_settings(settings, settings.listen.at(1)).forwarders.empty());
  }
}

// What the table calls reloadable is taken over, and everything else is told of by name.
BOOST_AUTO_TEST_CASE(a_reload_takes_limits_of_the_pages_and_names_what_it_leaves) {
  const std::string plain =
      "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n[[listen]]\naddress = "
      "\"127.0.0.1:0\"\n";
  const auto before = parse_settings(plain, "x.toml");
  const auto fresh = parse_settings(
      plain +
          "[http]\nbase_url = \"https://lists.example\"\nforwarded = \"forwarded\"\nconnections = 7\n"
          "connections_per_client = 3\nrequest_timeout = \"4s\"\nidle_timeout = \"5s\"\n",
      "x.toml");
  BOOST_REQUIRE((before.ok() && fresh.ok()));
  const HttpSettings http = reloaded(before->values, fresh->values).settings.http;
  BOOST_TEST(http.connections_per_client == 3U);
  BOOST_TEST((http.request_timeout == std::chrono::seconds(4)));
  BOOST_TEST((http.idle_timeout == std::chrono::seconds(5)));
  BOOST_TEST(http.base_url.empty());
  BOOST_TEST(http.forwarded == "x-forwarded-for");
  BOOST_TEST(http.connections == 500U);
  const std::vector<std::string> expected = {"http.base_url", "http.forwarded", "http.connections"};
  BOOST_TEST(needing_restart(before->values, fresh->values) == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_reload_takes_the_name_service) {
  const std::string plain =
      "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n[[listen]]\naddress = "
      "\"127.0.0.1:0\"\n";
  const auto before = parse_settings(plain, "x.toml");
  const auto fresh = parse_settings(
      plain + "[dns]\nservers = [\"127.0.0.1:5353\"]\ntimeout = \"4s\"\ntrust_anchor = \"/root.key\"\n",
      "x.toml");
  BOOST_REQUIRE((before.ok() && fresh.ok()));
  const Settings taken = reloaded(before->values, fresh->values).settings;
  BOOST_TEST(taken.dns_servers == std::vector<std::string>{"127.0.0.1:5353"},
             boost::test_tools::per_element());
  BOOST_TEST((taken.dns_timeout == std::chrono::seconds(4)));
  BOOST_TEST(taken.trust_anchor == "/root.key");
  BOOST_TEST(needing_restart(before->values, fresh->values).empty());
}

BOOST_AUTO_TEST_SUITE_END()
