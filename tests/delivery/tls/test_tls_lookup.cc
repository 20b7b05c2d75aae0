// Which policy holds for which host, when everything is known (delivery/tls/tls_lookup.h).
#include <boost/test/unit_test.hpp>

#include "delivery/tls/tls_lookup.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/run_until.h"

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

BOOST_AUTO_TEST_CASE(mta_sts_that_was_not_waited_for_is_looked_up_again_soon) {
  StsAnswer answer = sts(StsPolicy::Mode::kEnforce, {"mx.test"});
  BOOST_TEST(decide_tls(question(), {{}}, answer).ttl.count() == 3600);
  answer.provisional = true;
  BOOST_TEST(decide_tls(question(), {{}}, answer).ttl.count() == 60);
  BOOST_TEST((only(decide_tls(question(), {{}}, answer)).origin == Origin::kSts));
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

BOOST_AUTO_TEST_CASE(tlsa_records_are_asked_for_where_the_mx_records_are_secure_and_something_wants_them) {
  const struct {
    TlsSetting setting;
    TlsDemand demand;
    bool by_mx, mx_secure, asked;
  } rows[] = {
      {TlsSetting::kBest, TlsDemand::kNone, true, true, true},
      {TlsSetting::kBest, TlsDemand::kNone, true, false,
       false},  // whatever the addresses are: the host is anybody's word
      {TlsSetting::kBest, TlsDemand::kNone, false, false, true},  // the operator's word
      {TlsSetting::kDane, TlsDemand::kNone, true, true, true},
      {TlsSetting::kDane, TlsDemand::kNone, true, false, false},
      {TlsSetting::kOpportunistic, TlsDemand::kNone, true, true, false},
      {TlsSetting::kVerify, TlsDemand::kNone, true, true, false},
      {TlsSetting::kOff, TlsDemand::kNone, true, true, false},
      {TlsSetting::kOpportunistic, TlsDemand::kRequired, true, true, true},
      {TlsSetting::kEncrypt, TlsDemand::kReport, true, true, true},
      {TlsSetting::kBest, TlsDemand::kOptional, true, true, false},
  };
  for (const auto& row : rows) {
    net::EventLoop loop("test");
    test::FakeResolver resolver(loop);
    resolver.set_tlsa("_25._tcp.mx.test", {}, true);
    TlsQuestion q = question(row.setting);
    q.demand = row.demand;
    q.by_mx = row.by_mx;
    q.mx_secure = row.mx_secure;
    bool answered = false;
    const TlsLookup lookup(loop, resolver, nullptr, q, [&](const TlsAnswer&) { answered = true; });
    BOOST_REQUIRE(test::run_until(loop, [&] { return answered; }));
    BOOST_TEST(!resolver.questions().empty() == row.asked,
               to_string(row.setting) << " " << static_cast<int>(row.demand) << " " << row.mx_secure);
  }
}

// ---- RFC 8689 ----

BOOST_AUTO_TEST_CASE(requiretls_wants_somebody_to_vouch_for_the_host_and_a_certificate_for_its_name) {
  using Setting = TlsSetting;
  using Mode = StsPolicy::Mode;
  const auto none = StsAnswer{};
  const auto good = sts(Mode::kEnforce, {"mx.test"}), other = sts(Mode::kEnforce, {"mx.else"});
  StsAnswer silent;
  silent.trouble = "its host does not answer";
  enum class Is { kPkix, kDane, kOut, kOutForGood };
  const struct {
    const char* what;
    Setting setting;
    bool by_mx, mx_secure;
    DaneResult dane;
    StsAnswer sts;
    Is is;
  } rows[] = {
      {"nothing is signed or published", Setting::kBest, true, false, {}, none, Is::kOutForGood},
      {"signed MX records", Setting::kBest, true, true, {}, none, Is::kPkix},
      {"DANE", Setting::kBest, true, true, found({record(3)}), none, Is::kDane},
      {"DANE without a usable record", Setting::kBest, true, true, found({}), none, Is::kPkix},
      {"DANE that cannot be looked up", Setting::kBest, true, true, unusable(), none, Is::kOut},
      {"MTA-STS", Setting::kBest, true, false, {}, good, Is::kPkix},
      {"MTA-STS in testing", Setting::kBest, true, false, {}, sts(Mode::kTesting, {"mx.test"}), Is::kPkix},
      {"MTA-STS for another host", Setting::kBest, true, false, {}, other, Is::kOut},
      {"in testing, for another host",
       Setting::kBest,
       true,
       false,
       {},
       sts(Mode::kTesting, {"mx.else"}),
       Is::kOutForGood},
      {"MTA-STS withdrawn", Setting::kBest, true, false, {}, sts(Mode::kNone, {}), Is::kOutForGood},
      {"MTA-STS that cannot be had", Setting::kBest, true, false, {}, silent, Is::kOut},
      {"a host that the operator names", Setting::kBest, false, false, {}, none, Is::kPkix},
      {"what the operator lowers is raised", Setting::kOpportunistic, true, false, {}, good, Is::kPkix},
      {"likewise", Setting::kEncrypt, true, true, found({record(3)}), none, Is::kDane},
      {"the operator forbids TLS", Setting::kOff, true, true, {}, none, Is::kOutForGood},
      {"the operator asks for verification", Setting::kVerify, true, false, {}, none, Is::kOutForGood},
      {"likewise, signed", Setting::kVerify, true, true, {}, none, Is::kPkix},
      {"the operator asks for DANE", Setting::kDane, true, true, found({record(3)}), none, Is::kDane},
      {"likewise, there is none", Setting::kDane, true, true, {}, none, Is::kOut},
  };
  for (const TlsDemand demand : {TlsDemand::kRequired, TlsDemand::kReport})
    for (const auto& row : rows) {
      TlsQuestion q = question(row.setting);
      q.by_mx = row.by_mx;
      q.mx_secure = row.mx_secure;
      q.demand = demand;
      const TlsAnswer answer = decide_tls(q, {row.dane}, row.sts);
      const HostTls& tls = only(answer);
      BOOST_TEST_CONTEXT(row.what << ": " << describe(tls)) {
        BOOST_TEST((tls.require_tls ==
                    (demand == TlsDemand::kReport ? RequireTls::kWhereOffered : RequireTls::kAlways)));
        BOOST_TEST(tls.unusable.empty() == (row.is == Is::kPkix || row.is == Is::kDane));
        BOOST_TEST(tls.unusable_for_good == (row.is == Is::kOutForGood));
        BOOST_TEST(answer.key != decide_tls(question(row.setting), {row.dane}, row.sts).key);
        if (!tls.unusable.empty()) continue;
        BOOST_TEST((tls.level == Level::kVerify));
        BOOST_REQUIRE(tls.check != nullptr);
        BOOST_TEST(tls.check->required);
        BOOST_TEST((tls.check->kind ==
                    (row.is == Is::kDane ? net::TlsPeerCheck::Kind::kDane : net::TlsPeerCheck::Kind::kPkix)));
        if (row.is == Is::kPkix) BOOST_TEST((tls.check->names == std::vector<std::string>{"mx.test"}));
      }
    }
}

BOOST_AUTO_TEST_CASE(requiretls_rules_this_server_itself_not_out) {
  for (const TlsDemand demand : {TlsDemand::kRequired, TlsDemand::kReport}) {
    TlsQuestion q = question(TlsSetting::kOff);
    q.own = true;
    q.by_mx = false;
    q.demand = demand;
    const TlsAnswer answer = decide_tls(q, {}, {});
    BOOST_TEST(only(answer).unusable == "");
    BOOST_TEST((only(answer).level == Level::kNever));
    BOOST_TEST((only(answer).require_tls ==
                (demand == TlsDemand::kReport ? RequireTls::kWhereOffered : RequireTls::kAlways)));
    q.demand = TlsDemand::kNone;
    BOOST_TEST(answer.key != decide_tls(q, {}, {}).key);
  }
}

BOOST_AUTO_TEST_CASE(requiretls_by_an_address_needs_a_name_of_the_operator) {
  TlsQuestion q = question(TlsSetting::kBest);
  q.by_mx = false;
  q.hosts = {{"[192.0.2.1]", "", false, 25}};
  q.demand = TlsDemand::kRequired;
  BOOST_TEST(decide_tls(q, {}, {}).hosts.at("[192.0.2.1]")->unusable_for_good);
  q.setting = TlsSetting::kVerify;
  q.names = {"relay.test"};
  const auto named = decide_tls(q, {}, {}).hosts.at("[192.0.2.1]");
  BOOST_TEST(named->unusable.empty());
  BOOST_TEST((named->check->names == q.names));
}

BOOST_AUTO_TEST_CASE(tls_required_no_sets_aside_what_domains_publish_and_not_what_the_operator_says) {
  TlsQuestion q = question();
  q.demand = TlsDemand::kOptional;
  for (const auto& dane : {found({record(3)}), found({}), unusable(), DaneResult{}})
    for (const auto& policy : {sts(StsPolicy::Mode::kEnforce, {"mx.else"}), StsAnswer{}}) {
      const TlsAnswer answer = decide_tls(q, {dane}, policy);
      BOOST_TEST((only(answer).level == Level::kMay));
      BOOST_TEST(only(answer).unusable.empty());
      BOOST_TEST((only(answer).check == nullptr));
    }
  q.setting = TlsSetting::kVerify;
  BOOST_TEST((only(decide_tls(q, {{}}, {})).level == Level::kVerify));
  q.setting = TlsSetting::kDane;
  BOOST_TEST((only(decide_tls(q, {found({record(3)})}, {})).level == Level::kVerify));
}

BOOST_AUTO_TEST_SUITE_END()
