// The planner: what becomes of an author whose domain signs.
#include "core/mail/address_list.h"
#include "core/mail/loop.h"
#include "lists/author_plan.h"
#include "tests/lists/author_site.h"

using namespace essaim;
using namespace essaim::lists;
using namespace essaim::test;
using mailauth::SigningKey;
using mailauth::Zone;

BOOST_AUTO_TEST_SUITE(author)

BOOST_AUTO_TEST_CASE(a_list_without_tag_and_footer_leaves_signing_authors_as_they_are) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  const Zone zone = author_zone("reject");
  const std::string original = signed_post();
  const std::string text = site.posted(original, zone);
  BOOST_TEST(far_end(text, zone) == "pass ");
  BOOST_TEST(has(text, "From: Ann Author <ann@author.example>"));
  BOOST_TEST(text.ends_with(original.substr(original.find("\r\n\r\n"))));
  BOOST_TEST(has(text, "Authentication-Results: mx.example;\r\n\tdkim=pass header.d=author.example"));
  BOOST_TEST(has(site.explanation(),
                 "author: keep: author.example publishes p=reject, and its signature verifies after"));
}

BOOST_AUTO_TEST_CASE(
    a_change_that_breaks_the_signature_makes_the_list_the_author_where_the_policy_asks_for_it) {
  const struct {
    const char* policy;
    bool rewritten;
  } rows[] = {{"reject", true}, {"quarantine", true}, {"none", false}, {"", false}};
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "[dev]"}}, {"m@example.org"});
    const std::string text = site.posted(signed_post(), author_zone(row.policy));
    BOOST_TEST_INFO(row.policy);
    BOOST_TEST(has(text, "From: Ann Author via dev <dev@lists.example>") == row.rewritten);
    BOOST_TEST(has(text, "Reply-To: Ann Author <ann@author.example>") == row.rewritten);
    BOOST_TEST(has(text, "Original-From: Ann Author <ann@author.example>") == row.rewritten);
    // What does not verify any more is gone either way.
    BOOST_TEST(!has(text, "DKIM-Signature:"));
  }
}

BOOST_AUTO_TEST_CASE(long_lines_stay_where_the_author_has_only_the_signature_that_would_break) {
  const std::string line(2000, 'y');
  mailauth::Answers unused;
  const std::string content = mailauth::signed_message(
      a_post("Ann Author <ann@author.example>") + line + "\r\n", {author_key()}, &unused);
  const struct {
    Settings settings;
    const char* policy;
    bool is_short;
    const char* from;
  } rows[] = {
      {{}, "none", true, "From: Ann Author <ann@author.example>"},
      {{}, "reject", true, "From: Ann Author via dev <dev@lists.example>"},
      {{{"author_protection", "keep"}}, "none", true, "From: Ann Author <ann@author.example>"},
      {{{"author_protection", "keep"}}, "reject", false, "From: Ann Author <ann@author.example>"},
      {{{"author_protection", "refuse"}}, "reject", false, "From: Ann Author <ann@author.example>"},
      // There it breaks anyway.
      {{{"author_protection", "keep"}, {"subject_tag", "[dev]"}}, "reject", true, "From: Ann Author <ann@"},
  };
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.policy << " " << row.settings.size() << " " << row.is_short) {
      AuthorSite site;
      Settings settings = row.settings;
      settings["post"] = "anyone";
      site.make_list("dev", settings, {"m@example.org"}, {"own@o.example"});
      const Zone zone = author_zone(row.policy);
      const std::string text = site.posted(content, zone);
      BOOST_TEST(!has(text, line) == row.is_short);
      BOOST_TEST(has(text, row.from));
      BOOST_TEST(far_end(text, zone) == (row.is_short ? "" : "pass "));
      // Mail that is only passed on keeps a signature that is good.
      BOOST_TEST(site.post(content, zone, "ann@author.example", nullptr, "dev-owner@lists.example").code ==
                 250);
      BOOST_TEST(has(site.rendering(site.last_id), line));
      BOOST_TEST(far_end(site.rendering(site.last_id), zone) == "pass ");
    }
  }
}

BOOST_AUTO_TEST_CASE(where_the_list_sets_reply_to_the_author_stays_in_cc) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "[dev]"}, {"reply_to", "list"}},
                 {"m@example.org"});
  const std::string text = site.posted(signed_post("Cc: other@example.com\n"), author_zone("reject"));
  BOOST_TEST(has(text, "Reply-To: dev@lists.example\r\n"));
  BOOST_TEST(has(text, "Cc: other@example.com, Ann Author <ann@author.example>\r\n"));
}

