// What DNS says of us, judged as others do: a healthy site, and one fault at a time.
#include <algorithm>
#include <functional>
#include <map>

#include <boost/test/unit_test.hpp>

#include "core/mailauth/key_record.h"
#include "core/mailauth/keys.h"
#include "smtpd/operate/dkim_keys.h"
#include "smtpd/operate/doctor/doctor.h"
#include "smtpd/operate/doctor/examine.h"
#include "storage/directory_store.h"
#include "storage/dkim_store.h"
#include "storage/node_store.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/must.h"
#include "tests/support/temp_database.h"

namespace essaim::test {
namespace {

using mailauth::Answer;
using mailauth::Answers;
using mailauth::Question;
using mailauth::RecordType;
using smtpd::operate::DomainSubject;
using smtpd::operate::Finding;
using smtpd::operate::Health;
using smtpd::operate::NodeSubject;

constexpr const char* kReversed = "1.2.0.192.bl.test";

// A site that others find and believe, as records of DNS.
struct Site {
  std::map<Question, Answer> records;
  NodeSubject node{"mx1.test", {"192.0.2.1"}, {"bl.test"}};
  DomainSubject domain;

  Site() {
    domain.name = "lists.test";
    domain.hostname = "mx1.test";
    domain.senders = {"192.0.2.1"};
    domain.receivers = {"192.0.2.1"};
    domain.base_url = "https://www.lists.test";
    domain.lists = 3;
    const auto key = mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256);
    domain.keys.push_back({.domain = "lists.test",
                           .selector = "e1",
                           .algorithm = "ed25519-sha256",
                           .sealed = "",
                           .record = mailauth::key_record_text(key),
                           .state = storage::DkimKeyState::kActive});
    set(RecordType::kPointer, "192.0.2.1", {"mx1.test"});
    set(RecordType::kIpv4, "mx1.test", {"192.0.2.1"});
    set(RecordType::kText, "mx1.test", {"v=spf1 a -all"});
    set(RecordType::kMx, "lists.test", {"mx1.test"});
    set(RecordType::kText, "lists.test", {"v=spf1 mx -all"});
    set(RecordType::kText, "e1._domainkey.lists.test", {domain.keys[0].record});
    set(RecordType::kText, "_dmarc.lists.test", {"v=DMARC1; p=none"});
    set(RecordType::kIpv4, "www.lists.test", {"192.0.2.1"});
  }
  void set(RecordType type, const std::string& name, std::vector<std::string> values) {
    records[{type, name}] = {Answer::Status::kOk, std::move(values), ""};
  }
  void fail(RecordType type, const std::string& name) {
    records[{type, name}] = {Answer::Status::kTemporary, {}, "timed out"};
  }
  void remove(RecordType type, const std::string& name) { records.erase({type, name}); }

