#include <boost/test/unit_test.hpp>

#include "core/mailauth/dmarc.h"
#include "tests/core/mailauth/zone.h"

using namespace essaim;
using namespace essaim::mailauth;

namespace {

DmarcResult dmarc(Zone& zone, const std::string& domain, const Authenticated& authenticated = {}) {
  return zone.resolve([&](Answers& answers) { return evaluate_dmarc(domain, authenticated, answers); });
}

std::string organization(Zone& zone, const std::string& domain) {
  return zone.resolve([&](Answers& answers) { return organizational_domain(domain, answers); }).value_or("?");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dmarc_check)

BOOST_AUTO_TEST_CASE(records_are_read_leniently_where_the_rfc_is) {
  const auto record = parse_dmarc_record(
      "v=DMARC1 ; P = Reject; sp=quarantine; np=none; adkim=s; aspf=r; t=y; psd=n; pct=5; x");
  BOOST_REQUIRE(record.has_value());
  BOOST_TEST((record->policy == DmarcPolicy::kReject));
  BOOST_TEST((record->subdomain == DmarcPolicy::kQuarantine));
  BOOST_TEST((record->not_existing == DmarcPolicy::kNone));
  BOOST_TEST((record->strict_dkim && !record->strict_spf && record->testing));
  BOOST_TEST((record->suffix == DmarcRecord::Suffix::kNo));
  BOOST_TEST((parse_dmarc_record("v=DMARC1")->policy == DmarcPolicy::kNone));
  BOOST_TEST((parse_dmarc_record("v=DMARC1; p=what")->policy == DmarcPolicy::kNone));
  for (const char* text :
       {"", "p=reject; v=DMARC1", "v=DMARC2; p=reject", "v=dmarc1; p=reject", "v=spf1 -all"})
    BOOST_TEST(!parse_dmarc_record(text).has_value());
}

// RFC 9989 §4.10.
BOOST_AUTO_TEST_CASE(the_walk_finds_the_organisation) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject").text("_dmarc.mail.example.com", "v=DMARC1; p=none");
  zone.text("_dmarc.own.example.com", "v=DMARC1; p=none; psd=n")
      .text("_dmarc.bank", "v=DMARC1; p=reject; psd=y");
  BOOST_TEST(organization(zone, "example.com") == "example.com");
  BOOST_TEST(organization(zone, "a.mail.example.com") == "example.com");
  BOOST_TEST(organization(zone, "x.own.example.com") == "own.example.com");
  BOOST_TEST(organization(zone, "www.giant.bank") == "giant.bank");
  BOOST_TEST(organization(zone, "bank") == "bank");
  BOOST_TEST(organization(zone, "nothing.example.net") == "nothing.example.net");
}

BOOST_AUTO_TEST_CASE(the_walk_asks_eight_times_at_most) {
  Zone zone;
  BOOST_TEST(organization(zone, "a.b.c.d.e.f.g.h.i.j.mail.example.com") ==
             "a.b.c.d.e.f.g.h.i.j.mail.example.com");
  BOOST_TEST(zone.asked.size() == 8u);
  BOOST_TEST(zone.asked[1].name == "_dmarc.g.h.i.j.mail.example.com");
  BOOST_TEST(zone.asked.back().name == "_dmarc.com");
}

BOOST_AUTO_TEST_CASE(the_policy_is_of_the_author_the_organisation_or_the_suffix) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject; sp=quarantine; np=none")
      .text("_dmarc.own.example.com", "v=DMARC1; p=none");
  zone.ipv4("there.example.com", "192.0.2.1").text("_dmarc.bank", "v=DMARC1; p=none; sp=reject; psd=y");
  const struct {
    const char* domain;
    const char* from;
    const char* policy;
  } rows[] = {
      {"example.com", "example.com", "reject"},
      {"own.example.com", "own.example.com", "none"},
      {"there.example.com", "example.com", "quarantine"},  // sp
      {"missing.example.com", "example.com", "none"},      // np
      {"giant.bank", "bank", "reject"},                    // of the suffix
      {"example.net", "", "none"},
  };
  for (const auto& row : rows) {
    const auto result = dmarc(zone, row.domain);
    BOOST_TEST_INFO(row.domain);
    BOOST_TEST(result.policy_domain == row.from);
    BOOST_TEST(to_string(result.policy) == row.policy);
    BOOST_TEST(to_string(result.status) == (*row.from == '\0' ? "none" : "fail"));
  }
}