BOOST_AUTO_TEST_CASE(a_long_list_of_addresses_in_one_word_is_no_reason_to_refuse_an_author) {
  std::string many = "first@example.com";
  for (int i = 0; i < 100; ++i) many += ",\"Doe,J\"<j" + std::to_string(i) + "@example.com>";
  std::string ids = "<0@a>";
  for (int i = 0; i < 100; ++i) ids += "<" + std::to_string(i) + "@author.example>";
  for (const char* protection : {"rewrite", "wrap"}) {
    AuthorSite site;
    site.make_list("dev",
                   {{"post", "anyone"},
                    {"subject_tag", "[dev]"},
                    {"reply_to", "list"},
                    {"author_protection", protection}},
                   {"m@example.org"});
    const std::string text =
        site.posted(signed_post("Cc: " + many + "\nCc: second@example.com\nReferences: " + ids + "\n"),
                    author_zone("reject"));
    const auto header = mail::HeaderBlock::parse(text);
    const auto cc = mail::parse_address_list(header->value("Cc").value_or("")).mailboxes;
    const bool wraps = std::string(protection) == "wrap";
    BOOST_TEST_INFO(protection);
    BOOST_REQUIRE(cc.size() == (wraps ? 101U : 103U));
    BOOST_TEST(cc[100].name == "Doe,J");
    if (!wraps) {
      BOOST_TEST(cc[101].local + "@" + cc[101].domain == "second@example.com");
      BOOST_TEST(cc[102].local + "@" + cc[102].domain == "ann@author.example");
    }
  }
}

BOOST_AUTO_TEST_CASE(settings_and_exceptions_choose_the_treatment) {
  const struct {
    Settings settings;
    const char* from;
    const char* more;
  } rows[] = {
      {{{"author_protection", "keep"}}, "From: Ann Author <ann@author.example>", "Subject: [dev] hello"},
      {{{"author_protection", "wrap"}},
       "From: Ann Author via dev <dev@lists.example>",
       "Content-Type: message/rfc822"},
      {{{"author_exceptions", "author.example=keep"}}, "From: Ann Author <ann@author.example>", ""},
      {{{"author_exceptions", "author.example=keep ann@author.example=rewrite"}},
       "From: Ann Author via dev",
       ""},
      {{{"author_exceptions", "other.example=keep"}}, "From: Ann Author via dev", ""},
      {{{"author_protection_from", "reject"}}, "From: Ann Author <ann@author.example>", ""},
      {{{"broken_signatures", "rename"}}, "From: Ann Author via dev", "X-Broken-DKIM-Signature: v=1;"},
      {{{"broken_signatures", "keep"}}, "From: Ann Author via dev", "\nDKIM-Signature: v=1;"},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    Settings settings = row.settings;
    settings["post"] = "anyone";
    settings["subject_tag"] = "[dev]";
    site.make_list("dev", settings, {"m@example.org"});
    const std::string text = site.posted(signed_post(), author_zone("quarantine"));
    BOOST_TEST_INFO(row.settings.begin()->first << "=" << row.settings.begin()->second);
    BOOST_TEST(has(text, row.from));
    BOOST_TEST(has(text, row.more));
  }
}

BOOST_AUTO_TEST_CASE(what_is_wrapped_verifies_inside) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"footer", "-- the list"}, {"author_protection", "wrap"}},
                 {"m@example.org"});
  const Zone zone = author_zone("reject");
  const std::string text = site.posted(signed_post(), zone);
  const std::string inner = text.substr(text.find("\r\n\r\n") + 4);
  BOOST_TEST(inner == signed_post());
  BOOST_TEST(far_end(inner, zone) == "pass ");
}

BOOST_AUTO_TEST_CASE(what_is_wrapped_names_no_blind_copies) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"footer", "-- the list"}, {"author_protection", "wrap"}},
                 {"m@example.org"});
  const std::string text = site.posted("Bcc: dean@author.example\r\n" + signed_post(), author_zone("reject"));
  BOOST_TEST(!has(text, "dean@"));
}

