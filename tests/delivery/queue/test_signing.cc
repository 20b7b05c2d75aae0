// What goes out is signed: personal copies each over their own fields, common ones once, forms in ASCII over their own
// bytes, through a whole engine.
#include <boost/test/unit_test.hpp>

#include "core/base/log.h"
#include "tests/core/mailauth/signed_mail.h"
#include "tests/delivery/queue/rig.h"

namespace essaim::test {
namespace {

using mailauth::SigningKeys;
using storage::CopyMode;

struct Quiet {
  Quiet() { log::set_level(log::Level::kError); }
};
BOOST_GLOBAL_FIXTURE(Quiet);

std::shared_ptr<const mailauth::SigningKey> key_of(mailauth::Algorithm algorithm,
                                                   const std::string& selector) {
  return std::make_shared<const mailauth::SigningKey>(
      mailauth::SigningKey{"lists.test", selector, mailauth::PrivateKey::generate(algorithm)});
}

struct SigningSite : Site {
  SigningKeys keys{key_of(mailauth::Algorithm::kRsaSha256, "r1"),
                   key_of(mailauth::Algorithm::kEd25519Sha256, "e1")};
  delivery::KeySource source() {
    return [keys = keys](const std::string& domain) { return domain == "lists.test" ? keys : SigningKeys{}; };
  }
  // A message as the sink took it: its dots and line ends as before the wire.
  std::string as_sent(const std::string& body) const {
    std::string out;
    bool line_begins = true;
    for (const char c : body) {
      if (line_begins && c == '.') {
        line_begins = false;
        continue;
      }
      line_begins = c == '\n';
      if (c == '\n' && !out.ends_with('\r')) out.push_back('\r');
      out.push_back(c);
    }
    return out;
  }
  void check_signed(const std::string& body) const {
    mailauth::Answers answers;
    for (const auto& key : keys)
      mailauth::publish(&answers, mailauth::key_record_name(key->selector, key->domain),
                        mailauth::key_record_text(key->key));
    const auto results = mailauth::verify(as_sent(body), answers, system_clock().wall_now());
    BOOST_TEST(results.size() == 2u);
    for (const auto& result : results) {
      BOOST_TEST(to_string(result.status) == "pass");
      BOOST_TEST(result.reason == "");
    }
  }
};

BOOST_AUTO_TEST_CASE(each_personal_copy_is_signed_over_its_own_fields) {
  TestSink sink;
  SigningSite site;
  site.add_members(70, 3);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 3); }, settings_for(site, sink), 2, site.source());
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 70);
  std::set<std::string> different;
  for (const auto& [to, body] : sink.bodies()) {
    site.check_signed(body);
    BOOST_TEST(body.find("list-unsubscribe") != std::string::npos);
    different.insert(body.substr(0, body.find("List-Unsubscribe")));
  }
  BOOST_TEST(different.size() == 70u);
}

BOOST_AUTO_TEST_CASE(a_common_copy_is_signed_once_for_all) {
  TestSink sink;
  SigningSite site;
  site.add_members(40, 2);
  const Id post = site.post_to_list(site.new_post(CopyMode::kCommon, 1), 0);
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink), 2, site.source());
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  std::set<std::string> different;
  for (const auto& [to, body] : sink.bodies()) {
    site.check_signed(body);
    different.insert(body);
  }
  BOOST_TEST(different.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_form_in_ascii_has_signatures_of_its_own) {
  for (const CopyMode mode : {CopyMode::kCommon, CopyMode::kPersonal}) {
    TestSink sink;
    HostPolicy seven;
    seven.keywords = {"PIPELINING"};
    sink.set(address_of(0), seven);
    SigningSite site;
    auto record = site.new_post(mode, 1);
    record.eight_bit = true;
    const Id post = site.post_to(record, 0, {{1, "a", Site::domain_name(0)}, {2, "b", Site::domain_name(1)}},
                                 "From: author@client.test\r\nSubject: x\r\n\r\ngr\xc3\xbc\xc3\x9f\r\n",
                                 "From: author@client.test\r\nSubject: x\r\n\r\ngr=C3=BC=C3=9F\r\n");
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 2); }, settings_for(site, sink), 1, site.source());
    BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
    BOOST_TEST(sink.bodies().size() == 2u);
    for (const auto& [to, body] : sink.bodies()) site.check_signed(body);
  }
}

