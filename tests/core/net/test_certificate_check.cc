// What is told of a certificate file before clients find out. The files as an operator meets them: tests/scenarios/test_tls_in.py.
#include <boost/test/unit_test.hpp>

#include "core/net/certificate_check.h"
#include "tests/support/authority.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::net;

BOOST_AUTO_TEST_SUITE(certificate_check)

BOOST_AUTO_TEST_CASE(the_time_of_a_certificate_is_judged_at_both_ends) {
  constexpr long kDay = 86'400;
  const struct {
    long begins, ends;
    const char* says;  // "": nothing
    bool fatal;
  } rows[] = {
      {-60, 60 * kDay, "", false},
      {-60, 5 * kDay + 600, "expires on ", false},
      {-2 * kDay, -kDay, "expired on ", true},
      {kDay, 60 * kDay, "is not valid before ", true},  // or our clock is behind
  };
  const test::Authority authority;
  const test::TempDir folder;
  const std::string authorities = folder.write("authority.pem", authority.pem());
  for (const auto& row : rows) {
    const std::string file =
        folder.write("server.pem", authority.issue({{"mx.test"}, {}, row.begins, row.ends}).pem);
    const CertificateReport report =
        check_certificate(file, "mx.test", authorities, system_clock().wall_now());
    BOOST_TEST_CONTEXT(row.begins << " to " << row.ends) {
      BOOST_REQUIRE(report.findings.size() == (*row.says == '\0' ? 0U : 1U));
      if (report.findings.empty()) continue;
      BOOST_TEST(report.findings[0].what.starts_with(row.says), report.findings[0].what);
      BOOST_TEST(report.findings[0].fatal == row.fatal);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
