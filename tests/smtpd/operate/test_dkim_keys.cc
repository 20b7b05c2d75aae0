// The life of a key: made, published, seen, active, followed by the next, retired; on two nodes of one database.
#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <thread>

#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "core/mailauth/key_record.h"
#include "smtpd/operate/dkim_keys.h"
#include "smtpd/operate/key_ring.h"
#include "storage/directory_store.h"
#include "storage/sql.h"
#include "tests/support/fake_resolver.h"
#include "tests/support/must.h"
#include "tests/support/temp_database.h"

namespace essaim::test {
namespace {

using mailauth::Answer;
using smtpd::KeyRing;
using smtpd::operate::KeyCheck;
using storage::DkimKeyRecord;
using storage::DkimKeyState;

mailauth::KeySeal seal(const std::string& secret = "a secret of many octets") {
  return must(mailauth::KeySeal::from_secret(secret));
}

struct Keys {
  TempDatabase database;
  std::map<std::string, std::vector<std::string>> zone;
  bool dns_is_silent = false;
  int rounds = 0;  // of look-ups
  std::string checked = "lists.test";
  std::optional<mailauth::KeySeal> at_hand = seal();
  WallTime now = from_millis(1'790'000'000'000);

  Keys() {
    must(database->write_now(storage::Durability::kAccept,
                             [&](storage::Connection& connection) -> Result<void> {
                               storage::DomainRecord domain;
                               domain.id = 11;
                               domain.name = "lists.test";
                               domain.created = now;
                               return storage::DirectoryStore(connection).add_domain(domain);
                             }));
  }
  DkimKeyRecord create(mailauth::Algorithm algorithm = mailauth::Algorithm::kEd25519Sha256) {
    return must(smtpd::operate::create_key(*database, seal(), {"lists.test", "", algorithm}, now));
  }
  void publish(const DkimKeyRecord& key) {
    zone[mailauth::key_record_name(key.selector, key.domain)] = {key.record};
  }
  std::vector<KeyCheck> check() {
    const auto answer = [this](const std::string& name) -> Answer {
      if (dns_is_silent) return {Answer::Status::kTemporary, {}, "timed out"};
      const auto found = zone.find(name);
      if (found == zone.end()) return {Answer::Status::kNoName, {}, ""};
      return {Answer::Status::kOk, found->second, ""};
    };
    const auto look_up = [&](const std::vector<std::string>& names) {
      ++rounds;
      std::vector<Answer> out;
      for (const std::string& name : names) out.push_back(answer(name));
      return out;
    };
    return must(smtpd::operate::check_keys(*database, at_hand, checked, look_up, now));
  }
  std::map<std::string, DkimKeyState> states() {
    std::map<std::string, DkimKeyState> out;
    for (const KeyCheck& one : check()) out[one.key.selector] = one.key.state;
    return out;
  }
};

std::vector<std::string> selectors(const KeyRing& ring) {
  std::vector<std::string> out;
  for (const auto& key : ring.keys_for("lists.test")) out.push_back(key->selector);
  return out;
}

bool comes_to_be(KeyRing& ring, const std::vector<std::string>& wanted) {
  for (int i = 0; i < 12'000; ++i) {
    if (selectors(ring) == wanted) return true;
    ring.refresh();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dkim_keys)

BOOST_FIXTURE_TEST_CASE(a_key_waits_for_its_very_record, Keys) {
  const DkimKeyRecord key = create();
  const std::string name = mailauth::key_record_name(key.selector, key.domain);
  BOOST_TEST(check().front().problem == "there is no TXT record");
  dns_is_silent = true;
  BOOST_TEST(check().front().unknown);
  dns_is_silent = false;
  zone[name] = {create().record};
  BOOST_TEST(check().front().problem == "the record has another key");
  zone[name] = {"v=DKIM1; k=ed25519; p="};
  BOOST_TEST(check().front().problem == "the record says that the key is revoked");
  zone[name] = {key.record, key.record};
  BOOST_TEST(check().front().problem == "there are several TXT records");
  BOOST_TEST((states()[key.selector] == DkimKeyState::kNew));
  publish(key);
  BOOST_TEST(check().front().activated);
  BOOST_TEST((states()[key.selector] == DkimKeyState::kActive));
}

BOOST_FIXTURE_TEST_CASE(the_next_key_of_a_kind_replaces_the_one_before_when_it_is_seen, Keys) {
  const DkimKeyRecord rsa = create(mailauth::Algorithm::kRsaSha256), first = create();
  publish(rsa);
  publish(first);
  check();
  const auto next =
      must(smtpd::operate::rotate_keys(*database, seal(), "lists.test", now + std::chrono::hours(1)));
  BOOST_REQUIRE(next.size() == 2u);
  BOOST_TEST(next[0].selector != rsa.selector);
  publish(next[1].algorithm == "ed25519-sha256" ? next[1] : next[0]);
  const auto after = states();
  BOOST_TEST((after.at(rsa.selector) == DkimKeyState::kActive));
  BOOST_TEST((after.at(first.selector) == DkimKeyState::kRetired));
}

BOOST_FIXTURE_TEST_CASE(all_keys_are_looked_up_in_one_round, Keys) {
  dns_is_silent = true;
  for (int i = 0; i < 5; ++i) create();
  const auto checks = check();
  BOOST_TEST(checks.size() == 5u);
  for (const KeyCheck& one : checks) BOOST_TEST(one.unknown);
  BOOST_TEST(rounds == 1);
}

BOOST_AUTO_TEST_CASE(silent_servers_are_waited_for_once_for_many_names) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back("k" + std::to_string(i) + "._domainkey.lists.test");
    dns.set_text(names.back(), {"never told"});
  }
  dns.hold();
  std::size_t at_once = 0;
  net::Timer look(loop, [&] { at_once = dns.questions().size(); });
  look.start(std::chrono::milliseconds(100));
  const auto silent = smtpd::operate::look_up_texts(loop, dns, std::chrono::milliseconds(400), names);
  BOOST_TEST(at_once == 150u);
  BOOST_TEST(dns.questions().size() == 200u);
  BOOST_REQUIRE(silent.size() == 200u);
  for (const Answer& answer : silent) BOOST_TEST((answer.status == Answer::Status::kTemporary));
}

BOOST_AUTO_TEST_CASE(silent_servers_are_not_waited_for_when_the_server_ends) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back("k" + std::to_string(i) + "._domainkey.lists.test");
    dns.set_text(names.back(), {"never told"});
  }
  dns.hold();
  int asked = 0;
  const auto ends = [&asked] { return ++asked < 3; };
  const auto silent = smtpd::operate::look_up_texts(loop, dns, std::chrono::hours(24), names, ends);
  BOOST_TEST(dns.questions().size() == 150u);
  BOOST_REQUIRE(silent.size() == 200u);
  for (const Answer& answer : silent) BOOST_TEST((answer.status == Answer::Status::kTemporary));
}

