// What the settings of a list make of authors who do not authenticate.
#include "lists/site_texts.h"
#include "tests/lists/author_site.h"

using namespace essaim;
using namespace essaim::lists;
using namespace essaim::test;
using mailauth::Zone;

namespace {

// Of two authors of a domain that signs; who sent it stands in Sender.
std::string signed_by_two(const std::string& sender, const std::string& message_id) {
  mailauth::Answers unused;
  return mailauth::signed_message(
      a_post("ann@author.example, Bob <bob@author.example>", message_id, "Sender: " + sender + "\n"),
      {author_key()}, &unused);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(author_verdicts)

BOOST_AUTO_TEST_CASE(results_that_claim_to_be_ours_go_and_those_of_others_stay) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
  const std::string text = site.posted(
      "Authentication-Results: mx.EXAMPLE; dkim=pass header.d=evil.example\r\n"
      "Authentication-Results: other.example; spf=pass\r\n" +
          a_post("ann@author.example"),
      author_zone(""));
  BOOST_TEST(!has(text, "evil.example"));
  BOOST_TEST(has(text, "Authentication-Results: other.example; spf=pass"));
}

BOOST_AUTO_TEST_CASE(what_fails_dmarc_is_marked_or_refused_as_the_list_says) {
  const struct {
    const char* setting;
    const char* more;
    int code;
    bool marked;
  } rows[] = {{"accept", "", 250, false},
              {"mark", "", 250, true},
              {"refuse", "", 550, false},
              // Anybody can write it.
              {"refuse", "List-Id: <other.example>\nList-Post: <mailto:x@other.example>\n", 550, false}};
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", row.setting}}, {"m@example.org"});
    const auto reply =
        site.post(a_post("ann@author.example", "<1@a>", row.more), author_zone("reject"), "eve@evil.example");
    BOOST_TEST_INFO(row.setting << " " << row.more);
    BOOST_TEST(reply.code == row.code);
    if (reply.code == 250)
      BOOST_TEST(has(site.rendering(site.last_id),
                     "X-Unauthenticated-Author: dmarc=fail (p=reject) header.from=author.example") ==
                 row.marked);
  }
}

BOOST_AUTO_TEST_CASE(commands_in_the_name_of_who_disowns_them_are_refused_and_not_answered) {
  const struct {
    const char* policy;
    bool is_signed;
    bool silent;
    bool judged;
    int code;
  } rows[] = {{"reject", false, false, true, 550}, {"quarantine", false, false, true, 550},
              {"none", false, false, true, 250},   {"", false, false, true, 250},
              {"reject", true, false, true, 250},  {"reject", false, true, true, 451},
              {"reject", false, false, false, 250}};
  for (const auto& row : rows) {
    for (const char* to : {"sympa@lists.example", "dev-unsubscribe@lists.example"}) {
      BOOST_TEST_INFO_SCOPE(row.policy << (row.is_signed ? " signed" : "") << (row.silent ? " silent " : " ")
                                       << to);
      AuthorSite site;
      site.judges = row.judged;
      // What it says of posts is no matter.
      site.make_list("dev", {{"dmarc_failure", "accept"}}, {"ann@author.example", "m@example.org"},
                     {"ann@author.example"});
      mailauth::Zone zone = author_zone(row.policy);
      if (row.silent) zone.broken = {"_dmarc.author.example"};
      mailauth::Answers unused;
      const std::string mail = crlf(
          "From: ann@author.example\nTo: x@lists.example\nSubject: quiet del dev m@example.org\n"
          "Message-ID: <1@a>\n\n\n");
      const auto reply =
          site.post(row.is_signed ? mailauth::signed_message(mail, {author_key()}, &unused) : mail, zone,
                    "eve@evil.example", nullptr, to);
      BOOST_TEST(reply.code == row.code, reply.to_string());
      if (row.code == 550) BOOST_TEST(reply.to_string().ends_with("[rule: dmarc]"), reply.to_string());
      BOOST_TEST(site.posts().empty() == (row.code != 250));  // what would be answered
      if (std::string_view(to).starts_with("sympa"))
        BOOST_TEST(site.member("dev", "m@example.org").has_value() == (row.code != 250));
    }
  }
}

