#include <boost/test/unit_test.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/daemon/state_directory.h"
#include "smtpd/operate/user.h"
#include "tests/support/temp_dir.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

Settings settings(const std::string& state, const std::string& file) {
  Settings out;
  out.state = state;
  out.database_url = "sqlite:" + file;
  return out;
}

void link_to(const std::string& target, const std::string& link) {
  BOOST_REQUIRE(::symlink(target.c_str(), link.c_str()) == 0);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(state_directory)

BOOST_AUTO_TEST_CASE(a_database_is_locked_under_whatever_name) {
  for (const bool is_made : {false, true}) {
    const test::TempDir dir;
    BOOST_REQUIRE(::mkdir(dir.path("data").c_str(), 0755) == 0);
    if (is_made) dir.write("data/real.db", "");
    link_to(dir.path("data/real.db"), dir.path("absolute.db"));
    link_to("data/real.db", dir.path("relative.db"));
    link_to("relative.db", dir.path("link-to-a-link.db"));
    link_to("data", dir.path("volume"));
    const auto first = StateDirectory::open(settings(dir.path("first"), dir.path("data/real.db")));
    BOOST_REQUIRE(first.ok());
    for (const char* const name : {"absolute.db", "relative.db", "link-to-a-link.db", "volume/real.db"}) {
      const auto second = StateDirectory::open(settings(dir.path("second"), dir.path(name)));
      BOOST_REQUIRE_MESSAGE(!second.ok(), name);
      BOOST_TEST(second.error().message.starts_with(dir.path(name) + ": another server"),
                 second.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_link_in_the_place_of_a_lock_leads_root_nowhere) {
  if (geteuid() != 0) return;
  for (const char* const place : {"state/lock", "data/essaim.db-lock"}) {
    const test::TempDir dir;
    BOOST_REQUIRE(::chmod(dir.path().c_str(), 0755) == 0);
    Settings of_nobody = settings(dir.path("state"), dir.path("data/essaim.db"));
    of_nobody.user = "nobody";
    BOOST_REQUIRE(StateDirectory::open(of_nobody).ok());
    const std::string secret = dir.write("secret", "as it was");
    BOOST_REQUIRE(::unlink(dir.path(place).c_str()) == 0);
    link_to(secret, dir.path(place));
    BOOST_TEST(!StateDirectory::open(of_nobody).ok());
    struct stat about {};
    BOOST_TEST(::stat(secret.c_str(), &about) == 0);
    BOOST_TEST(about.st_uid == 0U);
    BOOST_TEST(about.st_size == 9);
  }
}

BOOST_AUTO_TEST_SUITE_END()
