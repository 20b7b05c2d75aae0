// What moderators write in their answers, and how their programs send it.
#include <string>

#include "storage/held_store.h"
#include "tests/lists/mailbox.h"
#include "tests/lists/moderated.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(answers_by_mail)

BOOST_AUTO_TEST_CASE(what_a_mail_program_writes_by_itself_is_no_reason) {
  for (const char* text : {"Envoyé de mon iPhone\n", "Get Outlook for iOS<https://aka.ms/o0ukef>\n",
                           "Gesendet von Mail für Windows\n", "Télécharger Outlook pour Android\n",
                           "Von: dev-editor@lists.example <dev-editor@lists.example>\nAn: eve@e.example\n",
                           "From: dev-owner@lists.example\nTo: eve@e.example\n",
                           "De : dev-owner@lists.example\nA : eve@e.example\n",
                           "On Mon, Nov 30, 2026 at 10:12 AM Ann Author <ann@x.example>\nwrote:\n> hello\n",
                           "Le lun. 30 nov. 2026 à 10:12, dev <\ndev-editor@lists.example> a écrit :\n"}) {
    Moderated site;
    site.post();
    const Letter letter = last_letter(site, "eve@e.example");
    BOOST_TEST(site.answer("eve@e.example", letter.address("reject"), text).positive());
    BOOST_TEST(site.held().empty());
    BOOST_TEST(!last_letter(site, "ann@x.example").says("Reason"), text);
  }
  // Under what is quoted there is what a server appends, or the reason.
  const struct {
    const char* text;
    const char* reason;
  } under[] = {{"> quoted\n\nThis message is confidential and for its recipients alone. Delete it if it is "
                "not for you.\n",
                ""},
               {"> quoted\n\nPlease ask on other\n", "Please ask on other"},
               {"Hello Ann,\n\nnot here, please\n\n> quoted\n", "not here, please"}};
  for (const auto& row : under) {
    Moderated site;
    site.post();
    BOOST_TEST(site.answer("eve@e.example", last_letter(site, "eve@e.example").address("reject"), row.text)
                   .positive());
    BOOST_TEST_REQUIRE(site.held(true).size() == 1U);
    BOOST_TEST(site.held(true).front().reason == row.reason);
  }
  Moderated site;
  site.post();
  site.answer("eve@e.example", last_letter(site, "eve@e.example").address("reject"), "On topic?\n");
  BOOST_TEST(last_letter(site, "ann@x.example").says("Reason: On topic?"));
}

BOOST_AUTO_TEST_CASE(an_answer_that_says_nothing_clear_or_comes_from_a_machine_is_refused) {
  Moderated site;
  site.post();
  const Letter letter = last_letter(site, "eve@e.example");
  const auto unclear = site.answer("eve@e.example", letter.field("Reply-To"), "What is this?\n");
  BOOST_TEST(unclear.text.find("[rule: no-answer]") != std::string::npos, unclear.to_string());
  // What is said to people, or asked, decides nothing: a post that went out cannot be called back.
  for (const char* line :
       {"OK I look at it tomorrow", "Ok, merci, on en parle lundi", "Oui mais pas avant vendredi",
        "Yes, let it pass", "Accept only if Ann agrees", "Approve only if Ann agrees", "approve?",
        "Approuver ?", "No objection", "Non, c'est bon, vas-y", "No problem for me", "Refuse nothing of hers",
        "reject ?", "Ban him only if he comes again", "distribute dev 0123456789abcdef"}) {
    const auto reply = site.answer("eve@e.example", letter.field("Reply-To"), std::string(line) + "\n");
    BOOST_TEST(reply.to_string() ==
                   "550 5.6.0 the first line must be approve, ban, or reject and why [rule: no-answer]",
               line << ": " << reply.to_string());
  }
  for (const char* mark : {"Auto-Submitted: auto-replied", "Precedence: bulk", "Precedence: auto_reply",
                           "X-Autoreply: yes", "X-Autorespond: Re: hello"}) {
    const auto vacation =
        site.answer("eve@e.example", letter.address("approve"), "I am away\n", std::string(mark) + "\n");
    BOOST_TEST(vacation.text.find("[rule: automatic]") != std::string::npos, mark << vacation.to_string());
  }
  const auto closed = site.answer("eve@e.example", letter.field("Reply-To"), "MIIB\n",
                                  "Content-Type: application/pkcs7-mime; smime-type=signed-data\n");
  BOOST_TEST(closed.text.find("[rule: unreadable-answer]") != std::string::npos, closed.to_string());
  BOOST_TEST(site.held().size() == 1u);
  BOOST_TEST(!site.rcpt("approve+0123456789abcdef@lists.example").reply.positive());
  // In French, and by who is no editor but has the key.
  BOOST_TEST(site.answer("eve@home.example", letter.field("Reply-To"), "Approuver\n").positive());
  BOOST_TEST(list_posts(site) == 1u);
  // The robot's own line, which the question has for the robot.
  site.post("ann@x.example", "<p2@x>");
  const Letter second = last_letter(site, "eve@e.example");
  BOOST_TEST(site.answer("eve@e.example", second.field("Reply-To"), "DISTRIBUTE dev " + second.key() + "\n")
                 .positive());
  BOOST_TEST(list_posts(site) == 2u);
}