BOOST_AUTO_TEST_CASE(a_blind_copy_is_passed_on_to_the_owners_only_where_it_is_signed) {
  AuthorSite site;
  site.make_list("dev", {}, {}, {"own@o.example"});
  const Zone zone = author_zone("reject");
  const auto passed_on = [&](const std::string& content) {
    BOOST_TEST(site.post(content, zone, "ann@author.example", nullptr, "dev-owner@lists.example").code ==
               250);
    return site.rendering(site.last_id);
  };
  const std::string not_signed = passed_on("Bcc: dean@author.example\r\n" + signed_post());
  BOOST_TEST(!has(not_signed, "dean@"));
  BOOST_TEST(far_end(not_signed, zone) == "pass ");
  const std::string is_signed = passed_on(
      mailauth::signed_by_stranger(a_post("ann@author.example", "<2@a>", "Bcc: dean@author.example\n"),
                                   *author_key(), {.fields = {"from", "bcc"}}));
  BOOST_TEST(has(is_signed, "Bcc: dean@author.example\r\n"));
  BOOST_TEST(far_end(is_signed, zone) == "pass ");
}

BOOST_AUTO_TEST_CASE(a_message_id_that_cannot_be_read_stays_only_where_it_is_signed) {
  for (const bool is_signed : {true, false}) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
    const Zone zone = author_zone("reject");
    const std::vector<std::string> fields =
        is_signed ? std::vector<std::string>{"from", "message-id"} : std::vector<std::string>{"from"};
    const std::string text =
        site.posted(mailauth::signed_by_stranger(a_post("ann@author.example", "<a\"b@author.example>"),
                                                 *author_key(), {.fields = fields}),
                    zone);
    BOOST_TEST(has(text, "\r\nMessage-ID: <a\"b@author.example>\r\n") == is_signed, text);
    BOOST_TEST(has(text, "\r\nMessage-ID: <" + format_id(site.last_id) + "@") != is_signed, text);
    BOOST_TEST(far_end(text, zone) == "pass ");
  }
}

BOOST_AUTO_TEST_CASE(two_lists_that_wrap_and_are_members_of_each_other_come_to_an_end) {
  AuthorSite site;
  for (const char* name : {"dev", "other"})
    site.make_list(name,
                   {{"post", "anyone"}, {"footer", std::string("-- ") + name}, {"author_protection", "wrap"}},
                   {"m@example.org"});
  Zone zone = author_zone("reject");
  zone.text("_dmarc.lists.example", "v=DMARC1; p=reject");
  const std::string first = site.posted(
      signed_post("Received: from a by b; now\nAuto-Submitted: auto-generated\nX-Loop: far@z.example\n"),
      zone);
  BOOST_TEST(site.post(first, zone, "dev-bounces@lists.example", nullptr, "other@lists.example").code == 250);
  const std::string second = site.rendering(site.last_id);
  BOOST_TEST(has(second, "From: Ann Author via dev via other <other@lists.example>"), second);
  const auto header = mail::HeaderBlock::parse(second);
  const mail::LoopMarks marks = mail::loop_marks(*header);
  BOOST_TEST(marks.received == 3U);  // of the author, and two of ours
  BOOST_TEST(marks.auto_submitted);
  for (const char* mark : {"far@z.example", "dev@lists.example", "other@lists.example"})
    BOOST_TEST(marks.has_x_loop(mark), mark);
  BOOST_TEST(header->fields().front().is("Authentication-Results"));
  const auto third = site.post(second, zone, "other-bounces@lists.example");
  BOOST_TEST(third.to_string() == "554 5.4.6 mail loop: the message has been here before [rule: loop]");
}

BOOST_AUTO_TEST_CASE(refusing_names_the_reason) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"footer", "-- the list"}, {"author_protection", "refuse"}},
                 {"m@example.org"});
  const auto reply = site.post(signed_post(), author_zone("reject"));
  BOOST_TEST(reply.code == 550);
  BOOST_TEST(has(reply.to_string(), "author.example publishes p=reject"));
  BOOST_TEST(has(reply.to_string(), "author-protection"));
}

