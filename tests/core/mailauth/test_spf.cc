#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/spf.h"
#include "core/mailauth/spf_record.h"
#include "tests/core/mailauth/zone.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

// RFC 7208 appendix A.
Zone rfc_zone(const std::string& record) {
  Zone zone;
  zone.text("example.com", record).ipv4("example.com", "192.0.2.10").ipv4("example.com", "192.0.2.11");
  zone.ipv4("amy.example.com", "192.0.2.65").ipv4("bob.example.com", "192.0.2.66");
  zone.ipv4("mail-a.example.com", "192.0.2.129").ipv4("mail-b.example.com", "192.0.2.130");
  zone.mx("example.com", "mail-a.example.com").mx("example.com", "mail-b.example.com");
  zone.ipv4("mail-c.example.org", "192.0.2.140").mx("example.org", "mail-c.example.org");
  zone.pointer("192.0.2.10", "example.com").pointer("192.0.2.65", "amy.example.com");
  zone.pointer("192.0.2.140", "mail-c.example.org").pointer("10.0.0.4", "bob.example.com");
  return zone;
}

std::string spf(Zone& zone, const std::string& ip, const std::string& domain = "example.com",
                const std::string& local = "strong-bad") {
  const auto result = zone.resolve([&](Answers& answers) {
    return check_spf(ip, "mail.example.com", {local, domain}, answers);
  });
  BOOST_TEST_MESSAGE(result.reason);
  return to_string(result.status);
}