BOOST_AUTO_TEST_CASE(answers_are_understood_as_mail_programs_write_them) {
  struct Row {
    const char* program;
    const char* head;
    const char* text;
    bool approves;
    const char* reason;
  };
  const Row rows[] = {
      {"Thunderbird, below the quotation's line", "Content-Type: text/plain; charset=UTF-8; format=flowed\n",
       "approve\n\nOn 22.11.26 18:52, dev-editor@lists.example wrote:\n> A message waits\n", true, ""},
      {"Gmail, both forms", "MIME-Version: 1.0\nContent-Type: multipart/alternative; boundary=\"b\"\n",
       "--b\nContent-Type: text/plain; charset=\"UTF-8\"\n\nreject off topic\n\nOn Sun, Nov 22, 2026 at 6:52 "
       "PM "
       "<dev-editor@lists.example>\nwrote:\n\n> approve\n--b\nContent-Type: text/html; "
       "charset=\"UTF-8\"\n\n<div "
       "dir=\"ltr\">reject off topic</div>\n--b--\n",
       false, "off topic"},
      {"Outlook, HTML in base64 alone",
       "MIME-Version: 1.0\nContent-Type: text/html; charset=\"utf-8\"\nContent-Transfer-Encoding: base64\n",
       // <html><body><p class="MsoNormal">Refuser trop long</p><hr>
       // <p><b>De :</b> dev-editor@lists.example</p></body></html>
       "PGh0bWw+PGJvZHk+PHAgY2xhc3M9Ik1zb05vcm1hbCI+UmVmdXNlciB0cm9wIGxvbmc8L3A+PGhy\n"
       "PjxwPjxiPkRlIDo8L2I+IGRldi1lZGl0b3JAbGlzdHMuZXhhbXBsZTwvcD48L2JvZHk+PC9odG1s\nPg==\n",
       false, "trop long"},
      {"Apple Mail, quoted-printable in Latin-1",
       "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
       "quoted-printable\n",
       "Approuv=E9\n\n> Le 22 nov. 2026 =E0 18:52, dev-editor@lists.example a =E9crit :\n", true, ""},
      {"K-9, above the original", "Content-Type: text/plain; charset=utf-8\n",
       "OK.\n\n-------- Original Message --------\nreject\n", true, ""},
      {"mutt, with a signature", "", "Approve, thank you!\n\n-- \nno more bees\n", true, ""},
      {"mutt, under the quotation", "",
       "On Sun, Nov 22, 2026 at 06:52:04PM +0000, dev-editor wrote:\n> reject\n> ban\n\napprove\n\n-- "
       "\nEve\n",
       true, ""},
      {"Apple Mail, HTML alone, under the quotation", "MIME-Version: 1.0\nContent-Type: text/html\n",
       "<blockquote type=\"cite\"><div>On 22 Nov 2026, at 18:52, dev wrote:</div>approve</blockquote>"
       "<div>reject too long</div>\n",
       false, "too long"},
      {"Outlook, bold, under a greeting", "", "Hello,\n\n*approve*\n\n[cid:image001.png@01DC6271.1A2B3C40]\n",
       true, ""},
      {"Thunderbird, folded", "Content-Type: text/plain; format=flowed\n",
       "reject off topic, as we only \nspeak of bees\n\nAm 22.11.26 um 18:52 schrieb dev:\n> x\n", false,
       "off topic, as we only speak of bees"},
      {"Gmail, in German", "Content-Type: text/plain; charset=utf-8\n",
       "Ablehnen: zu lang\n\nAm So., 22. Nov. 2026 um 18:52 Uhr schrieb <\ndev-editor@lists.example>:\n> x\n",
       false, "zu lang"},
      {"a phone, in Spanish", "Content-Type: text/plain; charset=utf-8\n", "Sí\n\nEnviado desde mi iPhone\n",
       true, ""},
      {"PGP within the text", "",
       "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\napprove\n-----BEGIN PGP "
       "SIGNATURE-----\n\nabc\n-----END "
       "PGP SIGNATURE-----\n",
       true, ""},
      {"S/MIME beside the text",
       "MIME-Version: 1.0\nContent-Type: multipart/signed; boundary=b; "
       "protocol=\"application/pkcs7-signature\"\n",
       "--b\nContent-Type: text/plain\n\nreject spam\n--b\nContent-Type: "
       "application/pkcs7-signature\n\nMIIB\n--b--\n",
       false, "spam"},
      {"Outlook, with winmail.dat", "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n",
       "--b\nContent-Type: text/plain\n\napprove\n--b\nContent-Type: application/ms-tnef\n\nx\n--b--\n", true,
       ""},
      {"Windows-1252",
       "Content-Type: text/plain; charset=windows-1252\nContent-Transfer-Encoding: quoted-printable\n",
       "reject =93off topic=94\n", false, "\u201Coff topic\u201D"},
      {"a phone, in French, with no-break spaces", "Content-Type: text/plain; charset=utf-8\n",
       "Refuser\u00A0: hors sujet\u202F!\n", false, "hors sujet !"},
      {"Outlook, in German", "Content-Type: text/plain; charset=utf-8\n",
       "Ablehnen: gehört nicht hierher\n\n________________________________\nVon: dev-editor@lists.example\n",
       false, "gehört nicht hierher"},
      {"Thunderbird, in German", "Content-Type: text/plain; charset=utf-8; format=flowed\n",
       "Freigeben. Vielen Dank!\n\nAm 22.11.26 um 18:52 schrieb dev-editor@lists.example:\n> Eine "
       "Nachricht\n",
       true, ""},
      {"a webmailer, in German, in Latin-1",
       "MIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: "
       "quoted-printable\n",
       "ZUR=DCCKWEISEN, bitte k=FCrzen\n", false, "bitte kürzen"},
      {"a phone, in German", "Content-Type: text/plain; charset=utf-8\n", "Ja\n", true, ""},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.program) {
      Moderated site;
      site.post();
      const auto reply = site.answer("eve@e.example", last_letter(site, "eve@e.example").field("Reply-To"),
                                     row.text, row.head);
      BOOST_TEST(reply.positive(), reply.to_string());
      BOOST_REQUIRE(site.held().empty());
      BOOST_TEST(list_posts(site) == (row.approves ? 1U : 0U));
      BOOST_TEST(site.held(true).front().reason == row.reason);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
