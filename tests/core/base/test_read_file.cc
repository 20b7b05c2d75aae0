#include <cerrno>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <unistd.h>

#include "core/base/read_file.h"
#include "tests/support/temp_dir.h"

using namespace essaim;

BOOST_AUTO_TEST_SUITE(reading_files)

BOOST_AUTO_TEST_CASE(a_file_is_read_whole_with_every_octet) {
  const test::TempDir directory;
  std::string text(200'000, 'x');
  text[100'000] = '\0';
  text[150'000] = '\n';
  BOOST_TEST((read_file(directory.write("text", text)).value() == text));
  BOOST_TEST(read_file(directory.write("empty", "")).value().empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_is_no_empty_text) {
  const test::TempDir directory;
  for (const std::string& path : {std::string("/"), directory.path("absent")}) {
    const auto read = read_file(path);
    BOOST_REQUIRE(!read.ok());
    BOOST_TEST((read.error().code == ErrorCode::kIo));
    BOOST_TEST(read.error().message.starts_with(path + ": "), read.error().message);
  }
}

// `essaim member add LIST --file - < /some/directory`.
BOOST_AUTO_TEST_CASE(nor_is_a_standard_input_that_cannot_be_read) {
  const int kept = ::dup(STDIN_FILENO);
  const int directory = ::open("/", O_RDONLY | O_CLOEXEC);
  BOOST_REQUIRE(::dup2(directory, STDIN_FILENO) == STDIN_FILENO);
  BOOST_TEST(!read_standard_input().ok());
  if (kept >= 0) ::dup2(kept, STDIN_FILENO);
  ::close(kept);
  ::close(directory);
}

BOOST_AUTO_TEST_CASE(a_quota_that_is_used_up_is_a_full_disk) {
  for (const int full : {ENOSPC, EDQUOT, EFBIG})
    BOOST_TEST((io_error("a", full).code == ErrorCode::kExhausted), full);
  const Error other = io_error("a: open", ENOENT);
  BOOST_TEST((other.code == ErrorCode::kIo));
  BOOST_TEST(other.message == "a: open: No such file or directory");
}

BOOST_AUTO_TEST_SUITE_END()