BOOST_AUTO_TEST_CASE(authors_who_only_have_spf_cannot_pass_a_list_unchanged) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  Zone zone = author_zone("reject");
  zone.text("author.example", "v=spf1 ip4:192.0.2.1 -all");
  const std::string text = site.posted(a_post("ann@author.example"), zone);
  BOOST_TEST(has(text, "From: ann via dev <dev@lists.example>"));
  BOOST_TEST(has(text, "dmarc=pass"));
  // A name that we cannot read is for those who can.
  const std::string unread = a_post("=?x-unknown?B?yKux5rW/?= <ann@author.example>", "<2@author.example>");
  BOOST_TEST(has(site.posted(unread, zone), "From: =?x-unknown?B?yKux5rW/?= via dev <dev@lists.example>"));
}

BOOST_AUTO_TEST_CASE(a_policy_that_cannot_be_looked_up_counts_as_one) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "[dev]"}}, {"m@example.org"});
  Zone zone = author_zone("none");
  zone.broken = {"_dmarc.author.example"};
  BOOST_TEST(has(site.posted(signed_post(), zone), "From: Ann Author via dev"));
}

BOOST_AUTO_TEST_CASE(posts_are_sealed_by_arc_when_the_domain_has_a_key) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "[dev]"}}, {"m@example.org"});
  sign_for_the_list(site);
  const std::string text = site.posted(signed_post(), author_zone("reject"));
  BOOST_TEST(text.starts_with("ARC-Seal: i=1; a=rsa-sha256; d=lists.example; s=r1;"));
  BOOST_TEST(
      has(text, "ARC-Authentication-Results: i=1; mx.example;\r\n\tdkim=pass header.d=author.example"));
  BOOST_TEST(chain(text) == "pass");
}

// The list is of the author's own domain, which signs and publishes p=reject.
BOOST_AUTO_TEST_CASE(our_signature_vouches_only_for_authors_who_are_known) {
  const auto boss = [] {
    auto login = std::make_shared<sasl::Login>();
    login->account = "boss";
    login->addresses = {"boss@lists.example"};
    return login;
  }();
  const std::string own_spf = "v=spf1 ip4:192.0.2.1 -all";
  const struct {
    const char* what;
    std::shared_ptr<const sasl::Login> login;
    bool spf;
    const char* protection;
    bool kept;
    bool unknown;
  } rows[] = {
      {"a forgery", nullptr, false, "rewrite", false, false},
      {"a forgery that is kept", nullptr, false, "keep", true, true},
      {"a login", boss, false, "rewrite", true, false},
      {"spf passes", nullptr, true, "rewrite", true, false},
  };
  for (const auto& row : rows) {
    for (const bool waits : {false, true}) {
      AuthorSite site;
      Settings settings{{"post", "anyone"}, {"author_protection", row.protection}};
      if (waits) settings = {{"send", "editorkey"}, {"author_protection", row.protection}};
      site.make_list("dev", settings, {"m@example.org"}, {"own@o.example"});
      sign_for_the_list(site);
      Zone zone;
      zone.text("_dmarc.lists.example", "v=DMARC1; p=reject");
      if (row.spf) zone.text("lists.example", own_spf);
      const auto reply =
          site.post(a_post("boss@lists.example"), zone,
                    row.spf || row.login ? "boss@lists.example" : "eve@evil.example", row.login);
      BOOST_REQUIRE_MESSAGE(reply.code == 250, reply.to_string());
      if (waits) site.approve();
      const Id id = waits ? site.held_id : site.last_id;
      BOOST_TEST_INFO(row.what << (waits ? ", after it waited" : ""));
      BOOST_TEST(has(site.rendering(id), "\nFrom: boss@lists.example\r\n") == row.kept, site.rendering(id));
      for (const auto& record : site.posts())
        if (record.id == id) BOOST_TEST(record.author_unknown == row.unknown);
    }
  }
}

BOOST_AUTO_TEST_CASE(what_goes_to_the_owners_is_marked_for_the_signer_where_nobody_stands_behind_it) {
  for (const bool spf : {false, true}) {
    AuthorSite site;
    site.make_list("dev", {}, {}, {"own@o.example"});
    Zone zone;
    zone.text("_dmarc.lists.example", "v=DMARC1; p=reject");
    if (spf) zone.text("lists.example", "v=spf1 ip4:192.0.2.1 -all");
    const auto reply =
        site.post(a_post("boss@lists.example"), zone, spf ? "boss@lists.example" : "eve@evil.example",
                  nullptr, "dev-owner@lists.example");
    BOOST_REQUIRE_MESSAGE(reply.code == 250, reply.to_string());
    BOOST_REQUIRE(site.posts().size() == 1u);
    BOOST_TEST(site.posts().front().author_unknown == !spf);
  }
}