BOOST_AUTO_TEST_CASE(answers_come_in_the_order_of_their_names) {
  net::EventLoop loop("test");
  FakeResolver dns(loop);
  std::vector<std::string> names;
  for (int i = 0; i < 200; ++i) {
    names.push_back("k" + std::to_string(i) + "._domainkey.lists.test");
    dns.set_text(names.back(), {std::to_string(i)});
  }
  const auto found = smtpd::operate::look_up_texts(loop, dns, std::chrono::seconds(20), names);
  BOOST_REQUIRE(found.size() == 200u);
  for (std::size_t i = 0; i < found.size(); ++i) BOOST_TEST(found[i].values.at(0) == std::to_string(i));
}

BOOST_FIXTURE_TEST_CASE(every_node_signs_with_what_is_active, Keys) {
  KeyRing here(*database, seal()), there(*database, seal());
  must(here.load());
  must(there.load());
  const DkimKeyRecord first = create();
  BOOST_TEST(selectors(here).empty());
  publish(first);
  check();
  BOOST_TEST(comes_to_be(here, {first.selector}));
  BOOST_TEST(comes_to_be(there, {first.selector}));
  const auto next = must(smtpd::operate::rotate_keys(*database, seal(), "lists.test", now));
  publish(next.front());
  check();
  BOOST_TEST(comes_to_be(here, {next.front().selector}));
  BOOST_TEST(comes_to_be(there, {next.front().selector}));
}

// Each node looks at all of them three times a minute.
BOOST_FIXTURE_TEST_CASE(a_key_that_stays_as_it_is_is_opened_once, Keys) {
  KeyRing ring(*database, seal());
  const DkimKeyRecord first = create();
  publish(first);
  check();
  must(ring.load());
  const mailauth::SigningKeys before = ring.keys_for("lists.test");
  BOOST_REQUIRE(before.size() == 1u);
  must(ring.load());
  BOOST_TEST((ring.keys_for("lists.test") == before));
  // One that was sealed anew is another one, whatever its name.
  must(
      database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) -> Result<void> {
        const std::string other =
            seal().sealed(mailauth::PrivateKey::generate(mailauth::Algorithm::kRsaSha256).to_pem(),
                          smtpd::operate::purpose_of_key("lists.test", first.selector));
        must(storage::sql::run(connection, "UPDATE dkim_key SET sealed = ?", storage::sql::Blob{other}));
        return {};
      }));
  must(ring.load());
  BOOST_REQUIRE(ring.keys_for("lists.test").size() == 1u);
  BOOST_TEST((ring.keys_for("lists.test").front() != before.front()));
}

