// What the log says of certificates whose time ends, has ended, or has not begun.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "smtpd/daemon/certificate_watch.h"

using namespace essaim;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(certificate_watch)

BOOST_AUTO_TEST_CASE(certificates_out_of_their_time_are_told_with_their_file) {
  const ManualClock clock;
  net::EventLoop loop("test");
  std::vector<std::string> lines;
  const log::Capture capture([&](log::Level level, std::string_view line) {
    lines.push_back((level == log::Level::kError ? "error " : "warning ") + std::string(line));
  });
  const auto certificate = [&](const std::string& file, std::chrono::hours begins, std::chrono::hours ends) {
    net::CertificateInfo info;
    info.file = file;
    info.not_before = clock.wall_now() + begins;
    info.not_after = clock.wall_now() + ends;
    return info;
  };
  smtpd::CertificateWatch watch(loop, clock);
  watch.set({certificate("good.pem", -1h, 24h * 60), certificate("soon.pem", -1h, 24h * 5),
             certificate("over.pem", -48h, -24h), certificate("tomorrow.pem", 24h, 24h * 60)});
  BOOST_REQUIRE(lines.size() == 3U);
  const char* expected[][3] = {{"warning ", "certificate-expires ", "soon.pem"},
                               {"error ", "certificate-expired ", "over.pem"},
                               {"error ", "certificate-not-yet-valid ", "tomorrow.pem"}};
  for (std::size_t i = 0; i < lines.size(); ++i)
    for (const char* part : expected[i]) BOOST_TEST(lines[i].find(part) != std::string::npos, lines[i]);
}

BOOST_AUTO_TEST_SUITE_END()
