// Which policy holds for which host, when everything is known (delivery/tls/tls_lookup.h).
#include <boost/test/unit_test.hpp>

#include "delivery/tls/tls_lookup.h"

using namespace essaim;
using namespace essaim::delivery;
using Level = HostTls::Level;
using Origin = HostTls::Origin;

namespace {

net::TlsaRecord record(int usage, char filler = 'k') {
  return {static_cast<std::uint8_t>(usage), 1, 1, std::string(32, filler)};
}

DaneResult found(std::vector<net::TlsaRecord> records, const std::string& base = "mx.test") {
  return {DaneResult::Kind::kRecords, base, std::move(records), "", std::chrono::seconds(60)};
}

DaneResult unusable() {
  return {DaneResult::Kind::kUnusable, "", {}, "SERVFAIL", std::chrono::seconds(60)};
}

StsAnswer sts(StsPolicy::Mode mode, std::vector<std::string> hosts) {
  StsAnswer answer;
  answer.policy =
      std::make_shared<StsPolicy>(StsPolicy{mode, std::move(hosts), std::chrono::seconds(86'400)});
  answer.id = "1";
  return answer;
}

TlsQuestion question(TlsSetting setting = TlsSetting::kBest, const std::string& domain = "a.test") {
  TlsQuestion q;
  q.domain = domain;
  q.mx_secure = true;
  q.hosts = {{"mx.test", "", true, 25}};
  q.setting = setting;
  return q;
}

const HostTls& only(const TlsAnswer& answer) {
  return *answer.hosts.at("mx.test");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_lookup)

BOOST_AUTO_TEST_CASE(without_a_policy_tls_is_opportunistic_and_shared) {
  const TlsAnswer answer = decide_tls(question(), {{}}, {});
  BOOST_TEST((only(answer).level == Level::kMay));
  BOOST_TEST((only(answer).check == nullptr));
  BOOST_TEST(answer.key.empty());
  BOOST_TEST(answer.policy_type == "no-policy-found");
}

BOOST_AUTO_TEST_CASE(dane_goes_before_mta_sts) {
  const TlsAnswer answer =
      decide_tls(question(), {found({record(3)})}, sts(StsPolicy::Mode::kEnforce, {"elsewhere.test"}));
  BOOST_TEST((only(answer).origin == Origin::kDane));
  BOOST_TEST((only(answer).level == Level::kVerify));
  BOOST_TEST(only(answer).unusable.empty());
  BOOST_TEST(answer.policy_type == "tlsa");
  BOOST_TEST(answer.policy.find("_25._tcp.mx.test IN TLSA 3 1 1 6b6b") != std::string::npos, answer.policy);
  BOOST_TEST(answer.ttl.count() == 60);
}

BOOST_AUTO_TEST_CASE(dane_that_cannot_be_had_is_not_replaced_by_mta_sts) {
  const TlsAnswer answer = decide_tls(question(), {unusable()}, sts(StsPolicy::Mode::kEnforce, {"mx.test"}));
  BOOST_TEST(only(answer).unusable.find("SERVFAIL") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(records_of_which_none_is_usable_ask_for_encryption_only) {
  const TlsAnswer answer = decide_tls(question(), {found({})}, {});
  BOOST_TEST((only(answer).level == Level::kEncrypt));
  BOOST_TEST((only(answer).check == nullptr));
}

BOOST_AUTO_TEST_CASE(domains_on_the_same_hosts_share_dane_ee_and_not_dane_ta) {
  const auto key = [](const std::string& domain, int usage) {
    return decide_tls(question(TlsSetting::kBest, domain), {found({record(usage)})}, {}).key;
  };
  BOOST_TEST(!key("a.test", 3).empty());
  BOOST_TEST(key("a.test", 3) == key("b.test", 3));
  BOOST_TEST(key("a.test", 2) != key("b.test", 2));
  const TlsAnswer anchored = decide_tls(question(), {found({record(2)}, "end.test")}, {});
  BOOST_TEST((only(anchored).check->names == std::vector<std::string>{"end.test", "mx.test", "a.test"}));
  BOOST_TEST(only(anchored).server_name == "end.test");
}

BOOST_AUTO_TEST_CASE(mta_sts_enforced_wants_a_certificate_of_a_host_that_it_names) {
  const TlsAnswer answer = decide_tls(question(), {{}}, sts(StsPolicy::Mode::kEnforce, {"*.test"}));
  BOOST_TEST((only(answer).origin == Origin::kSts));
  BOOST_TEST((only(answer).level == Level::kVerify));
  BOOST_TEST(only(answer).check->required);
  BOOST_TEST((only(answer).check->names == std::vector<std::string>{"mx.test"}));
  BOOST_TEST(answer.policy_type == "sts");
  const TlsAnswer other = decide_tls(question(), {{}}, sts(StsPolicy::Mode::kEnforce, {"mx.else"}));
  BOOST_TEST(!only(other).unusable.empty());
  BOOST_TEST(answer.key != other.key);
}

BOOST_AUTO_TEST_CASE(mta_sts_in_testing_keeps_no_mail_back) {
  for (const char* host : {"mx.test", "mx.else"}) {
    const TlsAnswer answer = decide_tls(question(), {{}}, sts(StsPolicy::Mode::kTesting, {host}));
    BOOST_TEST((only(answer).level == Level::kMay));
    BOOST_TEST(!only(answer).check->required);
    BOOST_TEST(only(answer).unusable.empty());
    BOOST_TEST(!answer.key.empty());
  }
}

BOOST_AUTO_TEST_CASE(mta_sts_of_mode_none_is_no_policy) {
  const TlsAnswer answer = decide_tls(question(), {{}}, sts(StsPolicy::Mode::kNone, {}));
  BOOST_TEST((only(answer).level == Level::kMay));
  BOOST_TEST(answer.key.empty());
}

BOOST_AUTO_TEST_CASE(each_host_has_its_own_policy) {
  TlsQuestion q = question();
  q.hosts.push_back({"backup.test", "", false, 25});
  const TlsAnswer answer =
      decide_tls(q, {found({record(3)}), {}}, sts(StsPolicy::Mode::kEnforce, {"backup.test"}));
  BOOST_TEST((answer.hosts.at("mx.test")->origin == Origin::kDane));
  BOOST_TEST((answer.hosts.at("backup.test")->origin == Origin::kSts));
}

BOOST_AUTO_TEST_CASE(the_operators_word_goes_before_what_is_published) {
  const auto ask = [](TlsSetting setting, std::vector<std::string> names = {}) {
    TlsQuestion q = question(setting);
    q.names = std::move(names);
    return decide_tls(q, {found({record(3)})}, sts(StsPolicy::Mode::kEnforce, {"mx.else"}));
  };
  BOOST_TEST((only(ask(TlsSetting::kOff)).level == Level::kNever));
  BOOST_TEST((only(ask(TlsSetting::kOpportunistic)).level == Level::kMay));
  BOOST_TEST((only(ask(TlsSetting::kEncrypt)).level == Level::kEncrypt));
  BOOST_TEST((only(ask(TlsSetting::kVerify)).level == Level::kVerify));
  BOOST_TEST((only(ask(TlsSetting::kVerify)).check->names == std::vector<std::string>{"mx.test"}));
  BOOST_TEST((only(ask(TlsSetting::kVerify, {"x.test"})).check->names == std::vector<std::string>{"x.test"}));
  BOOST_TEST((only(ask(TlsSetting::kDane)).origin == Origin::kDane));
  BOOST_TEST(!only(decide_tls(question(TlsSetting::kDane), {{}}, {})).unusable.empty());
}

BOOST_AUTO_TEST_SUITE_END()