BOOST_AUTO_TEST_CASE(what_is_recalled_while_it_is_signed_is_not_lost) {
  TestSink sink;
  SigningSite site;
  site.add_members(300, 1);
  const Id post = site.post_to_list(site.new_post(CopyMode::kPersonal, 1), 0);
  {
    Run run(
        site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink), 2, site.source());
    BOOST_REQUIRE(wait_until([&] { return sink.total() > 5; }));
    run.stop(std::chrono::seconds(0));
  }
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink), 2, site.source());
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  BOOST_TEST(site.counts(post).delivered == 300);
  BOOST_TEST(sink.accepted().size() == 300u);
}

BOOST_AUTO_TEST_CASE(a_domain_without_keys_is_not_signed) {
  TestSink sink;
  SigningSite site;
  auto record = site.new_post(CopyMode::kPersonal, 1);
  record.list_address = "dev@other.test";
  record.envelope_sender = "{verp}@other.test";
  const Id post = site.post_to(record, 0, {{1, "a", Site::domain_name(0)}});
  Run run(
      site, [](FakeResolver& dns) { serve_domains(dns, 1); }, settings_for(site, sink), 1, site.source());
  BOOST_REQUIRE(wait_until([&] { return site.finished(post); }));
  for (const auto& [to, body] : sink.bodies()) BOOST_TEST(body.find("DKIM-Signature") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_key_is_of_the_domain_in_from_or_the_nearest_above_it_or_of_the_list) {
  const struct {
    const char* from;
    const char* list;
    const char* signer;
  } rows[] = {
      {"postmaster@mx1.lists.test", "", "lists.test"},  // a report of no list, from the host
      {"dev@lists.test", "dev@lists.test", "lists.test"},
      {"ann@people.mx1.lists.test", "dev@other.test", "lists.test"},
      {"ann@own.lists.test", "dev@lists.test", "own.lists.test"},
      {"ann@elsewhere.test", "dev@lists.test", "lists.test"},
      {"ann@elsewhere.test", "dev@other.test", nullptr},
      {"ann@test", "", nullptr},
  };
  const delivery::KeySource source = [](const std::string& domain) -> SigningKeys {
    if (domain != "lists.test" && domain != "own.lists.test") return {};
    return {std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
        domain, "s", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)})};
  };
  for (const auto& row : rows) {
    storage::PostRecord post;
    post.kind = storage::PostKind::kNotice;
    post.list_address = row.list;
    post.author = row.from;
    const SharedBytes wire =
        std::make_shared<const std::string>("From: " + std::string(row.from) + "\r\n\r\nx\r\n.\r\n");
    const auto signer = delivery::make_signer(post, wire, nullptr, source);
    BOOST_TEST((signer != nullptr) == (row.signer != nullptr), row.from << " " << row.list);
    if (signer == nullptr || row.signer == nullptr) continue;
    const std::string field = signer->sign(delivery::PostSigner::Form::kAsIs, "", system_clock().wall_now());
    BOOST_TEST(field.find("d=" + std::string(row.signer) + ";") != std::string::npos, field);
  }
}

BOOST_AUTO_TEST_CASE(nothing_aligned_signs_for_an_author_that_nobody_stands_behind) {
  const struct {
    const char* from;
    const char* list;
    bool is_signed;
  } rows[] = {
      {"boss@lists.test", "dev@lists.test", false},
      {"boss@own.lists.test", "dev@lists.test", false},
      {"boss@sales.lists.test", "dev@own.lists.test", false},  // relaxed alignment: of one organisation
      {"boss@LISTS.test", "", false},
      {"eve@elsewhere.test", "dev@lists.test", true},
      {"eve@elsewhere.test, boss@lists.test", "dev@lists.test", false},
  };
  const delivery::KeySource source = [](const std::string& domain) -> SigningKeys {
    if (domain != "lists.test" && domain != "own.lists.test") return {};
    return {std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
        domain, "s", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)})};
  };
  for (const auto& row : rows) {
    for (const bool unknown : {true, false}) {
      storage::PostRecord post;
      post.list_address = row.list;
      post.author = row.from;
      post.author_unknown = unknown;
      const SharedBytes wire =
          std::make_shared<const std::string>("From: " + std::string(row.from) + "\r\n\r\nx\r\n.\r\n");
      const bool is_signed = delivery::make_signer(post, wire, nullptr, source) != nullptr;
      BOOST_TEST(is_signed == (row.is_signed || !unknown), row.from << " " << row.list << " " << unknown);
    }
  }
}

}  // namespace
}  // namespace essaim::test