BOOST_FIXTURE_TEST_CASE(what_cannot_be_opened_signs_nothing, Keys) {
  log::set_level(log::Level::kError);
  publish(create());
  check();
  KeyRing without(*database, std::nullopt), other(*database, seal("another secret, no less long"));
  must(without.load());
  must(other.load());
  BOOST_TEST(selectors(without).empty());
  BOOST_TEST(selectors(other).empty());
}

BOOST_FIXTURE_TEST_CASE(a_key_of_another_secret_neither_signs_nor_retires_the_good_one, Keys) {
  const DkimKeyRecord good = create();
  publish(good);
  check();
  // As an older node makes it, which does not ask whose secret it is.
  DkimKeyRecord foreign = good;
  foreign.selector = "foreign";
  foreign.state = DkimKeyState::kNew;
  foreign.sealed = seal("another secret, no less long")
                       .sealed(mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256).to_pem(),
                               smtpd::operate::purpose_of_key("lists.test", "foreign"));
  must(database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::DkimStore(connection).add(foreign);
  }));
  publish(foreign);
  const auto checks = check();
  const auto one = std::find_if(checks.begin(), checks.end(),
                                [](const KeyCheck& seen) { return seen.key.selector == "foreign"; });
  BOOST_REQUIRE(one != checks.end());
  BOOST_TEST(one->published);
  BOOST_TEST(!one->activated);
  BOOST_TEST(one->withheld == "made with another secret than is at hand here: it will not sign");
  BOOST_TEST((states().at("foreign") == DkimKeyState::kNew));
  BOOST_TEST((states().at(good.selector) == DkimKeyState::kActive));
  // Nor one of another kind, which replaces nothing, where what signs cannot be opened.
  at_hand = seal("another secret, no less long");
  DkimKeyRecord other_kind = foreign;
  other_kind.selector = "kind";
  other_kind.algorithm = "rsa-sha256";
  other_kind.sealed =
      at_hand->sealed(mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256).to_pem(),
                      smtpd::operate::purpose_of_key("lists.test", "kind"));
  must(database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::DkimStore(connection).add(other_kind);
  }));
  publish(other_kind);
  BOOST_TEST((states().at("kind") == DkimKeyState::kNew));
  must(smtpd::operate::delete_key(*database, "lists.test", "kind"));
  // The other way round: where only the new one can be opened, and where nothing can.
  at_hand = seal("another secret, no less long");
  BOOST_TEST((states().at(good.selector) == DkimKeyState::kActive));
  BOOST_TEST((states().at("foreign") == DkimKeyState::kNew));
  at_hand.reset();
  BOOST_TEST((states().at("foreign") == DkimKeyState::kNew));
  log::set_level(log::Level::kError);
  KeyRing ring(*database, seal());
  must(ring.load());
  BOOST_TEST(selectors(ring) == std::vector<std::string>{good.selector}, boost::test_tools::per_element());
  BOOST_TEST(ring.unusable() == 1u);
}

BOOST_FIXTURE_TEST_CASE(a_node_whose_secret_makes_no_new_key_active_lets_others_look_first, Keys) {
  const std::optional<mailauth::KeySeal> right = seal(), other = seal("another secret, no less long"), none;
  const auto makes_none = [&](const std::optional<mailauth::KeySeal>& with) {
    return smtpd::operate::makes_none_active(*database, with);
  };
  for (const auto& one : {right, other, none}) BOOST_TEST(!makes_none(one));  // there is nothing to be done
  const DkimKeyRecord key = create();
  BOOST_TEST(!makes_none(right));
  BOOST_TEST(makes_none(other));
  BOOST_TEST(makes_none(none));
  smtpd::Settings settings;
  settings.authentication.key_file = database.directory().path("secret");
  std::ofstream(settings.authentication.key_file) << "another secret, no less long\n";
  ManualClock clock;
  const storage::Job job = smtpd::operate::make_dkim_job(settings, clock);
  BOOST_TEST(job.others_first(*database));
  publish(key);
  check();
  for (const auto& one : {right, other, none}) BOOST_TEST(!makes_none(one));
  // What signs cannot be opened, so nothing is put beside it.
  create();
  DkimKeyRecord foreign = key;
  foreign.selector = "foreign";
  foreign.state = DkimKeyState::kNew;
  foreign.sealed = other->sealed(mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256).to_pem(),
                                 smtpd::operate::purpose_of_key("lists.test", "foreign"));
  must(database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    return storage::DkimStore(connection).add(foreign);
  }));
  BOOST_TEST(makes_none(other));
  // Nor is one that cannot be opened a reason where another one can.
  BOOST_TEST(!makes_none(right));
  must(database->write_now(storage::Durability::kAccept, [](storage::Connection& connection) {
    return storage::DirectoryStore(connection).delete_domain("lists.test");
  }));
  BOOST_TEST(!makes_none(other));
}

