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

BOOST_AUTO_TEST_SUITE_END()
