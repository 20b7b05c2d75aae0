#include <boost/test/unit_test.hpp>

#include "core/config/load.h"
#include "core/config/render.h"
#include "tests/core/config/example_schema.h"

using namespace essaim::config;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(render)

BOOST_AUTO_TEST_CASE(the_sample_loads_and_names_every_setting) {
  const auto schema = example_schema();
  const std::string sample = render_sample(*schema);
  const auto values = load_text(schema, sample, "sample");
  BOOST_REQUIRE_MESSAGE(values.ok(), (values ? "" : values.error().message));
  BOOST_TEST(values->root().string("hostname") == "mx1.lists.example.org");
  BOOST_TEST(!values->root().from_file("delivery.port"));
  BOOST_TEST(values->elements("listen[]").size() == 1U);
  BOOST_TEST(values->elements("account[]").empty());
  for (const Setting& s : schema->settings)
    BOOST_TEST(has(sample, "\n" + key_of(s.name) + " = ") + has(sample, "# " + key_of(s.name) + " = ") > 0,
               s.name);
  BOOST_TEST(has(
      sample, "# Largest message. (size, 1K to 1G; default \"25M\"; needs a restart)\n# size = \"25M\"\n"));
}

BOOST_AUTO_TEST_CASE(the_sample_loads_with_every_comment_of_a_setting_taken_away) {
  const auto schema = example_schema();
  std::string sample = render_sample(*schema);
  for (const Setting& s : schema->settings) {
    const std::size_t at = sample.find("# " + key_of(s.name) + " = ");
    if (at != std::string::npos) sample.erase(at, 2);
  }
  sample.erase(sample.find("# [[account]]"), 2);
  const auto values = load_text(schema, sample, "sample");
  BOOST_REQUIRE_MESSAGE(values.ok(), (values ? "" : values.error().message + "\n" + sample));
  BOOST_TEST(values->root().from_file("delivery.port"));
  BOOST_TEST(values->elements("account[]").size() == 1U);
}

BOOST_AUTO_TEST_CASE(the_manual_has_every_setting_and_no_stray_request) {
  auto schema = *example_schema();
  schema.settings[0].help = ".so /etc/passwd and a \\ backslash";
  const std::string man = render_man(schema);
  BOOST_TEST(man.starts_with(".SH SETTINGS\n.SS Outside tables\n.TP\n.B hostname\n"));
  BOOST_TEST(has(man, "\n\\&.so /etc/passwd and a \\e backslash\n"));
  BOOST_TEST(has(man, ".SS [[listen]]\n"));
  for (const Setting& s : schema.settings) BOOST_TEST(has(man, ".B " + key_of(s.name) + "\n"), s.name);
}

BOOST_AUTO_TEST_CASE(effective_values_mark_defaults_hide_secrets_and_load_again) {
  const auto schema = example_schema();
  const auto values =
      load_text(schema,
                "hostname = \"a \\\"b\\\\\"\nnetworks = []\n[delivery]\npassword = \"tr0ub4dor\"\n"
                "[[listen]]\naddress = \"[::1]:25\"\n",
                "t");
  BOOST_REQUIRE(values.ok());
  const std::string shown = render_effective(*values);
  BOOST_TEST(has(shown, "hostname = \"a \\\"b\\\\\"\n"));
  BOOST_TEST(has(shown, "networks = []\n"));
  BOOST_TEST(has(shown, "state = \"/var/lib/essaim\"  # default\n"));
  BOOST_TEST(has(shown, "lifetime = \"5d\"  # default\n"));
  BOOST_TEST(has(shown, "[[listen]]\naddress = \"[::1]:25\"\nrole = \"mx\"  # default\n"));
  BOOST_TEST(!has(shown, "tr0ub4dor"));
  const auto again = load_text(schema, shown, "shown");
  BOOST_REQUIRE_MESSAGE(again.ok(), (again ? "" : again.error().message));
  BOOST_TEST(again->root().string("hostname") == "a \"b\\");
}

BOOST_AUTO_TEST_CASE(an_optional_number_is_none_until_it_is_set) {
  const auto schema = example_schema();
  const auto values = load_text(schema,
                                "hostname = \"a.example\"\n[[listen]]\naddress = \"[::1]:25\"\n[[listen]]\n"
                                "address = \"[::1]:26\"\nlimit = 7\n",
                                "t");
  BOOST_REQUIRE_MESSAGE(values.ok(), (values ? "" : values.error().message));
  const auto listeners = values->elements("listen[]");
  BOOST_TEST(!listeners[0].is_set("limit"));
  BOOST_TEST(listeners[1].is_set("limit"));
  BOOST_TEST(listeners[1].integer("limit") == 7);
  const std::string shown = render_effective(*values);
  BOOST_TEST(shown.find("limit = 7\n") == shown.rfind("limit = "));
  BOOST_TEST(has(render_man(*schema), "not set by default"));
  BOOST_TEST(
      !load_text(schema, "hostname = \"a.example\"\n[[listen]]\naddress = \"[::1]:25\"\nlimit = 10\n", "t")
           .ok());
}

BOOST_AUTO_TEST_SUITE_END()
