#include <filesystem>
#include <utility>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "smtpd/operate/open_database.h"
#include "smtpd/operate/places_check.h"
#include "smtpd/operate/user.h"
#include "smtpd/settings/settings.h"
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

BOOST_AUTO_TEST_CASE(whoever_may_not_read_the_files_of_the_server_is_told_who_may) {
  if (geteuid() != 0) return;
  const auto nobody = find_user("nobody");
  BOOST_REQUIRE(nobody.ok());
  const test::TempDir dir;
  const std::string config = dir.write("essaim.toml", "hostname = \"x.example\"\n");
  smtpd::Settings settings;
  settings.database_url = "sqlite:" + dir.write("essaim.db", "");
  BOOST_REQUIRE((::chmod(dir.path().c_str(), 0755) == 0 && ::chmod(config.c_str(), 0600) == 0 &&
                 ::chmod(dir.path("essaim.db").c_str(), 0600) == 0));
  BOOST_REQUIRE(seteuid(nobody->uid) == 0);
  const auto loaded = smtpd::load_settings(config);
  const auto database = open_database(settings, "", 1);
  BOOST_REQUIRE(seteuid(0) == 0);
  BOOST_REQUIRE((!loaded.ok() && !database.ok()));
  const std::string advice = ": Permission denied (run as root or as the server's user)";
  BOOST_TEST(loaded.error().message == config + advice);
  BOOST_TEST(database.error().message == dir.path("essaim.db") + advice);
}

BOOST_AUTO_TEST_CASE(what_root_has_left_in_the_places_of_the_server_is_told_before_it_starts) {
  if (geteuid() != 0) return;
  const auto nobody = find_user("nobody");
  BOOST_REQUIRE(nobody.ok());
  const test::TempDir dir;
  const std::string state = dir.path("state"), database = dir.path("state/essaim.db");
  BOOST_REQUIRE((::chmod(dir.path().c_str(), 0755) == 0 && ::mkdir(state.c_str(), 0750) == 0 &&
                 ::mkdir((state + "/journal").c_str(), 0750) == 0));
  for (const char* const file : {"state/essaim.db", "state/essaim.db-wal", "state/journal/1"})
    dir.write(file, "");
  smtpd::Settings settings;
  settings.user = "nobody";
  settings.state = state;
  settings.database_url = "sqlite:" + database;
  // Nobody gets into the directory, so nothing in it can be used.
  BOOST_TEST(check_places(settings).wrong.size() == 6U);
  const auto give = [&](const std::string& path) {
    BOOST_REQUIRE(::chown(path.c_str(), nobody->uid, nobody->gid) == 0);
  };
  for (const std::string& path : {state, state + "/journal", state + "/journal/1", database}) give(path);
  BOOST_REQUIRE(::chmod((database + "-wal").c_str(), 0644) == 0);
  const std::vector<std::string> left = {"\"storage.url\": " + database +
                                         "-wal: user \"nobody\" cannot read and write it: Permission denied: "
                                         "chown nobody: " +
                                         database + "-wal"};
  BOOST_TEST(check_places(settings).wrong == left, boost::test_tools::per_element());
  // Without the setting, as under systemd with User=, it is whose state directory it is.
  settings.user.clear();
  BOOST_TEST(check_places(settings).wrong == left, boost::test_tools::per_element());
  // That user finds the same out. Others cannot, and are told so.
  BOOST_REQUIRE(seteuid(nobody->uid) == 0);
  const PlacesFound by_user = check_places(settings);
  BOOST_REQUIRE((seteuid(0) == 0 && seteuid(nobody->uid - 1) == 0));
  const PlacesFound by_another = check_places(settings);
  BOOST_REQUIRE(seteuid(0) == 0);
  BOOST_TEST(by_user.wrong == left, boost::test_tools::per_element());
  BOOST_TEST(by_user.not_judged.empty());
  BOOST_TEST(by_another.wrong.empty());
  BOOST_TEST(by_another.not_judged.find("run it as root") != std::string::npos, by_another.not_judged);
  give(database + "-wal");
  BOOST_TEST(check_places(settings).wrong.empty());
}