BOOST_AUTO_TEST_CASE(who_is_on_a_list_is_not_told_in_the_dialogue_to_who_writes_any_from) {
  for (const bool is_signed : {false, true}) {
    for (const bool is_member : {false, true}) {
      BOOST_TEST_INFO_SCOPE((is_signed ? "signed" : "not signed") << (is_member ? ", member" : ""));
      AuthorSite site;
      site.make_list("dev", {{"unsubscribe", "auth"}}, {is_member ? "ann@author.example" : "m@example.org"});
      mailauth::Answers unused;
      const std::string mail = crlf("From: ann@author.example\nTo: x@lists.example\nMessage-ID: <1@a>\n\n\n");
      const auto reply =
          site.post(is_signed ? mailauth::signed_message(mail, {author_key()}, &unused) : mail,
                    author_zone(""), "eve@evil.example", nullptr, "dev-unsubscribe@lists.example");
      BOOST_TEST(reply.code == (is_signed && !is_member ? 550 : 250), reply.to_string());
      if (reply.code != 250) continue;
      // To who may be forged goes no more than the question.
      const auto letters = letters_to(site, "ann@author.example");
      BOOST_TEST(letters.size() == (is_member ? 1U : 0U));
      if (is_member) BOOST_TEST(letters.front().says("take ann@author.example off dev@lists.example"));
    }
  }
}

BOOST_AUTO_TEST_CASE(nor_by_trying_to_join_a_closed_list) {
  for (const char* rule : {"closed", "invitation"}) {
    for (const bool is_member : {false, true}) {
      BOOST_TEST_INFO_SCOPE(rule << (is_member ? ", member" : ""));
      AuthorSite site;
      site.make_list("dev", {{"subscribe", rule}}, {is_member ? "ann@author.example" : "m@example.org"});
      const std::string mail = crlf("From: ann@author.example\nTo: x@lists.example\nMessage-ID: <1@a>\n\n\n");
      const auto reply =
          site.post(mail, author_zone(""), "eve@evil.example", nullptr, "dev-subscribe@lists.example");
      BOOST_TEST(reply.code == 550, reply.to_string());
    }
  }
}

// Only posts are excused by having come through another list; and what one reader takes for no List-Id shall not be one to another.
BOOST_AUTO_TEST_CASE(no_command_comes_by_another_list) {
  for (const char* list_id :
       {"List-Id: <> <evil.example\n", "List-Id: <x.evil.example>\n", "List-Id: evil.example\n"}) {
    AuthorSite site;
    site.make_list("dev", {}, {"m@example.org"}, {"ann@author.example"});
    mailauth::Zone zone = author_zone("reject");
    zone.text("evil.example", "v=spf1 ip4:192.0.2.1 -all");
    const auto reply = site.post(crlf("From: ann@author.example\nTo: x@lists.example\nMessage-ID: <1@a>\n" +
                                      std::string(list_id) + "Subject: quiet del dev m@example.org\n\n\n"),
                                 zone, "eve@evil.example", nullptr, "sympa@lists.example");
    BOOST_TEST(reply.code == 550, list_id << reply.to_string());
    BOOST_TEST(site.member("dev", "m@example.org").has_value());
  }
}

// Whoever stands in Sender beside several authors is the one that posts.
BOOST_AUTO_TEST_CASE(a_member_who_is_forged_in_sender_is_doubted_as_one_in_from) {
  const struct {
    const char* setting;
    int code;
    std::size_t posts;
  } rows[] = {{"mark", 250, 1}, {"refuse", 550, 0}, {"hold", 250, 0}};
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"send", "private"}, {"dmarc_failure", row.setting}}, {"ann@author.example"},
                   {"own@o.example"});
    const auto reply = site.post(
        a_post("Eve <x@nobody.example>, y@nobody.example", "<1@a>", "Sender: Ann <ann@author.example>\n"),
        author_zone("reject"), "eve@evil.example");
    BOOST_TEST_CONTEXT(row.setting) {
      BOOST_TEST(reply.code == row.code, reply.to_string());
      BOOST_TEST(list_posts(site) == row.posts);
      if (row.posts > 0)
        BOOST_TEST(has(site.rendering(site.last_id),
                       "X-Unauthenticated-Author: dmarc=fail (p=reject) header.sender=author.example"));
    }
  }
}