// What cannot be found out now may be a forgery as well.
BOOST_AUTO_TEST_CASE(an_author_whose_domain_cannot_be_asked_is_marked_for_the_signer) {
  const struct {
    const char* record;
    const char* silent;
    const char* from;
    bool unknown;
  } rows[] = {
      {"p=reject", "lists.example", "boss@lists.example", true},
      {"p=reject", "_dmarc.lists.example", "boss@lists.example", true},
      {"p=none", "lists.example", "boss@lists.example", false},
      {"p=none; np=reject", "sub.lists.example", "boss@sub.lists.example", true},
      // Authors of several domains.
      {"p=none", "nothing.example", "ann@author.example, boss@lists.example", true},
      {"p=none", "nothing.example", "boss@lists.example", false},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {}, {}, {"own@o.example"});
    Zone zone;
    zone.text("_dmarc.lists.example", std::string("v=DMARC1; ") + row.record);
    zone.broken = {row.silent};
    const auto reply =
        site.post(a_post(row.from), zone, "boss@lists.example", nullptr, "dev-owner@lists.example");
    BOOST_REQUIRE_MESSAGE(reply.code == 250, reply.to_string());
    BOOST_REQUIRE(site.posts().size() == 1u);
    BOOST_TEST_INFO(row.record << " " << row.silent << " " << row.from);
    BOOST_TEST(site.posts().front().author_unknown == row.unknown);
  }
}

BOOST_AUTO_TEST_CASE(a_list_that_refuses_authors_refuses_nobody_for_good_whose_domain_cannot_be_asked) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"author_protection", "refuse"}}, {"m@example.org"});
  sign_for_the_list(site);
  Zone own;
  own.text("_dmarc.lists.example", "v=DMARC1; p=reject").text("lists.example", "v=spf1 ip4:192.0.2.1 -all");
  for (const char* silent : {"_dmarc.lists.example", "lists.example"}) {
    Zone zone = own;
    zone.broken = {silent};
    // The policy is silent: SPF of the very domain would do under any.
    const char* const sender = silent[0] == '_' ? "boss@mail.lists.example" : "boss@lists.example";
    const auto reply = site.post(a_post("boss@lists.example"), zone, sender);
    BOOST_TEST(reply.to_string() ==
               "451 4.7.0 whether lists.example stands behind this message cannot be found "
               "out now [rule: author-protection]");
  }
  BOOST_TEST(site.post(a_post("boss@lists.example"), own, "boss@lists.example").code == 250);
  BOOST_TEST(site.post(a_post("boss@lists.example", "<2@a>"), own, "eve@evil.example").code == 550);
  // SPF passes, and the signature would, which the list leaves alone.
  Zone theirs = author_zone("reject");
  theirs.text("author.example", "v=spf1 ip4:192.0.2.1 -all");
  Zone silent = theirs;
  silent.broken = {mailauth::key_record_name("s1", "author.example")};
  BOOST_TEST(site.post(signed_post(), silent).code == 451);
  BOOST_TEST(site.post(signed_post(), theirs).code == 250);
}

// SPF passes, so that DMARC does; the signature would survive, if its key could be looked up.
BOOST_AUTO_TEST_CASE(a_signature_that_may_be_the_authors_is_waited_for_by_a_list_that_refuses_authors) {
  const struct {
    const char* record;
    const char* signer;
    int code;
  } rows[] = {
      {"p=reject", "news.author.example", 451},
      {"p=reject", "author.example", 451},
      {"p=reject", "mail.news.author.example", 451},
      {"p=reject", "mail.author.example", 451},
      {"p=reject", "evil.example", 550},
      {"p=reject; adkim=s", "author.example", 550},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"author_protection", "refuse"}}, {"m@example.org"});
    const auto key = std::make_shared<const SigningKey>(
        SigningKey{row.signer, "s1", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)});
    mailauth::Answers unused;
    const std::string content = mailauth::signed_message(a_post("ann@news.author.example"), {key}, &unused);
    Zone zone;
    zone.text("_dmarc.author.example", std::string("v=DMARC1; ") + row.record)
        .text("news.author.example", "v=spf1 ip4:192.0.2.1 -all");
    zone.broken = {mailauth::key_record_name("s1", row.signer)};
    const auto reply = site.post(content, zone, "ann@news.author.example");
    BOOST_TEST_INFO(row.signer << " " << row.record);
    BOOST_TEST(reply.code == row.code, reply.to_string());
    BOOST_TEST(has(reply.to_string(), "[rule: author-protection]"), reply.to_string());
  }
}

