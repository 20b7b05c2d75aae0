// Addresses and headers in UTF-8, and domains in both forms, from the recipient to what is stored.
#include "core/mail/encoded_word.h"
#include "core/mail/header_block.h"
#include "tests/lists/site.h"

using namespace essaim;
using essaim::test::crlf;
using essaim::test::TestSite;

namespace {

const std::string kJoerg =
    "j\xc3\xb6rg@b\xc3\xbc"
    "cher.example";
const std::string kJoergAscii = "j\xc3\xb6rg@xn--bcher-kva.example";
const std::string kJoergDecomposed = "JO\xcc\x88RG@XN--BCHER-KVA.example";

std::string post_from(const std::string& from, const std::string& body = "Hello\n",
                      const std::string& subject = "hello") {
  return crlf("From: " + from + "\nTo: dev@lists.example\nSubject: " + subject +
              "\nDate: Sun, 22 Nov 2026 18:52:04 +0000\nMessage-ID: <1@x>\n\n" + body);
}

const TestSite::Asked kUtf8{.smtputf8 = true};

}  // namespace

BOOST_AUTO_TEST_SUITE(list_utf8)

BOOST_AUTO_TEST_CASE(a_member_is_the_same_however_the_address_is_written) {
  TestSite site;
  site.make_list("dev", {}, {kJoerg});
  for (const std::string& same : {kJoerg, kJoergAscii, kJoergDecomposed}) {
    BOOST_TEST_CONTEXT(same) {
      BOOST_TEST(site.member("dev", same).has_value());
      const auto added =
          site.admin.add_members("dev@lists.example", storage::Role::kMember, {{test::address(same), ""}});
      TestSite::require(added);
      BOOST_TEST(added->already == 1);
      BOOST_TEST(
          site.send(same, {"dev@lists.example"}, post_from(same, "Hello " + same + "\n"), kUtf8).code == 250);
    }
  }
  BOOST_TEST(!site.member("dev", "jorg@xn--bcher-kva.example").has_value());
  BOOST_TEST(site.send("a@b.example", {"dev@lists.example"}, post_from("jorg@xn--bcher-kva.example")).code ==
             550);
  // What is sent is the address as it was written.
  BOOST_TEST(site.recipients(site.posts().front().id).front() == kJoergAscii);
}

BOOST_AUTO_TEST_CASE(both_forms_of_a_domain_name_the_same_list) {
  TestSite site;
  TestSite::require(
      site.admin.create_domain("b\xc3\xbc"
                               "cher.example"));
  TestSite::require(site.admin.create_list("dev@xn--bcher-kva.example", {}, {{"post", "anyone"}}));
  for (const char* name : {"dev@b\xc3\xbc"
                           "cher.example",
                           "dev@B\xc3\x9c"
                           "CHER.example",
                           "dev@xn--bcher-kva.example"}) {
    BOOST_TEST(site.rcpt(name).reply.code == 250);
    TestSite::require(site.admin.show_list(name));
  }
  BOOST_TEST(site.send("x@y.example",
                       {"dev@b\xc3\xbc"
                        "cher.example"},
                       post_from("x@y.example"))
                 .code == 250);
  const auto post = site.posts().front();
  BOOST_TEST(post.list_address == "dev@xn--bcher-kva.example");
  BOOST_TEST(post.envelope_sender == "{verp}@xn--bcher-kva.example");
  storage::PostFilter filter;
  filter.list =
      "dev@B\xc3\xbc"
      "cher.example";
  site.read([&](storage::Connection& c) { BOOST_TEST(storage::PostStore(c).search(filter)->size() == 1); });
}