BOOST_AUTO_TEST_CASE(alignment_is_relaxed_or_strict) {
  Zone relaxed, strict;
  relaxed.text("_dmarc.example.com", "v=DMARC1; p=reject");
  strict.text("_dmarc.example.com", "v=DMARC1; p=reject; adkim=s; aspf=s");
  const struct {
    Authenticated what;
    const char* with_relaxed;
    const char* with_strict;
  } rows[] = {
      {{{"example.com"}, ""}, "pass", "pass"},
      {{{"mail.example.com"}, ""}, "pass", "fail"},
      {{{"example.net", "mail.example.com"}, ""}, "pass", "fail"},
      {{{"example.net"}, "example.org"}, "fail", "fail"},
      {{{"badexample.com"}, ""}, "fail", "fail"},
      {{{"com"}, ""}, "fail", "fail"},
      {{{}, "example.com"}, "pass", "pass"},
      {{{}, "bounce.example.com"}, "pass", "fail"},
  };
  for (const auto& row : rows) {
    BOOST_TEST(to_string(dmarc(relaxed, "example.com", row.what).status) == row.with_relaxed);
    BOOST_TEST(to_string(dmarc(strict, "example.com", row.what).status) == row.with_strict);
  }
  BOOST_TEST(dmarc(relaxed, "example.com", {{"mail.example.com"}, ""}).aligned_by == "dkim mail.example.com");
}

BOOST_AUTO_TEST_CASE(a_domain_of_its_own_below_does_not_align) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject")
      .text("_dmarc.tenant.example.com", "v=DMARC1; p=none; psd=n");
  BOOST_TEST(to_string(dmarc(zone, "example.com", {{"tenant.example.com"}, ""}).status) == "fail");
}

BOOST_AUTO_TEST_CASE(a_domain_that_tests_is_taken_one_step_down) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject; t=y")
      .text("_dmarc.example.net", "v=DMARC1; p=quarantine; t=y");
  BOOST_TEST(to_string(dmarc(zone, "example.com").policy) == "quarantine");
  BOOST_TEST(to_string(dmarc(zone, "example.com").published) == "reject");
  BOOST_TEST(to_string(dmarc(zone, "example.net").policy) == "none");
}

BOOST_AUTO_TEST_CASE(several_records_are_as_none) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject").text("_dmarc.example.com", "v=DMARC1; p=none");
  BOOST_TEST(to_string(dmarc(zone, "example.com").status) == "none");
}

// Then what is asked for below p or sp is not known either.
BOOST_AUTO_TEST_CASE(whether_a_name_exists_may_stay_unknown) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=none; np=reject");
  zone.broken = {"silent.example.com"};
  const auto result = dmarc(zone, "silent.example.com");
  BOOST_TEST(to_string(result.status) == "temperror");
  BOOST_TEST(result.policy_domain == "");
}

BOOST_AUTO_TEST_CASE(trouble_of_name_servers_is_temporary) {
  Zone zone;
  zone.text("_dmarc.example.com", "v=DMARC1; p=reject");
  zone.broken = {"_dmarc.example.com"};
  BOOST_TEST(to_string(dmarc(zone, "example.com").status) == "temperror");
  BOOST_TEST(to_string(dmarc(zone, "example.com", {{"example.com"}, ""}).status) == "temperror");
  // The very domain aligns under any policy; what is below it may not.
  const struct {
    Authenticated authenticated;
    const char* aligned_by;
  } rows[] = {
      {{{"a.example.com", "example.com"}, "example.com"}, "dkim example.com"},
      {{{"a.example.com"}, "example.com"}, "spf example.com"},
      {{{"a.example.com"}, "a.example.com"}, ""},
      {{{"com"}, "example.org"}, ""},
      {{}, ""},
  };
  for (const auto& row : rows) {
    const auto result = dmarc(zone, "example.com", row.authenticated);
    BOOST_TEST(result.aligned_by == row.aligned_by);
    BOOST_TEST(result.aligned_dkim.size() == (result.aligned_by.starts_with("dkim") ? 1U : 0U));
    BOOST_TEST(result.may_disown() == result.aligned_by.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