// `essaim storage init` before the first start of the server.
BOOST_AUTO_TEST_CASE(a_folder_of_the_database_in_the_state_directory_is_made_together_with_that) {
  const test::TempDir dir;
  for (const char* const end : {"", "/"}) {
    smtpd::Settings settings;
    settings.state = dir.path("state") + end;
    settings.database_url = "sqlite:" + dir.path("state") + "/db/essaim.db";
    BOOST_TEST(open_database(settings, "", 1).ok());
    BOOST_TEST(::access(dir.path("state/db/essaim.db").c_str(), F_OK) == 0);
    std::filesystem::remove_all(dir.path("state"));
  }
  // But no more than the server makes, for a path may be mistyped.
  smtpd::Settings settings;
  settings.state = dir.path("missing/state");
  settings.database_url = "sqlite:" + settings.state + "/essaim.db";
  auto refused = open_database(settings, "", 1);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message == "\"storage.url\": " + settings.state + ": there is no directory " +
                                            dir.path("missing") + " to make it in");
  settings.database_url = "sqlite:" + settings.state + "/db/essaim.db";
  refused = open_database(settings, "", 1);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message.starts_with("\"state\": "), refused.error().message);
  BOOST_TEST(::access(dir.path("missing").c_str(), F_OK) != 0);
}

BOOST_AUTO_TEST_CASE(root_opens_for_the_user_of_the_server_what_that_user_may) {
  if (geteuid() != 0) return;
  const auto nobody = find_user("nobody");
  BOOST_REQUIRE(nobody.ok());
  const test::TempDir dir;
  const std::string ours = dir.write("ours", "as it was"), theirs = dir.path("theirs");
  BOOST_REQUIRE((::chmod(dir.path().c_str(), 0755) == 0 && ::mkdir(theirs.c_str(), 0755) == 0 &&
                 ::chown(theirs.c_str(), nobody->uid, nobody->gid) == 0));
  BOOST_REQUIRE(::symlink(ours.c_str(), (theirs + "/link").c_str()) == 0);
  BOOST_REQUIRE(::symlink(dir.path("new").c_str(), (theirs + "/no-file").c_str()) == 0);
  for (const char* const name : {"/link", "/no-file"}) {
    const auto refused = open_as(*nobody, theirs + name, O_CREAT, 0640);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST(refused.error().message == theirs + name + ": as user \"nobody\": Permission denied");
  }
  BOOST_TEST(::access(dir.path("new").c_str(), F_OK) != 0);
  const auto made = open_as(*nobody, theirs + "/new", O_CREAT, 0640);
  BOOST_REQUIRE(made.ok());
  struct stat about {};
  BOOST_TEST(::fstat(*made, &about) == 0);
  ::close(*made);
  BOOST_TEST((about.st_uid == nobody->uid && about.st_gid == nobody->gid));
  // And we are still who we were.
  const auto again = open_as({}, ours, 0, 0);
  BOOST_REQUIRE(again.ok());
  ::close(*again);
}

BOOST_AUTO_TEST_CASE(a_secret_that_all_may_read_is_one_of_a_container_or_refused) {
  struct stat status {};
  status.st_mode = S_IFREG | 0444;
  BOOST_TEST(is_secret_of_container("/run/secrets/dkim", status, true));
  BOOST_TEST(is_secret_of_container("/run/secrets/essaim/..data/dkim", status, true));
  BOOST_TEST(!is_secret_of_container("/run/secrets/dkim", status, false));  // on a disk
  for (const char* elsewhere :
       {"/run/secrets", "/run/secrets-of/dkim", "/tmp/run/secrets/dkim", "/dev/shm/dkim"})
    BOOST_TEST(!is_secret_of_container(elsewhere, status, true), elsewhere);
  for (const mode_t mode : {0446U, 0464U, 0445U, 0666U}) {  // others may change it, or run it
    status.st_mode = S_IFREG | mode;
    BOOST_TEST(!is_secret_of_container("/run/secrets/dkim", status, true), mode);
  }
  status.st_mode = S_IFREG | 0644;
  BOOST_TEST(is_secret_of_container("/run/secrets/dkim", status, true));
  status.st_uid = 1000;
  BOOST_TEST(!is_secret_of_container("/run/secrets/dkim", status, true));
  // A file anywhere else is judged by its mode alone, also in memory.
  const test::TempDir dir;
  const std::string file = dir.write("secret", "words\n");
  for (const auto& [mode, closed] :
       {std::pair{0640U, true}, std::pair{0644U, false}, std::pair{0444U, false}, std::pair{0602U, false}}) {
    BOOST_REQUIRE(::chmod(file.c_str(), mode) == 0);
    BOOST_TEST(require_private(file, "").ok() == closed, mode);
  }
  BOOST_TEST(require_private(dir.path("none"), "").ok());
}

BOOST_AUTO_TEST_SUITE_END()