BOOST_AUTO_TEST_CASE(each_post_says_what_it_needs_and_has_its_form_in_ascii) {
  struct Row {
    const char* what;
    std::string content;
    bool said_utf8, eight_bit, smtputf8, seven_bit;
  };
  const std::string u = "\xc3\xbc";
  const std::string signed_head =
      "From: x@y.example\nSubject: s\nDate: d\nMessage-ID: <1@x>\nMIME-Version: 1.0\n"
      "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\n\n";
  const Row rows[] = {
      {"ASCII", post_from("x@y.example"), false, false, false, false},
      {"ASCII although SMTPUTF8 was said", post_from("x@y.example"), true, false, false, false},
      {"a body in 8 bit", post_from("x@y.example", u + "\n"), false, true, false, true},
      {"a subject in UTF-8", post_from("x@y.example", "b\n", u), true, true, true, true},
      {"a subject in UTF-8 that nobody announced", post_from("x@y.example", "b\n", u), false, false, false,
       false},
      {"such a one in what is signed", "DKIM-Signature: v=1\r\n" + post_from("x@y.example", "b\n", u), false,
       true, false, true},
      {"an author in UTF-8: not in ASCII at all", post_from(u + "@y.example"), true, true, true, false},
      {"an author in UTF-8 that nobody announced goes on as it came", post_from(u + "@y.example"), false,
       true, false, false},
      {"a domain in U-labels gets its other form", post_from("x@b" + u + "cher.example", "b\n"), true, true,
       true, true},
      {"a subject in Latin-1 is no UTF-8", post_from("x@y.example", "b\n", "\xfc"), false, true, false, true},
      {"a signed part must not be changed",
       crlf(signed_head + "--b\nContent-Type: text/plain; charset=UTF-8\n\n" + u + "\n--b--\n"), false, true,
       false, false},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      TestSite site;
      site.make_list("dev", {{"post", "anyone"}}, {"a@one.example"});
      TestSite::Asked asked;
      asked.smtputf8 = row.said_utf8;
      BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, row.content, asked).code == 250);
      const auto post = site.posts().front();
      BOOST_TEST(post.eight_bit == row.eight_bit);
      BOOST_TEST(post.smtputf8 == row.smtputf8);
      const std::string ascii = site.rendering(post.id, storage::Form::kSevenBit);
      BOOST_TEST(ascii.empty() == !row.seven_bit);
      for (const char c : ascii) BOOST_REQUIRE((c & 0x80) == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_the_list_adds_is_in_ascii_or_in_the_charset_of_the_mail) {
  TestSite site;
  const std::string u = "\xc3\xbc";
  site.make_list("dev",
                 {{"post", "anyone"},
                  {"subject_tag", "[" + u + "]"},
                  {"description", "B" + u + "cher"},
                  {"add_headers", "X-Campus: Z" + u + "rich"},
                  {"footer", "Gr" + u +
                                 "\xc3\x9f"
                                 "e"},
                  {"reply_to", "dev@b" + u + "cher.example"}},
                 {"a@one.example"});
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, post_from("x@y.example")).code == 250);
  const auto post = site.posts().front();
  const std::string text = site.rendering(post.id);
  BOOST_TEST(!post.smtputf8);
  BOOST_TEST(!post.eight_bit);
  BOOST_TEST(text.find("Reply-To: dev@xn--bcher-kva.example\r\n") != std::string::npos);
  BOOST_TEST(text.find("X-Campus: =?UTF-8?") != std::string::npos);
  BOOST_TEST(text.find("Gr=C3=BC=C3=9Fe") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tag_in_encoded_words_before_a_subject_in_utf8_is_one_text_in_ascii) {
  TestSite site;
  const std::string u = "\xc3\xbc";
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "[" + u + "]"}}, {"a@one.example"});
  BOOST_REQUIRE(
      site.send("x@y.example", {"dev@lists.example"}, post_from("x@y.example", "b\n", "Gr" + u), kUtf8)
          .code == 250);
  const auto header =
      mail::HeaderBlock::parse(site.rendering(site.posts().front().id, storage::Form::kSevenBit));
  BOOST_REQUIRE(header.ok());
  BOOST_TEST(mail::decode_encoded_words(header->value("Subject").value()) == "[" + u + "] Gr" + u);
}

BOOST_AUTO_TEST_CASE(a_report_names_the_member_in_any_form) {
  TestSite site;
  site.make_list("dev", {{"post", "anyone"}, {"envelope", "common"}}, {kJoerg});
  BOOST_REQUIRE(site.send("x@y.example", {"dev@lists.example"}, post_from("x@y.example")).code == 250);
  const std::string to = site.posts().front().envelope_sender;
  const std::string dsn = crlf(
      "From: m@b.example\nSubject: r\nMessage-ID: <2@x>\nMIME-Version: 1.0\n"
      "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
      "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; b\n\n"
      "Final-Recipient: utf-8; j\\x{F6}rg@xn--bcher-kva.example\nAction: failed\nStatus: 5.1.1\n\n--b--\n");
  BOOST_REQUIRE(site.send("", {to}, dsn).code == 250);
  BOOST_TEST(site.member("dev", kJoerg)->bounces == 1);
}

BOOST_AUTO_TEST_SUITE_END()