  // As the look-ups do: until nothing is missing.
  std::vector<Finding> ask(const std::function<std::vector<Finding>(Answers&)>& look) const {
    Answers answers;
    for (;;) {
      std::vector<Finding> found = look(answers);
      const auto missing = answers.take_missing();
      if (missing.empty()) return found;
      for (const Question& question : missing) {
        const auto known = records.find(question);
        answers.add(question,
                    known == records.end() ? Answer{Answer::Status::kNoName, {}, ""} : known->second);
      }
    }
  }
  // "health check: words" of all that is not good.
  std::string complaints() const {
    std::vector<std::vector<Finding>> all;
    all.push_back(ask([this](Answers& a) { return examine_hostname(node, a); }));
    for (const std::string& sender : node.senders)
      all.push_back(ask([&](Answers& a) { return examine_sender(node, sender, a); }));
    all.push_back(ask([this](Answers& a) { return examine_domain(domain, a); }));
    std::string out;
    for (const auto& found : all)
      for (const Finding& one : found)
        if (one.health != Health::kGood)
          out += std::string(to_string(one.health)) + " " + one.check + ": " + one.words + "\n";
    return out;
  }
};

bool says(const std::string& complaints, const std::string& beginning) {
  const bool found = ("\n" + complaints).find("\n" + beginning) != std::string::npos;
  BOOST_TEST(found, "\"" << beginning << "\" is not in:\n" << complaints);
  return found;
}
bool is_one(const std::string& complaints) {
  const bool one = std::count(complaints.begin(), complaints.end(), '\n') == 1;
  BOOST_TEST(one, "more than one:\n" << complaints);
  return one;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(doctor)

BOOST_AUTO_TEST_CASE(a_healthy_site_is_told_what_is_good_and_nothing_else) {
  const Site site;
  BOOST_TEST(site.complaints() == "");
  std::string checks;
  for (const Finding& one : site.ask([&](Answers& a) { return examine_domain(site.domain, a); }))
    checks += one.check + " ";
  BOOST_TEST(checks == "MX SPF DKIM DMARC one-click ");
}

BOOST_AUTO_TEST_CASE(an_address_has_a_name_that_leads_back) {
  Site site;
  site.remove(RecordType::kPointer, "192.0.2.1");
  BOOST_TEST((says(site.complaints(),
                   "bad PTR: no name stands behind the address: have whoever gave it to you "
                   "publish 1.2.0.192.in-addr.arpa PTR mx1.test") &&
              is_one(site.complaints())));
  site.set(RecordType::kPointer, "192.0.2.1", {"static-1.isp.test"});
  BOOST_TEST(says(site.complaints(), "bad PTR: static-1.isp.test does not lead back"));
  site.set(RecordType::kIpv4, "static-1.isp.test", {"192.0.2.1"});
  BOOST_TEST(
      (says(site.complaints(), "note PTR: static-1.isp.test leads back") && is_one(site.complaints())));
  // Of several names ours is enough.
  site.set(RecordType::kPointer, "192.0.2.1", {"static-1.isp.test", "mx1.test"});
  BOOST_TEST(site.complaints() == "");
  site.fail(RecordType::kPointer, "192.0.2.1");
  BOOST_TEST(
      (says(site.complaints(), "unknown PTR: the name servers do not answer for 192.0.2.1: timed out") &&
       is_one(site.complaints())));
}

BOOST_AUTO_TEST_CASE(ipv6_is_judged_like_ipv4) {
  Site site;
  site.node.senders.push_back("2001:db8::1");
  site.domain.senders = site.node.senders;
  const std::string found = site.complaints();
  BOOST_TEST(says(found, "note HELO: we also come from 2001:db8::1"));
  BOOST_TEST(says(found, "bad PTR: no name stands behind"));
  BOOST_TEST(found.find("delivery.ipv6 = false") != std::string::npos);
  BOOST_TEST(says(found, "bad SPF of HELO: the record of mx1.test does not name the address (fail)"));
  BOOST_TEST(says(found, "bad SPF: the record does not name 2001:db8::1 (fail)"));
  site.set(RecordType::kIpv6, "mx1.test", {"2001:db8::1"});
  site.set(RecordType::kPointer, "2001:db8::1", {"mx1.test"});
  BOOST_TEST(site.complaints() == "");
}

BOOST_AUTO_TEST_CASE(an_address_behind_nat_is_not_judged) {
  Site site;
  site.node.senders = site.domain.senders = {"10.1.2.3"};
  const std::string found = site.complaints();
  BOOST_TEST(says(found, "note address: others see another one"));
  BOOST_TEST(found.find("PTR") == std::string::npos);
  BOOST_TEST(found.find("SPF") == std::string::npos);
  for (const char* ip :
       {"10.0.0.1", "172.31.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "fd00::1", "::1", "fe80::1"})
    BOOST_TEST(smtpd::operate::is_private_address(ip), ip);
  for (const char* ip : {"172.32.0.1", "192.0.2.1", "100.128.0.1", "2001:db8::1", "no address"})
    BOOST_TEST(!smtpd::operate::is_private_address(ip), ip);
}

BOOST_AUTO_TEST_CASE(blocklists_are_asked) {
  Site site;
  site.set(RecordType::kIpv4, kReversed, {"127.0.0.2"});
  site.set(RecordType::kText, kReversed, {"see https://bl.test/192.0.2.1\x1b[2J"});
  BOOST_TEST(says(site.complaints(), "bad bl.test: listed (127.0.0.2): see https://bl.test/192.0.2.1"));
  BOOST_TEST(site.complaints().find('\x1b') == std::string::npos);
  site.set(RecordType::kIpv4, kReversed, {"127.255.255.254"});
  BOOST_TEST(says(site.complaints(), "unknown bl.test: the list does not answer this name server"));
  // A name server that makes up an address for every name.
  site.set(RecordType::kIpv4, kReversed, {"198.51.100.9"});
  BOOST_TEST(says(site.complaints(), "unknown bl.test: its answer is none of a blocklist"));
  site.fail(RecordType::kIpv4, kReversed);
  BOOST_TEST(says(site.complaints(), "unknown bl.test: the name servers do not answer"));
}

BOOST_AUTO_TEST_CASE(the_name_of_helo) {
  Site site;
  site.node.hostname = "localhost.localdomain";
  BOOST_TEST(says(site.complaints(), "bad HELO: the name that we say has no address"));
  BOOST_TEST(
      says(site.complaints(), "note PTR: mx1.test leads back to the address; we say HELO as localhost"));
  site = Site();
  site.remove(RecordType::kText, "mx1.test");
  BOOST_TEST(
      (says(site.complaints(), "note SPF of HELO: mx1.test has no SPF record") && is_one(site.complaints())));
  site.set(RecordType::kText, "mx1.test", {"v=spf1 ip4:192.0.2.300 -all"});
  BOOST_TEST(says(site.complaints(), "bad SPF of HELO: the record of mx1.test is wrong"));
}

BOOST_AUTO_TEST_CASE(mail_for_the_domain_comes_here) {
  Site site;
  site.remove(RecordType::kMx, "lists.test");
  BOOST_TEST(says(site.complaints(), "bad MX: the name is not in DNS: publish lists.test MX 10 mx1.test"));
  site.records[{RecordType::kMx, "lists.test"}] = {Answer::Status::kNoData, {}, ""};
  BOOST_TEST(says(site.complaints(), "bad MX: there is none"));
  site.set(RecordType::kIpv4, "lists.test", {"192.0.2.1"});
  BOOST_TEST(says(site.complaints(), "note MX: there is none, so mail goes to the addresses of the name"));
  site.set(RecordType::kMx, "lists.test", {"."});
  BOOST_TEST(says(site.complaints(), "bad MX: a null MX"));
  site.set(RecordType::kMx, "lists.test", {"mx1.test", "gone.test"});
  BOOST_TEST(says(site.complaints(), "bad MX: gone.test has no address"));
  site.set(RecordType::kIpv4, "gone.test", {"203.0.113.9"});
  BOOST_TEST(says(site.complaints(), "note MX: gone.test [203.0.113.9] is no address of a node"));
  // Of the other node, or of a balancer that the settings name.
  site.domain.others = {"gone.test"};
  BOOST_TEST(site.complaints() == "");
  site.domain.others.clear();
  site.domain.receivers.emplace_back("203.0.113.9");
  BOOST_TEST(site.complaints() == "");
  site.fail(RecordType::kMx, "lists.test");
  BOOST_TEST(says(site.complaints(), "unknown MX: the name servers do not answer for lists.test"));
}

BOOST_AUTO_TEST_CASE(senders_of_copies_are_named) {
  Site site;
  site.remove(RecordType::kText, "lists.test");
  BOOST_TEST((says(site.complaints(), "bad SPF: there is no record: publish lists.test TXT") &&
              is_one(site.complaints())));
  site.set(RecordType::kText, "lists.test", {"v=spf1 ip4:198.51.100.0/24 ~all"});
  BOOST_TEST(says(site.complaints(), "bad SPF: the record does not name 192.0.2.1 (softfail)"));
  site.set(RecordType::kText, "lists.test", {"v=spf1 mx -all", "v=spf1 a -all"});
  BOOST_TEST(says(site.complaints(), "bad SPF: the record is wrong"));
  site.fail(RecordType::kText, "lists.test");
  BOOST_TEST(says(site.complaints(), "unknown SPF: "));
  // By a smart host we do not know from where it goes out.
  site = Site();
  site.domain.smarthost = "out.test:25";
  site.node.senders.clear();
  site.domain.senders.clear();
  BOOST_TEST(
      (says(site.complaints(), "note SPF: mail goes out by out.test:25") && is_one(site.complaints())));
}

BOOST_AUTO_TEST_CASE(what_signs_can_be_verified) {
  Site site;
  const std::string name = "e1._domainkey.lists.test";
  site.remove(RecordType::kText, name);
  BOOST_TEST((says(site.complaints(),
                   "bad DKIM: e1: signs, and nobody can verify it: there is no TXT record "
                   "(essaim dkim show lists.test)") &&
              is_one(site.complaints())));
  site.fail(RecordType::kText, name);
  BOOST_TEST((says(site.complaints(), "unknown DKIM: e1: the name servers do not answer") &&
              is_one(site.complaints())));
  site.domain.keys[0].state = storage::DkimKeyState::kNew;
  site.remove(RecordType::kText, name);
  std::string found = site.complaints();
  BOOST_TEST(says(found, "note DKIM: e1: waits for its record"));
  BOOST_TEST(says(found, "bad DKIM: nothing is signed yet"));
  BOOST_TEST(says(found, "note one-click: copies have no List-Unsubscribe-Post, since nothing is signed"));
  // One that has had its time is not needed.
  site.domain.keys[0].state = storage::DkimKeyState::kRetired;
  BOOST_TEST(says(site.complaints(), "bad DKIM: nothing is signed: essaim dkim create lists.test"));
}

BOOST_AUTO_TEST_CASE(a_policy_of_dmarc) {
  Site site;
  site.remove(RecordType::kText, "_dmarc.lists.test");
  BOOST_TEST((says(site.complaints(), "bad DMARC: there is no record") && is_one(site.complaints())));
  // The domain above speaks for it.
  site.set(RecordType::kText, "_dmarc.test", {"v=DMARC1; p=reject; sp=quarantine; psd=n"});
  BOOST_TEST(site.complaints() == "");
  site.fail(RecordType::kText, "_dmarc.lists.test");
  BOOST_TEST(says(site.complaints(), "unknown DMARC: "));
}

BOOST_AUTO_TEST_CASE(what_one_click_needs) {
  Site site;
  site.domain.base_url.clear();
  BOOST_TEST((says(site.complaints(), "note one-click: copies have no List-Unsubscribe by HTTP") &&
              is_one(site.complaints())));
  site.domain.base_url = "http://www.lists.test";
  BOOST_TEST(says(site.complaints(), "bad one-click: http.base_url is not https"));
  site.domain.base_url = "https://nowhere.test:8443/lists";
  BOOST_TEST(says(site.complaints(), "bad one-click: nowhere.test of http.base_url has no address"));
  site.domain.base_url = "https://www.lists.test";
  site.domain.common = {"all", "news"};
  BOOST_TEST(says(site.complaints(), "note one-click: not in copies of all, news: envelope=common"));
  // Nothing is said of a domain that has no list.
  site.domain.base_url.clear();
  site.domain.common.clear();
  site.domain.lists = 0;
  BOOST_TEST(site.complaints() == "");
}

BOOST_AUTO_TEST_CASE(domains_lists_and_nodes_are_those_of_the_database) {
  TempDatabase database;
  must(database->write_now(storage::Durability::kAccept, [](storage::Connection& c) -> Result<void> {
    storage::DirectoryStore directory(c);
    storage::DomainRecord domain;
    domain.id = 11;
    domain.name = "lists.test";
    ESSAIM_TRY(directory.add_domain(domain));
    storage::ListRecord list;
    list.id = 12;
    list.domain_id = 11;
    list.local = "all";
    list.domain = "lists.test";
    list.settings = {{"envelope", "common"}};
    return directory.add_list(list);
  }));
  net::EventLoop loop("doctor");
  FakeResolver dns(loop);
  for (const char* name : {"mx1.test", "www.lists.test"}) dns.set_addresses(name, {"192.0.2.1"});
  dns.set_pointer("192.0.2.1", {"mx1.test"});
  dns.set_addresses("lists.test", {});
  dns.set_mx("lists.test", {{10, "mx1.test"}});
  for (const char* name : {"mx1.test", "lists.test"}) dns.set_text(name, {"v=spf1 a mx -all"});
  for (const char* name : {"_dmarc.lists.test", "_dmarc.test", "_dmarc.mx1.test"}) dns.set_text(name, {});
  dns.silence("_dmarc.lists.test");
  smtpd::Settings settings;
  settings.hostname = "mx1.test";
  settings.http.base_url = "https://www.lists.test";
  settings.dns_timeout = std::chrono::milliseconds(50);
  const auto found = must(smtpd::operate::examine(settings, *database, {{}, {"192.0.2.1"}, {}}, loop, dns));
  std::map<std::string, Health> by_check;
  std::string words;
  for (const Finding& one : found) {
    by_check[one.about + " " + one.check] = one.health;
    words += one.words + "\n";
  }
  BOOST_TEST((by_check.at("mx1.test HELO") == Health::kGood));
  BOOST_TEST((by_check.at("192.0.2.1 PTR") == Health::kGood));
  BOOST_TEST((by_check.at("lists.test MX") == Health::kGood));
  BOOST_TEST((by_check.at("lists.test DKIM") == Health::kBad));
  // What does not answer is told, and keeps nobody waiting.
  BOOST_TEST((by_check.at("lists.test DMARC") == Health::kUnknown));
  BOOST_TEST(words.find("not in copies of all: envelope=common") != std::string::npos);
  const auto none = smtpd::operate::examine(settings, *database, {{"other.test"}, {}, {}}, loop, dns);
  BOOST_TEST(!none.ok());
  BOOST_TEST(none.error().message == "there is no domain other.test");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace essaim::test