BOOST_FIXTURE_TEST_CASE(no_key_is_made_with_another_secret_than_those_that_there_are, Keys) {
  const DkimKeyRecord key = create();
  const mailauth::KeySeal other = seal("another secret, no less long");
  const auto make = [&](const mailauth::KeySeal& with) {
    return smtpd::operate::create_key(*database, with,
                                      {"lists.test", "next", mailauth::Algorithm::kEd25519Sha256}, now);
  };
  BOOST_TEST((make(other).error().code == ErrorCode::kConflict));
  publish(key);
  check();
  BOOST_TEST((smtpd::operate::rotate_keys(*database, other, "lists.test", now).error().code ==
              ErrorCode::kConflict));
  // The secret is lost, or it is not.
  const mailauth::KeySeal right = seal();
  const auto forget = [&](const mailauth::KeySeal* lost) {
    return smtpd::operate::delete_key(*database, "lists.test", key.selector, lost);
  };
  BOOST_TEST((forget(nullptr).error().code == ErrorCode::kConflict));
  BOOST_TEST((forget(&right).error().code == ErrorCode::kConflict));
  must(forget(&other));
  BOOST_TEST(make(other).ok());
}

BOOST_FIXTURE_TEST_CASE(keys_of_deleted_domains_that_nothing_opens_are_in_nobodys_way, Keys) {
  log::set_level(log::Level::kError);
  const DkimKeyRecord old = create();
  publish(old);
  check();
  const mailauth::KeySeal next = seal("another secret, no less long");
  const auto make = [&] {
    return smtpd::operate::create_key(*database, next,
                                      {"team.test", "next", mailauth::Algorithm::kEd25519Sha256}, now);
  };
  must(database->write_now(storage::Durability::kAccept, [&](storage::Connection& connection) {
    storage::DomainRecord domain;
    domain.id = 12;
    domain.name = "team.test";
    domain.created = now;
    return storage::DirectoryStore(connection).add_domain(domain);
  }));
  BOOST_TEST((make().error().code == ErrorCode::kConflict));
  KeyRing ring(*database, next);
  must(ring.load());
  BOOST_TEST(ring.unusable() == 1u);
  must(database->write_now(storage::Durability::kAccept, [](storage::Connection& connection) {
    return storage::DirectoryStore(connection).delete_domain("lists.test");
  }));
  must(ring.load());
  BOOST_TEST(ring.unusable() == 0u);
  publish(must(make()));
  at_hand = next;
  checked = "";
  BOOST_TEST((states().at("next") == DkimKeyState::kActive));
  must(ring.load());
  BOOST_TEST(ring.keys_for("team.test").size() == 1u);
  BOOST_TEST(ring.unusable() == 0u);
}

BOOST_FIXTURE_TEST_CASE(a_deleted_domain_signs_nothing_until_it_is_made_again, Keys) {
  const auto domain = [&](bool there) {
    must(database->write_now(storage::Durability::kAccept,
                             [&](storage::Connection& connection) -> Result<void> {
                               if (!there)
                                 return storage::DirectoryStore(connection).delete_domain("lists.test");
                               storage::DomainRecord record;
                               record.id = 12;
                               record.name = "lists.test";
                               record.created = now;
                               return storage::DirectoryStore(connection).add_domain(record);
                             }));
  };
  const DkimKeyRecord key = create();
  publish(key);
  check();
  const DkimKeyRecord next = create();
  publish(next);
  KeyRing ring(*database, seal());
  must(ring.load());
  BOOST_TEST(selectors(ring) == std::vector<std::string>{key.selector}, boost::test_tools::per_element());
  domain(false);
  must(ring.load());
  BOOST_TEST(selectors(ring).empty());
  // Nor is a new one made active, whose record is there.
  checked = "";
  const auto checks = check();
  BOOST_TEST(checks.size() == 2u);
  for (const KeyCheck& one : checks) {
    BOOST_TEST(one.key.of_deleted_domain);
    BOOST_TEST(one.published);
    BOOST_TEST(!one.activated);
    BOOST_TEST(one.withheld == "");
  }
  BOOST_TEST((states().at(next.selector) == DkimKeyState::kNew));
  domain(true);
  BOOST_TEST((states().at(next.selector) == DkimKeyState::kActive));
  BOOST_TEST((states().at(key.selector) == DkimKeyState::kRetired));
  must(ring.load());
  BOOST_TEST(selectors(ring) == std::vector<std::string>{next.selector}, boost::test_tools::per_element());
}

