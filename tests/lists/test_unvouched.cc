// What a From that nobody vouches for is answered: it may be of somebody who asked for nothing.
#include "tests/lists/author_site.h"

using namespace essaim;
using namespace essaim::lists;
using namespace essaim::test;

namespace {

constexpr const char* kAnn = "ann@author.example";
constexpr const char* kRobot = "sympa@lists.example";

struct Asked : AuthorSite {
  smtp::Reply ask(const std::string& to, const std::string& text, bool is_signed = false,
                  const std::string& from = kAnn) {
    static int n = 0;
    mailauth::Answers unused;
    const std::string mail = crlf("From: " + from + "\nTo: x@lists.example\nMessage-ID: <u" +
                                  std::to_string(++n) + "@a>\n\n" + text);
    auto reply = post(is_signed ? mailauth::signed_message(mail, {author_key()}, &unused) : mail,
                      author_zone(""), "eve@evil.example", nullptr, to);
    BOOST_TEST(reply.code == 250, reply.to_string());
    return reply;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(unvouched_authors)

BOOST_AUTO_TEST_CASE(their_words_are_not_repeated_to_whom_they_name) {
  for (const bool is_signed : {false, true}) {
    BOOST_TEST_CONTEXT((is_signed ? "signed" : "not signed")) {
      Asked site;
      site.make_list("dev", {{"subscribe", "open"}}, {kAnn}, {"own@o.example"});
      site.ask(kRobot,
               "quiet signoff dev buy-pills@spam.example\ninfo buy-pills\nadd buy-pills\nset dev nomail\n"
               "signoff * buy-pills@spam.example\ndistribute dev buy-pills\nbuy-pills now\n",
               is_signed);
      const Letter letter = last_letter(site, kAnn);
      BOOST_TEST(has(letter.whole, "buy-pills") == is_signed, letter.text);
      const std::vector<const char*> said =
          is_signed
              ? std::vector<const char*>{"> quiet signoff dev buy-pills@spam.example\n  buy-pills@spam.example was asked",
                            "> info buy-pills\n  there is no list buy-pills\n",
                            "  not a command: buy-pills now\n"}
              : std::vector<const char*>{"> QUIET SIGNOFF dev@lists.example\n  ... was asked to confirm\n",
                            "> INFO\n  there is no list ...\n",
                            "> ADD\n  ADD: ADD list address [name] is how it is written\n",
                            "> SET dev@lists.example\n  the options of ann@author.example on",
                            "> SIGNOFF *\n  ... was asked to confirm\n",
                            "> DISTRIBUTE dev@lists.example\n  there is no such key\n",
                            "> ...\n  not a command: ...\n"};
      for (const char* words : said) BOOST_TEST(letter.says(words), words << " in " << letter.text);
      site.ask("dev-subscribe@lists.example", "", is_signed);
      const Letter already = last_letter(site, kAnn);
      BOOST_TEST(
          already.says(is_signed ? "> dev-subscribe@lists.example\n" : "> SUBSCRIBE dev@lists.example\n"),
          already.text);
      BOOST_TEST(already.says("ann@author.example was a member of dev@lists.example already"));
    }
  }
}

// Sender is of a domain that has not said that it knows of the message.
BOOST_AUTO_TEST_CASE(a_sender_beside_authors_of_another_domain_is_not_vouched_for) {
  Asked site;
  site.make_list("dev", {}, {"m@example.org"}, {"own@o.example"});
  mailauth::Answers unused;
  const std::string mail = mailauth::signed_message(
      crlf("From: ann@author.example, bob@author.example\nSender: ed@victim.example\nTo: x@lists.example\n"
           "Message-ID: <1@a>\n\nbuy-pills now\n"),
      {author_key()}, &unused);
  const auto reply = site.post(mail, author_zone(""), kAnn, nullptr, kRobot);
  BOOST_TEST(reply.code == 250, reply.to_string());
  BOOST_TEST(!has(last_letter(site, "ed@victim.example").whole, "buy-pills"));
}

BOOST_AUTO_TEST_SUITE_END()
