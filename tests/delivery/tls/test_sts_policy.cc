// The texts of MTA-STS (RFC 8461 §3): records, policies, names.
#include <boost/test/unit_test.hpp>

#include "delivery/tls/sts_policy.h"

using namespace essaim;
using namespace essaim::delivery;
using Mode = StsPolicy::Mode;

BOOST_AUTO_TEST_SUITE(sts_policy)

BOOST_AUTO_TEST_CASE(one_record_announces_an_id) {
  struct Row {
    std::vector<std::string> texts;
    const char* id;  // null: none; "": wrong
  };
  for (const Row& row : std::vector<Row>{{{"v=STSv1; id=20160831085700Z;"}, "20160831085700Z"},
                                         {{"v=STSv1;id=1"}, "1"},
                                         {{"v=STSv1 ; id=a; extra=ignored"}, "a"},
                                         {{"v=spf1 -all", "v=STSv1; id=x1"}, "x1"},
                                         {{}, nullptr},
                                         {{"v=STSv10; id=1"}, nullptr},
                                         {{"V=STSv1; id=1"}, nullptr},
                                         {{"v=STSv1; id=1", "v=STSv1; id=2"}, nullptr},
                                         {{"v=STSv1"}, ""},
                                         {{"v=STSv1; id=;"}, ""},
                                         {{"v=STSv1; id=a-b"}, ""},
                                         {{"v=STSv1; id=1; id=2"}, ""},
                                         {{"v=STSv1; id=123456789012345678901234567890123"}, ""}}) {
    const auto id = announced_id(row.texts);
    if (row.id == nullptr) {
      BOOST_REQUIRE(!id.ok());
      BOOST_TEST((id.error().code == ErrorCode::kNotFound));
    } else if (*row.id == '\0') {
      BOOST_REQUIRE(!id.ok());
      BOOST_TEST((id.error().code == ErrorCode::kInvalid));
    } else {
      BOOST_REQUIRE(id.ok());
      BOOST_TEST(*id == row.id);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_policy_is_read_with_either_line_end) {
  for (const char* text :
       {"version: STSv1\r\nmode: enforce\r\nmx: Mail.Example.com\r\nmx: *.example.net\r\nmax_age: 604800\r\n",
        "max_age:604800\nmx:mail.example.com.\n\nmx: *.example.net\nmode:enforce\nversion:STSv1"}) {
    const auto policy = parse_sts_policy(text);
    BOOST_REQUIRE_MESSAGE(policy.ok(), text);
    BOOST_TEST((policy->mode == Mode::kEnforce));
    BOOST_TEST(policy->max_age.count() == 604800);
    BOOST_REQUIRE(policy->hosts.size() == 2U);
    BOOST_TEST(policy->hosts[0] == "mail.example.com");
    BOOST_TEST(policy->hosts[1] == "*.example.net");
    BOOST_TEST((parse_sts_policy(to_text(*policy)).value() == *policy));
  }
}

BOOST_AUTO_TEST_CASE(of_keys_that_stand_once_the_first_counts_and_unknown_ones_are_skipped) {
  const auto policy = parse_sts_policy(
      "version: STSv1\nmode: testing\nmode: enforce\nnew: thing: with colon\nmx: a.example\nmax_age: "
      "10\nmax_age: 20\n");
  BOOST_REQUIRE(policy.ok());
  BOOST_TEST((policy->mode == Mode::kTesting));
  BOOST_TEST(policy->max_age.count() == 10);
}

BOOST_AUTO_TEST_CASE(a_policy_of_mode_none_names_no_host_and_the_longest_time_is_a_year) {
  const auto policy = parse_sts_policy("version: STSv1\nmode: none\nmax_age: 9999999999\n");
  BOOST_REQUIRE(policy.ok());
  BOOST_TEST((policy->mode == Mode::kNone));
  BOOST_TEST(policy->max_age.count() == 31'557'600);
}

BOOST_AUTO_TEST_CASE(what_is_wrong_with_a_policy_is_said) {
  struct Row {
    const char* text;
    const char* says;
  };
  for (const Row& row : {Row{"", "version"},
                         {"mode: enforce\nmx: a.example\nmax_age: 1\n", "version"},
                         {"version: STSv2\nmode: enforce\nmx: a.example\nmax_age: 1\n", "STSv1"},
                         {"version: STSv1\nmx: a.example\nmax_age: 1\n", "mode"},
                         {"version: STSv1\nmode: strict\nmx: a.example\nmax_age: 1\n", "mode"},
                         {"version: STSv1\nmode: enforce\nmx: a.example\n", "max_age"},
                         {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: -1\n", "max_age"},
                         {"version: STSv1\nmode: enforce\nmx: a.example\nmax_age: 99999999999\n", "max_age"},
                         {"version: STSv1\nmode: enforce\nmax_age: 1\n", "mx"},
                         {"version: STSv1\nmode: enforce\nmx: *\nmax_age: 1\n", "mx"},
                         {"version: STSv1\nmode: enforce\nmx: a.*.example\nmax_age: 1\n", "mx"},
                         {"version: STSv1\nmode: enforce\nmx: a b\nmax_age: 1\n", "mx"},
                         {"<html>not found</html>", "colon"}}) {
    const auto policy = parse_sts_policy(row.text);
    BOOST_REQUIRE_MESSAGE(!policy.ok(), row.text);
    BOOST_TEST(policy.error().message.find(row.says) != std::string::npos, policy.error().message);
  }
  std::string many = "version: STSv1\nmode: enforce\nmax_age: 1\n";
  for (int i = 0; i < 101; ++i) many += "mx: a" + std::to_string(i) + ".example\n";
  BOOST_TEST(!parse_sts_policy(many).ok());
}

BOOST_AUTO_TEST_CASE(a_wildcard_stands_for_one_label_and_names_are_compared_as_a_labels) {
  const StsPolicy policy = parse_sts_policy(
                               "version: STSv1\nmode: enforce\nmx: mx.example.org\nmx: *.b\xC3\xBC"
                               "cher.example\nmax_age: 1\n")
                               .value();
  BOOST_TEST(names_host(policy, "MX.example.org"));
  BOOST_TEST(names_host(policy, "a.xn--bcher-kva.example"));
  BOOST_TEST(names_host(policy,
                        "a.b\xC3\xBC"
                        "cher.example"));
  BOOST_TEST(!names_host(policy, "a.b.xn--bcher-kva.example"));
  BOOST_TEST(!names_host(policy, "xn--bcher-kva.example"));
  BOOST_TEST(!names_host(policy, "mx.example.org.evil.example"));
}

BOOST_AUTO_TEST_CASE(a_policy_is_text_whatever_parameters_its_type_has) {
  BOOST_TEST(is_policy_type("text/plain"));
  BOOST_TEST(is_policy_type("Text/Plain; charset=utf-8"));
  BOOST_TEST(!is_policy_type("text/html"));
  BOOST_TEST(!is_policy_type(""));
  BOOST_TEST(sts_url("example.org") == "https://mta-sts.example.org/.well-known/mta-sts.txt");
}

BOOST_AUTO_TEST_SUITE_END()