// By way of another list it is no fault of the author's.
BOOST_AUTO_TEST_CASE(another_list_is_believed_where_its_domain_stands_behind_its_name) {
  const auto key = std::make_shared<const mailauth::SigningKey>(mailauth::SigningKey{
      "other.example", "o1", mailauth::PrivateKey::generate(mailauth::Algorithm::kEd25519Sha256)});
  const std::string key_name = mailauth::key_record_name("o1", "other.example");
  const struct {
    const char* list_id;
    bool is_signed;
    const char* sender;
    const char* silent;
    int code;
  } rows[] = {
      {"<other.example>", true, "eve@evil.example", "", 250},
      {"The others <Dev.Lists.OTHER.example>", true, "eve@evil.example", "", 250},
      {"dev.other.example", true, "eve@evil.example", "", 250},
      {"<dev.other.example>", false, "dev-bounces@other.example", "", 250},
      {"<dev.other.example>", false, "eve@evil.example", "", 550},
      {"<dev.another.example>", true, "dev-bounces@other.example", "", 550},
      {"<example>", true, "dev-bounces@other.example", "", 550},
      {"", true, "dev-bounces@other.example", "", 550},
      {"<dev.other.example>", true, "eve@evil.example", key_name.c_str(), 451},
      {"<dev.other.example>", false, "dev-bounces@other.example", "other.example", 451},
      {"<dev.another.example>", true, "eve@evil.example", key_name.c_str(), 550},
  };
  for (const auto& row : rows) {
    for (const char* setting : {"refuse", "hold"}) {
      AuthorSite site;
      site.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", setting}}, {"m@example.org"},
                     {"own@o.example"});
      Zone zone = author_zone("reject");
      zone.text(key_name, mailauth::key_record_text(key->key));
      zone.text("other.example", "v=spf1 ip4:192.0.2.1 -all");
      zone.broken = {row.silent};
      std::string content =
          a_post("ann@author.example", "<1@a>", "List-Id: " + std::string(row.list_id) + "\n");
      mailauth::Answers unused;
      if (row.is_signed) content = mailauth::signed_message(content, {key}, &unused);
      const auto reply = site.post(content, zone, row.sender);
      const bool waits = row.code == 550 && setting == std::string("hold");
      BOOST_TEST_INFO(setting << " " << row.list_id << " " << row.is_signed << " " << row.sender);
      BOOST_TEST(reply.code == (waits ? 250 : row.code), reply.to_string());
      BOOST_TEST(list_posts(site) == (row.code == 250 ? 1u : 0u));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_good_chain_counts_for_what_its_sealer_is_worth) {
  AuthorSite far;
  far.make_list("far", {{"post", "anyone"}, {"author_protection", "keep"}, {"subject_tag", "[far]"}},
                {"m@example.org"});
  sign_for_the_list(far);
  Zone zone = author_zone("reject");
  BOOST_REQUIRE(far.post(signed_post(), zone, "ann@author.example", nullptr, "far@lists.example").code ==
                250);
  const std::string sealed = far.rendering(far.last_id);
  BOOST_REQUIRE(chain(sealed) == "pass");
  zone.text(mailauth::key_record_name("r1", "lists.example"), mailauth::key_record_text(list_key()->key));
  for (const bool trusted : {false, true}) {
    for (const bool broken : {false, true}) {
      AuthorSite site;
      site.trusts_sealer = trusted;
      site.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", "refuse"}}, {"m@example.org"});
      const auto reply =
          site.post(sealed + (broken ? "More\r\n" : ""), zone, "far-bounces@elsewhere.example");
      BOOST_TEST_INFO(trusted << broken);
      BOOST_TEST(reply.code == (trusted && !broken ? 250 : 550), reply.to_string());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_silent_server_makes_a_failure_uncertain_only_where_it_could_have_aligned) {
  const std::string foreign =
      "DKIM-Signature: v=1; a=ed25519-sha256; d=evil.example; s=x; h=from;\r\n"
      " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
  const struct {
    const char* setting;
    const char* silent;
    const char* sender;
    std::string more;
    int code;
    bool marked;
  } rows[] = {
      {"mark", "evil.example", "eve@evil.example", "", 250, true},
      {"refuse", "evil.example", "eve@evil.example", "", 550, false},
      {"mark", "x._domainkey.evil.example", "eve@other.example", foreign, 250, true},
      {"refuse", "x._domainkey.evil.example", "eve@other.example", foreign, 550, false},
      {"mark", "author.example", "ann@author.example", "", 250, true},
      {"accept", "author.example", "ann@author.example", "", 250, false},
      {"refuse", "author.example", "ann@author.example", "", 451, false},
      // A name below the author's domain aligns, too.
      {"refuse", "mail.author.example", "bounces@mail.author.example", "", 451, false},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", row.setting}}, {"m@example.org"});
    Zone zone = author_zone("reject");
    zone.broken = {row.silent};
    const auto reply = site.post(row.more + a_post("ann@author.example"), zone, row.sender);
    BOOST_TEST_INFO(row.setting << " " << row.silent << " " << row.sender);
    BOOST_TEST(reply.code == row.code, reply.to_string());
    if (reply.code == 250)
      BOOST_TEST(has(site.rendering(site.last_id), "X-Unauthenticated-Author: ") == row.marked);
  }
}

// A forger names one of the domain's names that nobody answers for: of a key, of a host, of the policy.
BOOST_AUTO_TEST_CASE(whom_a_silent_server_may_hide_is_marked_unless_the_very_domain_stands_behind_it) {
  const std::string lame =
      "DKIM-Signature: v=1; a=ed25519-sha256; d=old.author.example; s=x; h=from;\r\n"
      " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
  const std::string forged = a_post("ann@author.example");
  const char* const policy_name = "_dmarc.author.example";
  const char* const lame_name = "x._domainkey.old.author.example";
  const struct {
    const char* policy;
    const char* silent;
    std::string content;
    const char* sender;
    const char* marked;  // "": not
    int refuses;         // what a list says that refuses
  } rows[] = {
      {"reject", lame_name, lame + forged, "eve@evil.example",
       "dmarc=temperror (p=reject) header.from=author.example", 451},
      {"reject", "old.author.example", forged, "eve@old.author.example",
       "dmarc=temperror (p=reject) header.from=author.example", 451},
      {"reject", policy_name, forged, "eve@evil.example", "dmarc=temperror header.from=author.example", 451},
      {"none", lame_name, lame + forged, "eve@evil.example", "", 250},
      {"reject", policy_name, signed_post(), "eve@evil.example", "", 250},
      {"reject", policy_name, forged, "ann@author.example", "", 250},
      {"reject", lame_name, lame + signed_post(), "eve@evil.example", "", 250},
  };
  for (const auto& row : rows) {
    Zone zone = author_zone(row.policy);
    zone.text("author.example", "v=spf1 ip4:192.0.2.1 -all");
    zone.broken = {row.silent};
    BOOST_TEST_CONTEXT(row.policy << " " << row.silent << " " << row.sender) {
      AuthorSite site;
      site.make_list("dev", {{"post", "anyone"}}, {"m@example.org"});
      BOOST_TEST(site.post(row.content, zone, row.sender).code == 250);
      const auto header = mail::HeaderBlock::parse(site.rendering(site.last_id));
      BOOST_REQUIRE(header.ok());
      BOOST_TEST(header->value("X-Unauthenticated-Author").value_or("") == row.marked);
      for (const char* setting : {"refuse", "hold"}) {
        AuthorSite other;
        other.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", setting}}, {"m@example.org"});
        const auto reply = other.post(row.content, zone, row.sender);
        BOOST_TEST(reply.code == row.refuses, reply.to_string());
        BOOST_TEST(list_posts(other) == (row.refuses == 250 ? 1U : 0U));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(lists_may_want_authenticated_authors_only) {
  AuthorSite site;
  site.make_list("dev", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"m@example.org"});
  BOOST_TEST(site.post(signed_post(), author_zone("")).code == 250);
  const auto refused = site.post(a_post("ann@author.example", "<2@a>"), author_zone(""));
  BOOST_TEST(refused.code == 550);
  BOOST_TEST(has(refused.to_string(), "unauthenticated"));
  Zone silent = author_zone("");
  silent.broken = {mailauth::key_record_name("s1", "author.example")};
  BOOST_TEST(site.post(signed_post("X: 3\n"), silent).code == 451);
}

// Old signatures, and spammers' own, are of domains whose servers are gone.
BOOST_AUTO_TEST_CASE(a_silent_server_of_others_does_not_put_off_what_wants_an_authenticated_author) {
  const std::string foreign =
      "DKIM-Signature: v=1; a=ed25519-sha256; d=evil.example; s=x; h=from;\r\n"
      " bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n";
  const struct {
    const char* policy;
    const char* silent;
    const char* sender;
    std::string more;
    int code;
  } rows[] = {
      {"", "x._domainkey.evil.example", "eve@other.example", foreign, 550},
      {"reject", "x._domainkey.evil.example", "eve@other.example", foreign, 550},
      {"", "evil.example", "eve@evil.example", "", 550},
      {"", "author.example", "ann@author.example", "", 451},
      {"none", "mail.author.example", "bounces@mail.author.example", "", 451},
      {"none", "_dmarc.author.example", "ann@author.example", "", 451},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"m@example.org"});
    Zone zone = author_zone(row.policy);
    zone.broken = {row.silent};
    const auto reply = site.post(row.more + a_post("ann@author.example"), zone, row.sender);
    BOOST_TEST_INFO(row.policy << " " << row.silent << " " << row.sender);
    BOOST_TEST(reply.code == row.code, reply.to_string());
  }
}

BOOST_AUTO_TEST_CASE(where_nobody_is_judged_authors_are_protected_and_nobody_is_doubted) {
  AuthorSite site;
  site.judges = false;
  site.make_list("dev", {{"post", "anyone"}, {"subject_tag", "dev"}, {"dmarc_failure", "refuse"}},
                 {"m@example.org"});
  const std::string sent = site.posted(a_post("Ann <ann@author.example>"), author_zone("reject"));
  BOOST_TEST(has(sent, "From: Ann via dev <dev@lists.example>\r\n"), sent);
  Zone silent = author_zone("");
  silent.broken = {"_dmarc.author.example"};
  BOOST_TEST(site.post(a_post("Ann <ann@author.example>", "<2@a>"), silent).code == 250);
  BOOST_TEST(!has(site.rendering(site.last_id), "X-Unauthenticated-Author"));

  site.make_list("sure", {{"post", "anyone"}, {"authenticated_only", "true"}}, {"m@example.org"});
  const auto refused =
      site.post(signed_post(), author_zone("reject"), "ann@author.example", nullptr, "sure@lists.example");
  BOOST_TEST(refused.code == 550);
  BOOST_TEST(has(refused.to_string(), "authentication.verify"), refused.to_string());
}

BOOST_AUTO_TEST_CASE(what_the_domain_in_from_signs_is_no_proof_of_a_sender_of_another) {
  const struct {
    Settings settings;
    const char* to;
    const char* rule;
    const char* words;
  } rows[] = {
      {{{"send", "private"}, {"authenticated_only", "true"}},
       "dev@lists.example",
       "[rule: unauthenticated]",
       "From names several, and Sender is of another domain"},
      {{{"send", "mine"}}, "dev@lists.example", "[rule: send.mine:2]", ""},
      {{{"subscribe", "mine"}}, "dev-subscribe@lists.example", "[rule: subscribe.mine:2]", ""},
  };
  for (const auto& row : rows) {
    AuthorSite site;
    lists::SiteTexts texts(*site.database, site.clock);
    for (const char* name : {"send.mine", "subscribe.mine"})
      TestSite::require(texts.set({}, storage::TextKind::kScenario, name,
                                  "match([sender],/@/)  dkim,md5  -> do_it\n"
                                  "true()  smtp,dkim,md5  -> reject(reason='not by From')\n"));
    site.make_list("dev", row.settings, {"ed@victim.example", "ann@author.example", "bob@author.example"});
    const Zone zone = author_zone("reject");
    const auto post = [&](const std::string& content) {
      return site.post(content, zone, "ann@author.example", nullptr, row.to);
    };
    BOOST_TEST_CONTEXT(row.rule) {
      const auto reply = post(signed_by_two("ed@victim.example", "<1@a>"));
      BOOST_TEST(reply.code == 550, reply.to_string());
      BOOST_TEST(has(reply.to_string(), row.rule), reply.to_string());
      BOOST_TEST(has(reply.to_string(), row.words), reply.to_string());
      BOOST_TEST(post(signed_by_two("Bob <bob@AUTHOR.example>", "<2@a>")).code == 250);
      // Where From names one, that one counts, whatever Sender says.
      BOOST_TEST(post(signed_post("Sender: ed@victim.example\n")).code == 250);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_account_posts_in_no_name_but_its_own_by_sender_either) {
  auto login = std::make_shared<sasl::Login>();
  login->account = "ann";
  login->addresses = {"ann@author.example", "bob@author.example"};
  AuthorSite site;
  site.make_list("dev", {{"send", "private"}}, {"ed@victim.example", "bob@author.example"});
  const Zone zone = author_zone("");
  const auto refused =
      site.post(signed_by_two("ed@victim.example", "<1@a>"), zone, "ann@author.example", login);
  BOOST_TEST(
      refused.to_string() ==
      "553 5.7.1 <ed@victim.example> in Sender is no address of your account [rule: sender-not-owned]");
  BOOST_TEST(
      site.post(signed_by_two("bob@author.example", "<2@a>"), zone, "ann@author.example", login).code == 250);
  for (const char* from : {"Rector <rector@author.example> ., ann@author.example",
                           "=?utf-8?q?rector=40author=2Eexample?=, ann@author.example",
                           "Rector <rector@author.example>: ann@author.example;"}) {
    const auto reply = site.post(a_post(from, "<3@a>"), zone, "ann@author.example", login);
    BOOST_TEST(reply.code == 553, from);
    BOOST_TEST(has(reply.to_string(), "[rule: sender-not-owned]"), reply.to_string());
  }
}

BOOST_AUTO_TEST_CASE(what_fails_dmarc_waits_for_the_moderators_who_are_told_why) {
  for (const char* language : {"en", "fr"}) {
    AuthorSite site;
    site.make_list("dev", {{"post", "anyone"}, {"dmarc_failure", "hold"}, {"language", language}},
                   {"m@example.org"}, {"own@o.example"});
    sign_for_the_list(site);
    const Zone zone = author_zone("reject");
    BOOST_TEST(site.post(signed_post(), zone).code == 250);
    BOOST_TEST(list_posts(site) == 1u);
    const auto reply = site.post(a_post("ann@author.example", "<2@a>"), zone, "eve@evil.example");
    BOOST_TEST(has(reply.to_string(), "250 2.0.0 Ok: waits for a moderator"), reply.to_string());
    BOOST_TEST(list_posts(site) == 1u);
    const Letter letter = last_letter(site, "own@o.example");
    BOOST_TEST(letter.says(std::string(language) == "en"
                               ? "author.example does not stand behind this message: DMARC fails, its policy "
                                 "is reject."
                               : "author.example ne se porte pas garant de ce message : échec de DMARC, sa "
                                 "politique est reject."),
               letter.text);
    BOOST_TEST(letter.says("\n  dkim=none\n"), letter.text);
    BOOST_TEST(letter.says("\n  spf=none smtp.mailfrom=eve@evil.example\n"), letter.text);
    BOOST_TEST(letter.says("\n  dmarc=fail header.from=author.example policy.dmarc=reject\n"), letter.text);
    // Whom the message names as its author is told nothing of it.
    BOOST_TEST(letters_to(site, "ann@author.example").empty());
    site.approve();
    BOOST_TEST(list_posts(site) == 2u);
    const std::string text = site.rendering(site.held_id);
    BOOST_TEST(has(text, "X-Unauthenticated-Author: dmarc=fail (p=reject) header.from=author.example\r\n"),
               text);
    BOOST_TEST(has(text, "ARC-Authentication-Results: i=1; mx.example;\r\n\tdkim=none"), text);
    BOOST_TEST(chain(text) == "pass");
  }
}

BOOST_AUTO_TEST_CASE(a_rejected_forgery_makes_no_mail_to_its_victim) {
  AuthorSite site;
  site.make_list("dev", {{"send", "editorkey"}}, {"m@example.org"}, {"own@o.example"});
  BOOST_TEST(
      site.post(a_post("ann@author.example", "<2@a>"), author_zone("reject"), "eve@evil.example").code ==
      250);
  site.approve(Verdict::kReject);
  BOOST_TEST(letters_to(site, "ann@author.example").empty());
  BOOST_TEST(site.post(signed_post(), author_zone("reject")).code == 250);
  site.approve(Verdict::kReject);
  BOOST_TEST(letters_to(site, "ann@author.example").size() == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