std::string spf(const std::string& record, const std::string& ip) {
  Zone zone = rfc_zone(record);
  return spf(zone, ip);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(spf_check)

BOOST_AUTO_TEST_CASE(the_simple_examples_of_rfc_7208_appendix_a) {
  const struct {
    const char* record;
    const char* ip;
    const char* result;
  } rows[] = {
      {"v=spf1 +all", "203.0.113.1", "pass"},
      {"v=spf1 a -all", "192.0.2.10", "pass"},
      {"v=spf1 a -all", "192.0.2.11", "pass"},
      {"v=spf1 a -all", "192.0.2.12", "fail"},
      {"v=spf1 a:example.org -all", "192.0.2.10", "fail"},
      {"v=spf1 mx -all", "192.0.2.129", "pass"},
      {"v=spf1 mx -all", "192.0.2.130", "pass"},
      {"v=spf1 mx -all", "192.0.2.131", "fail"},
      {"v=spf1 mx:example.org -all", "192.0.2.140", "pass"},
      {"v=spf1 mx mx:example.org -all", "192.0.2.140", "pass"},
      {"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.131", "pass"},
      {"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.143", "pass"},
      {"v=spf1 mx/30 mx:example.org/30 -all", "192.0.2.144", "fail"},
      {"v=spf1 ptr -all", "192.0.2.65", "pass"},
      {"v=spf1 ptr -all", "192.0.2.140", "fail"},
      {"v=spf1 ptr -all", "10.0.0.4", "fail"},
      {"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.65", "fail"},
      {"v=spf1 ip4:192.0.2.128/28 -all", "192.0.2.129", "pass"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_INFO(row.record << " " << row.ip);
    BOOST_TEST(spf(row.record, row.ip) == row.result);
  }
}

BOOST_AUTO_TEST_CASE(include_and_redirect_lead_to_other_domains) {
  Zone zone = rfc_zone("v=spf1 mx -all");
  zone.text("example.org", "v=spf1 include:example.com include:example.net -all")
      .text("example.net", "v=spf1 ip4:198.51.100.0/24 ?all");
  zone.text("la.example.org", "v=spf1 redirect=example.org");
  for (const char* domain : {"example.org", "la.example.org"}) {
    BOOST_TEST(spf(zone, "192.0.2.129", domain) == "pass");
    BOOST_TEST(spf(zone, "198.51.100.7", domain) == "pass");
    BOOST_TEST(spf(zone, "203.0.113.1", domain) == "fail");
  }
  zone.text("lost.example.org", "v=spf1 include:nowhere.example.net -all")
      .text("astray.example.org", "v=spf1 redirect=nowhere.example.net");
  BOOST_TEST(spf(zone, "192.0.2.1", "lost.example.org") == "permerror");
  BOOST_TEST(spf(zone, "192.0.2.1", "astray.example.org") == "permerror");
}

BOOST_AUTO_TEST_CASE(qualifiers_and_the_absence_of_records) {
  BOOST_TEST(spf("v=spf1 ~all", "192.0.2.1") == "softfail");
  BOOST_TEST(spf("v=spf1 ?all", "192.0.2.1") == "neutral");
  BOOST_TEST(spf("v=spf1", "192.0.2.1") == "neutral");
  BOOST_TEST(spf("v=spf10 +all", "192.0.2.1") == "none");
  BOOST_TEST(spf("v=spf1 ip6:2001:db8::/32 -all", "2001:db8::25") == "pass");
  BOOST_TEST(spf("v=spf1 ip6:2001:db8::/32 -all", "2001:db9::25") == "fail");
  BOOST_TEST(spf("v=spf1 ip4:127.0.0.0/8 -all", "127.0.0.1") == "pass");
  BOOST_TEST(spf("v=spf1 -all", "127.0.0.1") == "fail");  // no special right for the loopback
  Zone zone;
  BOOST_TEST(spf(zone, "192.0.2.1", "nowhere.example.com") == "none");
  BOOST_TEST(spf(zone, "192.0.2.1", "localhost") == "none");
}

// §7.4, seen by the name that is asked for.
BOOST_AUTO_TEST_CASE(macros_expand_as_in_the_examples_of_the_rfc) {
  const struct {
    const char* spec;
    const char* ip;
    const char* name;
  } rows[] = {
      {"%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr._spf.example.com"},
      {"%{lr-}.lp._spf.%{d2}", "192.0.2.3", "bad.strong.lp._spf.example.com"},
      {"%{lr-}.lp.%{ir}.%{v}._spf.%{d2}", "192.0.2.3", "bad.strong.lp.3.2.0.192.in-addr._spf.example.com"},
      {"%{ir}.%{v}.%{l1r-}.lp._spf.%{d2}", "192.0.2.3", "3.2.0.192.in-addr.strong.lp._spf.example.com"},
      {"%{d2}.trusted-domains.example.net", "192.0.2.3", "example.com.trusted-domains.example.net"},
      {"%{ir}.%{v}._spf.%{d2}", "2001:db8::cb01",
       "1.0.b.c.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6._spf.example.com"},
  };
  for (const auto& row : rows) {
    Zone zone;
    zone.text("email.example.com", std::string("v=spf1 exists:") + row.spec + " -all");
    BOOST_TEST_INFO(row.spec);
    BOOST_TEST(spf(zone, row.ip, "email.example.com") == "fail");
    BOOST_REQUIRE(!zone.asked.empty());
    BOOST_TEST(zone.asked.back().name == row.name);
    zone.ipv4(row.name, "127.0.0.2");
    BOOST_TEST(spf(zone, row.ip, "email.example.com") == "pass");
  }
}

BOOST_AUTO_TEST_CASE(what_breaks_the_grammar_is_a_permanent_error) {
  for (const char* record : {"v=spf1 what -all",
                             "v=spf1 all:x",
                             "v=spf1 ip4:300.0.0.1 -all",
                             "v=spf1 ip4:192.0.2.1/33 -all",
                             "v=spf1 ip4 -all",
                             "v=spf1 a/33 -all",
                             "v=spf1 a/09 -all",
                             "v=spf1 a//129 -all",
                             "v=spf1 include -all",
                             "v=spf1 include: -all",
                             "v=spf1 redirect=a.example redirect=b.example",
                             "v=spf1 exists:%{x}.example -all",
                             "v=spf1 exists:%{d129}.example -all",
                             "v=spf1 exists:%{d0}.example -all",
                             "v=spf1 exists:%{d -all",
                             "v=spf1 exists:%(d).example -all",
                             "v=spf1 exists:%{c}.example -all",
                             "v=spf1 a:example.123 -all",
                             "v=spf1 a:nolabel -all",
                             "v=spf1 -all=x=\x01"}) {
    BOOST_TEST_INFO(record);
    BOOST_TEST(spf(record, "192.0.2.1") == "permerror");
  }
  Zone zone = rfc_zone("v=spf1 -all");
  zone.text("example.com", "v=spf1 +all");
  BOOST_TEST(spf(zone, "192.0.2.1") == "permerror");
}

// CVE-2023-42118: they never reach the library.
BOOST_AUTO_TEST_CASE(macros_that_come_near_the_end_of_the_librarys_buffer_are_refused) {
  for (const std::size_t macros : {14u, 20u, 60u, 127u, 500u}) {
    std::string spec;
    for (std::size_t i = 0; i < macros; ++i) spec += "%{d}";
    BOOST_TEST(spf("v=spf1 exists:" + spec + ".example -all", "192.0.2.1") == "permerror");
  }
  BOOST_TEST(spf("v=spf1 exists:" + std::string(300, 'a') + ".example -all", "192.0.2.1") == "permerror");
  BOOST_TEST(spf("v=spf1 exists:%{d99999999999999}.example -all", "192.0.2.1") == "permerror");
}

BOOST_AUTO_TEST_CASE(long_lists_of_networks_are_as_good_as_short_ones) {
  std::string record = "v=spf1";
  for (int i = 0; i < 200; ++i) record += " ip4:198.51." + std::to_string(i) + ".0/24";
  BOOST_TEST(spf(record + " -all", "198.51.199.7") == "pass");
  BOOST_TEST(spf(record + " -all", "198.52.0.1") == "fail");
}

BOOST_AUTO_TEST_CASE(budgets_end_what_would_go_on) {
  Zone zone;
  for (int i = 0; i < 30; ++i)
    zone.text("i" + std::to_string(i) + ".example.com",
              "v=spf1 include:i" + std::to_string(i + 1) + ".example.com -all");
  BOOST_TEST(spf(zone, "192.0.2.1", "i0.example.com") == "permerror");
  BOOST_TEST(zone.asked.size() <= 12u);
  Zone circle;
  circle.text("a.example.com", "v=spf1 include:b.example.com -all")
      .text("b.example.com", "v=spf1 include:a.example.com -all");
  BOOST_TEST(spf(circle, "192.0.2.1", "a.example.com") == "permerror");
  Zone voids;
  voids.text("v.example.com", "v=spf1 a:1.example.net a:2.example.net a:3.example.net a:4.example.net -all");
  BOOST_TEST(spf(voids, "192.0.2.1", "v.example.com") == "permerror");
}

// §4.6.4 limits terms. Of a client with IPv6 the addresses of IPv6 are asked for, and many hosts have none.
BOOST_AUTO_TEST_CASE(hosts_without_ipv6_and_exchangers_that_are_gone_are_no_terms_that_find_nothing) {
  Zone zone;
  for (int i = 1; i <= 4; ++i) {
    const std::string host = "esa" + std::to_string(i) + ".example.net";
    zone.mx("example.com", host).ipv4(host, "192.0.2." + std::to_string(i));
    zone.mx("gone.example.com", "gone" + std::to_string(i) + ".example.org");
    zone.ipv6("six" + std::to_string(i) + ".example.net", "2001:db8:1::" + std::to_string(i));
  }
  const std::string four = "a:esa1.example.net a:esa2.example.net a:esa3.example.net a:esa4.example.net";
  const std::string none = "a:1.example.org a:2.example.org a:3.example.org";
  const std::string exists = "exists:six1.example.net exists:six2.example.net exists:six3.example.net";
  const struct {
    std::string terms;
    const char* ip;
    const char* result;
  } rows[] = {
      {"mx", "2001:db8::25", "pass"},
      {"mx a:gone.example.org a:gone.example.org", "2001:db8::25", "pass"},
      {"mx:gone.example.com", "2001:db8::25", "pass"},
      {"mx:gone.example.com", "192.0.2.25", "pass"},
      {"mx:gone.example.com " + none, "2001:db8::25", "permerror"},
      {four, "2001:db8::25", "pass"},
      {none, "2001:db8::25", "permerror"},
      {none, "192.0.2.25", "permerror"},
      // It asks for IPv4 whatever the client has (§5.7).
      {exists, "2001:db8::25", "permerror"},
      // Of the terms there are ten at most, whatever they find.
      {four + " " + four + " " + four, "2001:db8::25", "permerror"},
  };
  for (const auto& row : rows) {
    Zone one = zone;
    one.text("example.com", "v=spf1 " + row.terms + " ip6:2001:db8::/32 ip4:192.0.2.25 -all");
    BOOST_TEST_INFO(row.terms << " " << row.ip);
    BOOST_TEST(spf(one, row.ip) == row.result);
  }
}

// §4.6.4: its first ten count. The client chooses how many it has, and whether they lead anywhere.
BOOST_AUTO_TEST_CASE(a_client_of_many_names_is_no_error_of_the_domain) {
  Zone zone = rfc_zone("v=spf1 ptr ip4:192.0.2.66 -all");
  for (int i = 1; i <= 12; ++i) zone.pointer("192.0.2.66", "n" + std::to_string(i) + ".example.net");
  BOOST_TEST(spf(zone, "192.0.2.66") == "pass");
  Zone ninth = rfc_zone("v=spf1 ptr -all");
  for (int i = 1; i <= 8; ++i) ninth.pointer("192.0.2.66", "n" + std::to_string(i) + ".example.net");
  ninth.pointer("192.0.2.66", "bob.example.com");
  BOOST_TEST(spf(ninth, "192.0.2.66") == "pass");
}

BOOST_AUTO_TEST_CASE(a_name_server_that_does_not_answer_is_a_temporary_error) {
  Zone zone = rfc_zone("v=spf1 mx -all");
  zone.broken = {"mail-a.example.com"};
  BOOST_TEST(spf(zone, "192.0.2.1") == "temperror");
  zone.broken = {"example.com"};
  BOOST_TEST(spf(zone, "192.0.2.1") == "temperror");
}

// §5.5. Whoever connects has a reverse zone, and says which names are in it.
BOOST_AUTO_TEST_CASE(silent_servers_of_the_client_leave_it_without_a_name) {
  Zone zone = rfc_zone("v=spf1 ptr -all");
  zone.broken = {"192.0.2.65"};
  BOOST_TEST(spf(zone, "192.0.2.65") == "fail");
  zone.broken = {"amy.example.com"};
  BOOST_TEST(spf(zone, "192.0.2.65") == "fail");
  // One of several; and none of them is a name without an answer.
  for (const char* name : {"1.evil.example", "2.evil.example", "3.evil.example"}) {
    zone.pointer("192.0.2.66", name);
    zone.broken.emplace_back(name);
  }
  BOOST_TEST(spf(zone, "192.0.2.66") == "fail");
  zone.pointer("192.0.2.66", "bob.example.com");
  BOOST_TEST(spf(zone, "192.0.2.66") == "pass");
  // The same name in a term of the domain's own is what it always was.
  Zone named = rfc_zone("v=spf1 ptr a:amy.example.com -all");
  named.broken = {"amy.example.com"};
  BOOST_TEST(spf(named, "192.0.2.65") == "temperror");
  Zone exchanger = rfc_zone("v=spf1 ptr mx -all");
  exchanger.pointer("192.0.2.1", "mail-a.example.com");
  exchanger.broken = {"mail-a.example.com"};
  BOOST_TEST(spf(exchanger, "192.0.2.1") == "temperror");
}

BOOST_AUTO_TEST_CASE(local_parts_of_all_kinds_stay_out_of_queries) {
  Zone zone;
  zone.text("example.com", "v=spf1 exists:%{l}.example.net -all");
  const std::string odd("a\0b", 3);
  for (const std::string& local :
       {odd, std::string("a b"), std::string(200, 'x'), std::string("gr\xc3\xbc\xc3\x9f"), std::string()})
    BOOST_TEST(spf(zone, "192.0.2.1", "example.com", local) == "fail");
  for (const Question& question : zone.asked)
    BOOST_TEST(question.name.find_first_of(std::string_view("\0 ", 2)) == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