BOOST_AUTO_TEST_CASE(a_list_that_refuses_authors_lets_its_own_confirm_first) {
  AuthorSite site;
  site.make_list("dev", {{"send", "publickey"}, {"author_protection", "refuse"}}, {"boss@lists.example"});
  sign_for_the_list(site);
  Zone zone;
  zone.text("_dmarc.lists.example", "v=DMARC1; p=reject");
  const auto reply = site.post(a_post("boss@lists.example"), zone, "eve@evil.example");
  BOOST_TEST(reply.to_string().starts_with("250 2.0.0 Ok: waits for its author's confirmation"),
             reply.to_string());
  site.approve();
  BOOST_TEST(list_posts(site) == 1u);
  BOOST_TEST(has(site.rendering(site.held_id), "\nFrom: boss@lists.example\r\n"));
  // A confirmation makes nothing of those that we do not sign for.
  BOOST_TEST(
      site.post(a_post("ann@author.example", "<2@a>"), author_zone("reject"), "eve@evil.example").code ==
      550);
}

// The key goes to the one in Sender, who is none of those for whom we would sign.
BOOST_AUTO_TEST_CASE(a_sender_who_confirms_makes_nobody_known_whom_from_names) {
  for (const char* from : {"boss@lists.example, cfo@lists.example", "boss@lists.example, eve@evil.example"}) {
    for (const std::string protection : {"rewrite", "keep", "refuse"}) {
      AuthorSite site;
      site.make_list("dev", {{"send", "publickey"}, {"author_protection", protection}}, {"m@example.org"});
      sign_for_the_list(site);
      Zone zone;
      zone.text("_dmarc.lists.example", "v=DMARC1; p=reject");
      const auto reply =
          site.post(a_post(from, "<1@a>", "Sender: eve@evil.example\n"), zone, "eve@evil.example");
      BOOST_TEST_CONTEXT(from << " " << protection) {
        BOOST_TEST(reply.code == (protection == "refuse" ? 550 : 250), reply.to_string());
        if (reply.code != 250) continue;
        site.approve();
        const bool kept = protection == "keep";
        BOOST_TEST(has(site.rendering(site.held_id), "\nFrom: boss@lists.example") == kept);
        for (const auto& record : site.posts())
          if (record.id == site.held_id) BOOST_TEST(record.author_unknown == kept);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_post_that_waits_goes_out_by_what_was_verified_when_it_came) {
  const struct {
    Settings settings;
    const char* from;
    const char* signatures;
  } rows[] = {
      {{{"subject_tag", "[dev]"}}, "\r\nFrom: Ann Author via dev <dev@lists.example>\r\n", ""},
      // Nothing that is signed is changed: the author's signature is as good as on the day it came.
      {{}, "\r\nFrom: Ann Author <ann@author.example>\r\n", "pass "},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    Settings settings = row.settings;
    settings["send"] = "editorkey";
    site.make_list("dev", settings, {"m@example.org"}, {"own@o.example"});
    sign_for_the_list(site);
    const Zone zone = author_zone("reject");
    BOOST_TEST(site.post(signed_post(), zone).code == 250);
    site.clock.advance(std::chrono::hours(30));
    site.approve();
    const std::string text = site.rendering(site.last_id);
    BOOST_TEST(has(text, row.from), text);
    BOOST_TEST(far_end(text, zone) == row.signatures);
    BOOST_TEST(has(text, "Authentication-Results: mx.example;\r\n\tdkim=pass header.d=author.example"), text);
    BOOST_TEST(has(text, "ARC-Authentication-Results: i=1; mx.example;\r\n\tdkim=pass"), text);
    BOOST_TEST(chain(text) == "pass");
    BOOST_TEST(has(site.explanation(), "author.example publishes p=reject"));
    // What the moderators were told.
    const Letter letter = last_letter(site, "own@o.example");
    BOOST_TEST(letter.says("dkim=pass header.d=author.example"), letter.text);
    BOOST_TEST(letter.says("dmarc=pass header.from=author.example policy.dmarc=reject"), letter.text);
    BOOST_TEST(!letter.says("does not stand behind"), letter.text);
  }
}

BOOST_AUTO_TEST_CASE(a_list_that_refuses_such_authors_since_sends_what_it_took_before_under_its_own_name) {
  AuthorSite site;
  site.make_list("dev", {{"send", "editorkey"}, {"subject_tag", "[dev]"}}, {"m@example.org"},
                 {"own@o.example"});
  BOOST_TEST(site.post(signed_post(), author_zone("reject")).code == 250);
  TestSite::require(site.admin.set_list("dev@lists.example", {{"author_protection", "refuse"}}));
  BOOST_TEST(site.post(signed_post("X: 2\n"), author_zone("reject")).code == 550);
  site.approve();
  BOOST_TEST(has(site.rendering(site.held_id), "\r\nFrom: Ann Author via dev <dev@lists.example>\r\n"));
}

BOOST_AUTO_TEST_CASE(a_list_that_hides_its_authors_says_nothing_of_them_whatever_was_verified) {
  for (const bool is_signed : {true, false}) {
    BOOST_TEST_CONTEXT(is_signed) {
      AuthorSite site;
      sign_for_the_list(site);
      site.make_list("dev", {{"post", "anyone"}, {"anonymous", "true"}, {"author_protection", "refuse"}},
                     {"m@example.org"});
      const std::string content = is_signed ? signed_post() : a_post("Ann Author <ann@author.example>");
      const std::string text = site.posted(content, author_zone("reject"));
      BOOST_TEST(!has(text, "author.example"), text);
      BOOST_TEST(!has(text, "Ann"), text);
      BOOST_TEST(!has(text, "client.example"), text);
      BOOST_TEST(!has(text, "ARC-Seal"), text);
      BOOST_TEST(has(text, "From: dev <dev@lists.example>\r\n"));
      BOOST_TEST(has(text, "X-Unauthenticated-Author: dmarc=fail\r\n") == !is_signed);
      BOOST_TEST(has(site.explanation(), "author: hidden"));
      BOOST_TEST(site.posts().front().author == "ann@author.example");  // for those who run the site
    }
  }
}

BOOST_AUTO_TEST_CASE(what_waited_hides_its_author_too) {
  AuthorSite site;
  site.make_list("dev", {{"send", "editorkey"}, {"anonymous", "true"}}, {"m@example.org"}, {"own@o.example"});
  BOOST_REQUIRE(site.post(signed_post(), author_zone("reject")).code == 250);
  site.approve();
  const std::string text = site.rendering(site.held_id);
  BOOST_TEST(has(text, "From: dev <dev@lists.example>\r\n"));
  BOOST_TEST(!has(text, "author.example"), text);
}

// By the id that it has there whoever complains names it, and that its author has not.
BOOST_AUTO_TEST_CASE(a_post_to_lists_that_hide_its_author_is_found_by_the_id_of_its_copies) {
  TestSite site;
  LogLines log;
  for (const char* name : {"one", "two"})
    site.make_list(name, {{"post", "anyone"}, {"anonymous", "true"}}, {"m@example.org"});
  BOOST_REQUIRE(site.send("ann@author.example", {"one@lists.example", "two@lists.example"},
                          a_post("ann@author.example"))
                    .positive());
  const auto posts = site.posts();
  BOOST_REQUIRE(posts.size() == 2U);
  BOOST_TEST(posts[0].message_id != posts[1].message_id);
  for (const auto& post : posts) {
    BOOST_TEST(has(site.rendering(post.id), "Message-ID: " + post.message_id + "\r\n"));
    BOOST_TEST(has(post.explanation, "it came as <1@author.example>"));
    BOOST_TEST(log.has({"accepted", "list=" + post.list_address, "<1@author.example>", post.message_id}));
    site.read([&](storage::Connection& c) {
      storage::PostFilter filter;
      filter.message_id = post.message_id;
      const auto found = storage::PostStore(c).search(filter);
      TestSite::require(found);
      BOOST_REQUIRE(found->size() == 1U);
      BOOST_TEST(found->front().list_address == post.list_address);
    });
  }
  // It is known again all the same.
  BOOST_REQUIRE(
      site.send("ann@author.example", {"one@lists.example"}, a_post("ann@author.example")).positive());
  BOOST_TEST(site.posts().size() == 2U);
}

BOOST_AUTO_TEST_SUITE_END()