BOOST_FIXTURE_TEST_CASE(each_key_that_cannot_be_opened_is_told_once, Keys) {
  log::set_level(log::Level::kError);
  std::vector<std::string> lines;
  const log::Capture capture([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  const auto told = [&](const DkimKeyRecord& key) {
    return std::count_if(lines.begin(), lines.end(), [&](const std::string& line) {
      return line.find("dkim-key-unusable") != std::string::npos &&
             line.find(key.selector) != std::string::npos;
    });
  };
  KeyRing ring(*database, std::nullopt);
  const DkimKeyRecord first = create();
  must(ring.load());
  must(ring.load());
  BOOST_TEST(told(first) == 1);
  const DkimKeyRecord second = create(mailauth::Algorithm::kRsaSha256);
  must(ring.load());
  BOOST_TEST(told(first) == 1);
  BOOST_TEST(told(second) == 1);
}

BOOST_FIXTURE_TEST_CASE(keys_are_made_for_our_domains_and_under_names_that_dns_has, Keys) {
  const auto make = [&](const std::string& domain, const std::string& selector) {
    return smtpd::operate::create_key(*database, seal(),
                                      {domain, selector, mailauth::Algorithm::kEd25519Sha256}, now);
  };
  BOOST_TEST((make("other.test", "").error().code == ErrorCode::kNotFound));
  BOOST_TEST((make("lists.test", "no such").error().code == ErrorCode::kInvalid));
  const auto rotate = [&] {
    const auto next = smtpd::operate::rotate_keys(*database, seal(), "lists.test", now);
    BOOST_REQUIRE(!next.ok());
    BOOST_TEST((next.error().code == ErrorCode::kNotFound));
    return next.error().message;
  };
  BOOST_TEST(rotate().find("essaim dkim create") != std::string::npos);
  BOOST_TEST(make("lists.test", "mine").ok());
  BOOST_TEST((make("lists.test", "Mine").error().code == ErrorCode::kExists));
  // Nothing is to be created: what there is waits for DNS.
  const std::string waits = rotate();
  BOOST_TEST(waits.find("mine signs as soon as") != std::string::npos);
  BOOST_TEST(waits.find("create") == std::string::npos);
}

BOOST_FIXTURE_TEST_CASE(a_key_that_signs_is_deleted_only_when_its_domain_is_gone, Keys) {
  const DkimKeyRecord key = create();
  publish(key);
  check();
  BOOST_REQUIRE((states()[key.selector] == DkimKeyState::kActive));
  const auto refused = smtpd::operate::delete_key(*database, "lists.test", key.selector);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST((refused.error().code == ErrorCode::kConflict));
  must(database->write_now(storage::Durability::kAccept, [](storage::Connection& connection) {
    return storage::DirectoryStore(connection).delete_domain("lists.test");
  }));
  must(smtpd::operate::delete_key(*database, "lists.test", key.selector));
  BOOST_TEST(states().empty());
}

BOOST_FIXTURE_TEST_CASE(a_record_for_a_zone_file_has_strings_of_255_octets, Keys) {
  const DkimKeyRecord key = create(mailauth::Algorithm::kRsaSha256);
  const std::string line = smtpd::operate::zone_record(key);
  BOOST_TEST(line.starts_with(key.selector + "._domainkey.lists.test. IN TXT ( \"v=DKIM1;"));
  std::string joined;
  for (std::size_t at = line.find('"'); at != std::string::npos; at = line.find('"', at)) {
    const std::size_t end = line.find('"', at + 1);
    BOOST_TEST(end - at - 1 <= 255u);
    joined += line.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  BOOST_TEST(joined == key.record);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace essaim::test
