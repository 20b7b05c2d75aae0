#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/operate/user.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::smtpd::operate;

BOOST_AUTO_TEST_SUITE(user)

BOOST_AUTO_TEST_CASE(root_learns_what_the_user_of_the_server_cannot_read) {
  if (geteuid() != 0) return;
  const auto nobody = find_user("nobody");
  BOOST_REQUIRE(nobody.ok());
  const test::TempDir dir;
  const std::string file = dir.write("tls.pem", "a key\n");
  BOOST_REQUIRE((::chmod(dir.path("").c_str(), 0755) == 0 && ::chmod(file.c_str(), 0600) == 0));
  const auto refused = require_readable(file, *nobody);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message == file + ": user \"nobody\" cannot read it: Permission denied");
  // As its group may; and we are still who we were.
  BOOST_REQUIRE((::chown(file.c_str(), 0, nobody->gid) == 0 && ::chmod(file.c_str(), 0640) == 0));
  BOOST_TEST(require_readable(file, *nobody).ok());
  BOOST_TEST(geteuid() == 0);
  BOOST_REQUIRE(::chmod(dir.path("").c_str(), 0700) == 0);
  BOOST_TEST(!require_readable(file, *nobody).ok());
}

BOOST_AUTO_TEST_SUITE_END()
