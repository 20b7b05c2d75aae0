#include <fstream>

#include <boost/test/unit_test.hpp>
#include <unistd.h>

#include "core/base/text.h"
#include "core/config/load.h"
#include "tests/core/config/example_schema.h"

using namespace essaim;
using namespace essaim::config;

namespace {

std::string errors_of(const std::string& text) {
  const Result<Values> values = load_text(example_schema(), text, "t.toml");
  return values ? "" : values.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(load)

BOOST_AUTO_TEST_CASE(every_type_is_read_and_the_rest_has_defaults) {
  const Result<Values> values = load_text(example_schema(), R"(
hostname = "mx.example"
networks = ["10.0.0.0/8"]
[delivery]
smarthost = "relay.example.net:2525"
port = 26
lifetime = "1h30m"
tls = false
dns_servers = ["127.0.0.1:5353", "[::1]:53"]
[[listen]]
address = "[::]:25"
[[listen]]
address = "0.0.0.0:0"
role = "submission"
size = 4096
)",
                                          "t.toml");
  BOOST_REQUIRE_MESSAGE(values.ok(), (values ? "" : values.error().message));
  const View root = values->root();
  BOOST_TEST(root.string("hostname") == "mx.example");
  BOOST_TEST(root.from_file("hostname"));
  BOOST_TEST(root.string("state") == "/var/lib/essaim");
  BOOST_TEST(!root.from_file("state"));
  BOOST_TEST((root.strings("networks") == std::vector<std::string>{"10.0.0.0/8"}));
  BOOST_TEST((root.address("delivery.smarthost") == HostPort{"relay.example.net", 2525}));
  BOOST_TEST(root.integer("delivery.port") == 26);
  BOOST_TEST((root.duration("delivery.lifetime") == std::chrono::minutes(90)));
  BOOST_TEST(!root.boolean("delivery.tls"));
  BOOST_TEST(!root.is_set("delivery.password"));
  BOOST_REQUIRE(root.addresses("delivery.dns_servers").size() == 2);
  BOOST_TEST((root.addresses("delivery.dns_servers")[1] == HostPort{"::1", 53}));
  const std::vector<View> listeners = values->elements("listen[]");
  BOOST_REQUIRE(listeners.size() == 2);
  BOOST_TEST((listeners[0].address("address") == HostPort{"::", 25}));
  BOOST_TEST(listeners[0].string("role") == "mx");
  BOOST_TEST(listeners[0].size("size") == 25U * 1024 * 1024);
  BOOST_TEST((listeners[1].address("address") == HostPort{"0.0.0.0", 0}));
  BOOST_TEST(listeners[1].string("role") == "submission");
  BOOST_TEST(listeners[1].size("size") == 4096U);
  BOOST_TEST(values->elements("account[]").empty());
}

// Each row: the line added to a file that is right otherwise, and what the one error says.
BOOST_AUTO_TEST_CASE(a_mistake_is_named_with_its_place_and_the_nearest_name) {
  const struct {
    const char* line;
    const char* error;
  } rows[] = {
      {"hostnam = \"x\"", R"(t.toml:2:1: unknown setting "hostnam"; did you mean "hostname"?)"},
      {"[deliver]", R"(t.toml:2:2: unknown setting "deliver"; did you mean "delivery"?)"},
      {"[delivery]\nsmart_host = \"x\"",
       R"(t.toml:3:1: unknown setting "smart_host" in [delivery]; did you mean "smarthost"?)"},
      {"smarthost = \"x\"", R"(t.toml:2:1: unknown setting "smarthost"; did you mean "delivery.smarthost"?)"},
      {"zzzzzzzzzz = 1", R"(t.toml:2:1: unknown setting "zzzzzzzzzz")"},
      {"[delivery]\nport = \"25\"", R"(t.toml:3:8: "delivery.port" must be an integer, without quotes)"},
      {"[delivery]\nport = 0", R"(t.toml:3:8: "delivery.port": "0" must be between 1 and 65535)"},
      {"[delivery]\nport = -9223372036854775808",
       R"(t.toml:3:8: "delivery.port": "-9223372036854775808" is not an integer)"},
      {"[delivery]\ntls = \"yes\"", R"(t.toml:3:7: "delivery.tls" must be true or false, without quotes)"},
      {"[delivery]\nlifetime = 5",
       R"(t.toml:3:12: "delivery.lifetime" needs a unit; write "90s", "15m", "1h30m" or "5d")"},
      {"[delivery]\nlifetime = \"31d\"",
       R"(t.toml:3:12: "delivery.lifetime": "31d" must be between 1s and 30d)"},
      {"[delivery]\nsmarthost = \"relay\"",
       R"(t.toml:3:13: "delivery.smarthost": "relay" has no port; write it as "127.0.0.1:25" or "[::1]:25")"},
      {"[delivery]\npassword = \"a\\nsecret\"",
       R"(t.toml:3:12: "delivery.password" has a line end or NUL in it)"},
      {"delivery = 1", R"(t.toml:2:1: "delivery" is a table: write [delivery])"},
      {"[listen]\naddress = \"0.0.0.0:25\"", R"(t.toml:2:2: "listen" is a list of tables: write [[listen]])"},
      {"[[listen]]\nrole = \"mx\"",
       R"(t.toml:2:1: missing setting "listen[].address"; for example address = "0.0.0.0:25")"},
      {"[[listen]]\naddress = \"mx.example:25\"",
       R"(t.toml:3:11: "listen[].address": "mx.example:25" is not an IP address and port, as "127.0.0.1:25" or "[::1]:25")"},
      {"[[listen]]\naddress = \"1.2.3.4:25\"\nrole = \"submision\"",
       R"(t.toml:4:8: "listen[].role": "submision" must be one of "mx", "submission"; did you mean "submission"?)"},
      {"[[listen]]\naddress = \"1.2.3.4:25\"\nsize = \"2T\"",
       R"(t.toml:4:8: "listen[].size": "2T" is not a size; write a number of bytes, or "64K", "25M", "1G")"},
      {"state = \"var\"", R"(t.toml:2:9: "state": "var" must be an absolute path)"},
      {"networks = \"10.0.0.1\"", R"(t.toml:2:12: "networks" must be a list: ["...", "..."])"},
      {"networks = [1]", R"(t.toml:2:13: "networks" must be a string in quotes)"},
  };
  for (const auto& row : rows)
    BOOST_TEST(errors_of("hostname = \"mx.example\"\n" + std::string(row.line)) == row.error);
}

BOOST_AUTO_TEST_CASE(all_mistakes_of_a_file_come_at_once) {
  BOOST_TEST(errors_of("a = 1\nbb = 2\n[delivery]\nport = 0\n") ==
             "t.toml: missing setting \"hostname\"; for example hostname = \"mx1.lists.example.org\"\n"
             "t.toml:1:1: unknown setting \"a\"\n"
             "t.toml:2:1: unknown setting \"bb\"\n"
             "t.toml:4:8: \"delivery.port\": \"0\" must be between 1 and 65535");
}

BOOST_AUTO_TEST_CASE(what_is_no_toml_is_refused_with_its_line) {
  for (const char* text : {"hostname = \"x\"\nstate = ", "hostname = \"x\"\n= 1",
                           "hostname = \"x\"\nhostname = \"y\"", "hostname = \"x\"\nstate = \"a\nb\""}) {
    const std::string error = errors_of(text);
    BOOST_TEST(error.starts_with("t.toml:2:"), error);
  }
  BOOST_TEST(!errors_of(std::string("hostname = \"x\0y\"", 16)).empty());
  BOOST_TEST(!errors_of(std::string(100'000, '[')).empty());
  BOOST_TEST(!errors_of("hostname = \"\xff\xfe\"").empty());
}

BOOST_AUTO_TEST_CASE(a_thousand_mistakes_make_a_bounded_message) {
  std::string text = "hostname = \"x\"\n";
  for (int i = 0; i < 1000; ++i) text += "unknown_" + std::to_string(i) + " = 1\n";
  const std::string error = errors_of(text);
  BOOST_TEST(split(error, '\n').size() == 51U);
  BOOST_TEST(error.ends_with("t.toml: and 950 more errors"));
}

BOOST_AUTO_TEST_CASE(files_that_cannot_be_read_are_named) {
  BOOST_TEST(load_file(example_schema(), "/nonexistent/x.toml")
                 .error()
                 .message.starts_with("/nonexistent/x.toml: "));
  BOOST_TEST((load_file(example_schema(), "/nonexistent/x.toml").error().code == ErrorCode::kNotFound));
  BOOST_TEST((load_file(example_schema(), "/").error().code == ErrorCode::kIo));
  const std::string path = "/tmp/essaim_test_config_" + std::to_string(getpid()) + ".toml";
  std::ofstream(path) << "hostname = \"from.file.example\"\n";
  const Result<Values> values = load_file(example_schema(), path);
  unlink(path.c_str());
  BOOST_REQUIRE(values.ok());
  BOOST_TEST(values->root().string("hostname") == "from.file.example");
}

BOOST_AUTO_TEST_SUITE_END()
