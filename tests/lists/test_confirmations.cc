// What people write to confirm+KEY, and what it counts for.
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/text.h"
#include "lists/commands/confirmation.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/spoken.h"
#include "tests/lists/served.h"

using namespace essaim;
using namespace essaim::test;

BOOST_AUTO_TEST_SUITE(confirmations)

BOOST_AUTO_TEST_CASE(an_answer_confirms_without_a_word_by_a_yes_and_under_a_signature_alone) {
  Served site(lists::Settings{{"subscribe", "auth"}, {"unsubscribe", "auth"}});
  const struct {
    const char* text;
    bool confirms;
  } rows[] = {
      {"", true},
      {"yes\n", true},
      {"Ja, gerne!\n", true},
      {"Best regards\nAnn Author, Institute of Nothing\n", true},
      {"> message: nothing happens then. If you did not ask\n", true},
      {"On Monday, Sympa <sympa@lists.example>\nwrote:\n\n> If you did not ask for it\n", true},
      {"Am Montag schrieb Sympa:\nIf you did not ask for it\n", true},
      {"-----Original Message-----\nIf you did not ask for it\n", true},
      {"-- \nno more paper\n", true},
      {"No, thank you.\n", false},
      {"Nein danke\n", false},
      {"Ce n'est pas moi !\n", false},
      {"I did not write this\n", false},
      {"We didn't ask for it\n", false},
      {"Please take me off, what is this?\n", false},
      {"On Monday Sympa wrote:\n> To confirm, just answer\n> \n\nno\n", false},
      {"> To confirm, just answer\n\nThis is not mine.\n> again\n", false},
      {"Am 22.11.2026 um 18:52 schrieb Sympa\n<sympa@lists.example>:\n> To confirm\n\nnein\n", false},
      // Behind a greeting, or further on.
      {"Hello,\n\nI did not write this.\n", false},
      {"Hello\n\nthat was not me\n", false},
      {"Bonjour,\n\nCe n'est pas moi.\n", false},
      {"Dear owners,\n\nplease do not\n", false},
      {"To whom it may concern:\n\nI have never heard of this.\n", false},
      {"Hello:\nthis is spam\n", false},
      {"I have had this question twice by now.\nIt was not me who wrote.\n", false},
      {"Hello,\n\nAnn Author, Institute of Nothing, +49 30 1234\n\nDo not print this\n", true},
      {"Yes\nAnn Author\nPlease do not print this\n", true},
      {"Hello,\n\nOn Monday, Sympa <sympa@lists.example>\nwrote:\n\nIf you did not ask for it\n", true},
      {"See https://x.example/?a=1\n", true},
      // In other languages, and in words of which none is "not".
      {"Nie.\n", false},
      {"Nie, dziękuję\n", false},
      {"NÃO fui eu\n", false},
      {"Na\u0303o\n", false},
      {"Ne, hvala\n", false},
      {"Ne!\n", false},
      {"Ei kiitos\n", false},
      {"¡No!\n", false},
      {"¡Hola!\n\nno he sido yo\n", false},
      {"« Non »\n", false},
      {"Нет, это был другой\n", false},
      {"Όχι\n", false},
      {"不是我\n", false},
      {"不要!\n", false},
      {"いいえ。\n", false},
      {"아니요\n", false},
      {"本当？\n", false},
      {"Je n'ai rien demandé\n", false},
      {"Ich habe nichts bestellt\n", false},
      {"Wrong person\n", false},
      {"Delete me\n", false},
      {"C'est une erreur\n", false},
      {"I think this was sent to me by mistake, please cancel it\n", false},
      {"This message is a scam, please delete all that you have about me\n", false},
      {"Somebody has typed the wrong address here, please delete it at once\n", false},
      {"Bonjour,\n\nIl doit s'agir d'une erreur, merci d'annuler cette inscription\n", false},
      {"Das muss ein Irrtum sein, bitte löschen Sie meine Adresse wieder\n", false},
      // What the organisation's server appends says no such thing.
      {"> To confirm, just answer\n\nIf you have received this message by mistake, please delete it and tell "
       "us.\n",
       true},
      {"> To confirm, just answer\n\nCe message est confidentiel. Si vous l'avez reçu par erreur, merci de "
       "le "
       "détruire et d'avertir l'expéditeur.\n",
       true},
      {"Please stop writing to me, I have had enough of these by now\n", false},
      {"Da, hvala\n", true},
      {"Tak\n", true},
      {"ДА!\n", true},
      {"是的。\n", true},
      // What says no of something else.
      {"問題ありません。\n", true},
      {"はい、問題ありません\n", true},
      {"間違いありません。よろしくお願いします\n", true},
      {"没问题\n", true},
      {"没问题，谢谢！\n", true},
      {"沒有問題。\n", true},
      {"没错\n", true},
      {"No problem!\n", true},
      {"Kein Problem, danke\n", true},
      {"Pas de problème\n", true},
      {"問題ありませんが、私ではありません\n", false},
      {"問題があります。登録しません\n", false},
      {"没问题，但是不是我\n", false},
      {"有没有问题\n", false},
      {"没有\n", false},
      {"No problem, but I did not write this\n", false},
      {"gladly\n", true},
      {"I confirm\n", true},
      {"Hiermit bestätige ich die Anmeldung\n", true},
      {"D'accord\n", true},
      {"J’accepte\n", true},
      // What stands under all of somebody's mail.
      {"Mit freundlichen Grüßen\nAnn Author\n", true},
      {"Cordialement,\nÉlise Noël\n", true},
      {"Thanks!\n", true},
      {"Sent with Proton Mail secure email.\n", true},
      {"________________________________\nFrom: Sympa <sympa@lists.example>\nIf you did not ask for it\n",
       true},
      {"*From:* Sympa <sympa@lists.example>\nIf you did not ask for it\n", true},
      {"AUTH 0123456789abcdef\n", true},
      // What is not understood.
      {"non\n", false},
      {"Pas d'accord\n", false},
      {"I do not want this\n", false},
      {"Leave me alone\n", false},
      {"Leave me alone\nAnn Author\n", false},
      {"Lass mich in Ruhe!\n", false},
      {"Thanks, but please take me off again\n", false},
      {"Bitte löschen Sie meine Adresse\n", false},
      {"Danke, bitte wieder austragen\n", false},
      {"Abmelden\n", false},
      {"Désinscription\n", false},
      {"Laissez-moi tranquille\n", false},
      {"text\n", false},
      {"放っておいて\n", false},
      {"よろしくお願いします。\n", true},
      {"👍\n", true},
      {"What is this?\nAnn\n", false},
      // What stands apart, with its blank or without.
      {"--\nno more paper\n", true},
      {"---\nno more paper\n", true},
      {"__\nno more paper\n", true},
      {"-\nno more paper\n", false},
      {"I did not write this\n--\nAnn\n", false},
      // Behind a salutation.
      {"Hello owners, yes\n", true},
      {"Hi Ann, I confirm\n", true},
      {"Good morning everybody!\n\nyes\n", true},
      {"Sehr geehrte Damen und Herren,\nja\n", true},
      {"Cher Monsieur, chère Madame,\n", true},
      {"Hey, leave me alone!\n", false},
      {"Hi, take me off!\n", false},
      {"Hallo, bitte abmelden\n", false},
      {"Bonjour, désinscrivez-moi\n", false},
      {"Hello, unwanted\n", false},
      {"Sehr ärgerlich!\n", false},
      {"Danke, Abmeldung\n", false},
      {"Mit freundlichen Grüßen\nAnn, Betrug\n", false},
      // What begins as a yes.
      {"Si\n", true},
      {"Da hat jemand meinen Namen missbraucht\n", false},
      {"Da war jemand\n", false},
      {"I accept nothing\n", false},
      {"Confirm nothing\n", false},
      {"So I confirm it is forged\n", false},
      // Of programs.
      {"El mar, 1 dic 2026 a las 1:00, Sympa (<sympa@lists.example>)\nescribió:\n\n> no\n", true},
      {"Il giorno mar 1 dic 2026 alle ore 01:00 Sympa <\nsympa@lists.example> ha scritto:\n\n> no\n", true},
      {"Op di 1 dec 2026 om 01:00 schreef Sympa <\nsympa@lists.example>:\n\n> no\n", true},
      {"Op 1 dec 2026, om 01:00 heeft Sympa <sympa@lists.example>\nhet volgende geschreven:\n\n> no\n", true},
      {"Em ter., 1 de dez. de 2026 às 01:00, Sympa <\nsympa@lists.example> escreveu:\n\n> no\n", true},
      {"Den tis 1 dec. 2026 kl 01:00 skrev Sympa <\nsympa@lists.example>:\n\n> no\n", true},
      {"Den har jag aldrig bett om\nsom sagt:\n", false},
      {"Sent from my iPhone\n", true},
      {"Enviado desde mi iPhone\n", true},
      {"Inviato da iPhone\n", true},
      {"Verzonden vanaf mijn iPhone\n", true},
      {"Verstuurd vanaf mijn iPhone\n", true},
      {"Skickat från min iPhone\n", true},
      {"Skickat av en annan\n", false},
      // Folded over three lines, and in languages that begin otherwise.
      {"On Tue, Dec 1, 2026 at 1:00 AM Mailing lists of a long name\nof lists.example "
       "<\nsympa@lists.example> "
       "wrote:\n\n> no\n",
       true},
      {"Il giorno mar 1 dic 2026 alle ore 01:00 Mailing lists of\nlists.example <\nsympa@lists.example> ha "
       "scritto:\n\n> no\n",
       true},
      {"W dniu 1.12.2026 o 01:00, Sympa pisze:\n> no\n", true},
      {"wt., 1 gru 2026 o 01:00 Sympa <sympa@lists.example>\nnapisał(a):\n\n> no\n", true},
      {"Wiadomość napisana przez Sympa <sympa@lists.example> w dniu 1 gru 2026, o godz. 01:00:\n\n> no\n",
       true},
      {"1 dec. 2026 kl. 01:00 skrev Sympa <sympa@lists.example>:\n\n> no\n", true},
      {"No dia 01/12/2026, às 01:00, Sympa <sympa@lists.example> escreveu:\n\n> no\n", true},
      {"Às 01:00 de 01/12/2026, Sympa escreveu:\n> no\n", true},
      {"вт, 1 дек. 2026 г. в 01:00, Sympa <sympa@lists.example>:\n> no\n", true},
      {"Sympa <sympa@lists.example> 于2026年12月1日周二 01:00写道：\n> no\n", true},
      {"Sympa <sympa@lists.example> ezt írta (időpont: 2026. dec. 1., K,\n1:00):\n> no\n", true},
      {"Zitat von Sympa <sympa@lists.example>:\n\n> no\n", true},
      {">>> Sympa <sympa@lists.example> 01.12.2026 01:00 >>>\nIf you did not ask\n", true},
      {"Gesendet: Dienstag, 1. Dezember 2026 um 01:00\nVon: Sympa\nIf you did not ask\n", true},
      {"Wysłano: wtorek, 1 grudnia 2026 01:00\nIf you did not ask\n", true},
      {"It came on 1 Dec 2026 at 01:00\nand I never wrote:\nplease subscribe me\n", false},
      {"This came 2026-12-01 01:00\nI am not Bob\nBob is bob@x.example:\n", false},
      // In the languages of programs.
      {"Von meinem iPhone gesendet\n", true},
      {"Enviado do meu iPhone\n", true},
      {"Wysłane z iPhone'a\n", true},
      {"iPhoneから送信\n", true},
      {"发自我的iPhone\n", true},
      {"Outlook für iOS beziehen<https://aka.ms/o0ukef>\n", true},
      {"Outlook voor Android downloaden\n", true},
      {"Pobierz program Outlook dla systemu iOS<https://aka.ms/o0ukef>\n", true},
      {"Hämta Outlook för iOS<https://aka.ms/o0ukef>\n", true},
      {"Obter o Outlook para iOS<https://aka.ms/o0ukef>\n", true},
      {"Skickades från E-post för Windows\n", true},
      {"Get BlueMail for Android\n", true},
      {"Enviado de meu dispositivo Android com K-9 Mail\n", true},
      {"Virenfrei.www.avast.com<https://www.avast.com/sig-email>\n", true},
      {"Von meinem iPhone gesendet\n\nDas war ich nicht\n", false},
      {"Von meinem Konto kam das nicht\n", false},
      {"Sent from somebody else, not me\n", false},
      {"Outlook for iOS: no\n", false},
      // Of pictures.
      {"[cid:image001.png@01DC6271.1A2B3C40]\n", true},
      {"[Logo]\n[A picture of a building]\n", true},
      {"Yes\n[Logo]\n", true},
      {"[Nein]\n", false},
      {"[Logo]\nNein\n", false},
      // Behind a thank any word may begin with a capital.
      {"Danke, Kündigung\n", false},
      {"Danke\nUnsinn\n", false},
      {"Danke, Irrläufer\n", false},
      {"Gracias, Baja\n", false},
      {"Grazie, Disdetta\n", false},
      {"Bedankt, Opzegging\n", false},
      {"Tack, Uppsägning\n", false},
      {"Merci\n", true},
      // A yes of a line.
      {"It was me.\n", true},
      {"I wrote it\nThanks\n", true},
      {"Please subscribe me\n", true},
      {"Подтверждаю\n", true},
      {"👍🏽\n", true},
      {"It was me who left\n", false},
      {"Please subscribe me\nto another list\n", false},
      {"Не подтверждаю\n", false},
      // What is yes in one language begins sentences in others, or a wish.
      {"Y\n", true},
      {"Y a un problème avec cette adresse\n", false},
      {"Y eso de quién es\n", false},
      {"Igen, köszönöm\n", true},
      {"Igen får jag ett sådant brev\n", false},
      {"Так\n", true},
      {"Так что это такое\n", false},
      {"Sehr gern!\n", true},
      {"Gerne wüsste ich, was das ist\n", false},
      {"Ich würde gerne wissen, worum es geht\n", false},
      {"👎\n", false},
  };
  int n = 0;
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      const std::string who = "n" + std::to_string(++n) + "@x.example";
      site.ask(who, "sub dev\n");
      const auto reply = site.send(who, {"Confirm+" + site.question(who).key() + "@lists.example"},
                                   a_mail(who, "Re: x", row.text));
      BOOST_TEST(reply.positive() == row.confirms, reply.to_string());
      BOOST_TEST((reply.to_string().find("550 5.6.0 nothing was confirmed") == std::string::npos) ==
                 row.confirms);
      BOOST_TEST(site.is_member(who) == row.confirms);
    }
  }
  // It waits still, and who writes to another address than the question's says what is meant.
  const std::string last = "n" + std::to_string(n) + "@x.example";
  site.send(last, {"approve+" + site.question(last).key() + "@lists.example"}, a_mail(last, "Re: x", "no\n"));
  BOOST_TEST(site.is_member(last));
}

// Nothing else tells a signature of one name from a word.
BOOST_AUTO_TEST_CASE(a_signature_is_known_by_the_name_in_from) {
  Served site(lists::Settings{{"subscribe", "auth"}});
  const struct {
    const char* name;
    const char* text;
    bool confirms;
  } rows[] = {{"Ann Author", "Ann\n", true},
              {"Ann Author", "Dr. Ann Author, Institute of Nothing\n", true},
              {"=?utf-8?q?J=C3=B6rg_M=C3=BCller?=", "Jörg Müller\n", true},
              {"Bob", "Ann\n", false},
              {"Ann Author", "Ann leaves it\n", false},
              {"Ann Author", "Nonsense\n", false},
              {"Ann Author", "Ann\nInstitute of Nothing, University of the North\nann@x.example\n", true},
              {"Ann Author", "Best regards\nAnn Author\nHead of department\n", true},
              {"Ann Author", "Thanks\nAnn Author\nHead of department\n", true},
              {"Ann Author", "Cordialement,\nAnn Author\n12 rue de la Paix\n75000 Paris\n", true},
              {"Ann Author", "Prof. Dr. Ann Author (she/her)\nwhere it is cold\n", true},
              {"Ann Author", "Ann Author\nUniversità degli Studi\ntel: +49 30 12\n", true},
              {"Ann Author", "Ann Author\nI did not write this\n", false},
              {"Ann Author", "Best regards\nAnn Author\nWhat is this?\n", false},
              {"Ann Author", "Thanks\nplease take me off again\n", false},
              {"Ann Author", "Leave me alone\nAnn Author\n", false},
              {"Ann Author", "Kündigung\nAnn Author\n", false},
              {"Ann Author", "Phishing! Ann Author\n", false},
              {"Ann Author", "Danke, Ann\n", true},
              {"Ann Author", "Ann Author\nUniversidad de Baja California\n", true},
              {"Ann Author", "Danke\nAnn Author\nInstitut für Nichtiges\n", true},
              {"Ann Author", "Danke\nWiderruf\nAnn Author\n", false},
              {"Ann Author", "Abmeldung\nMit freundlichen Grüßen\nAnn Author\n", false},
              {"Ann Author", "Abgelehnt! Ann Author\n", false},
              {"Ann Author", "Rechazo. Ann Author\n", false},
              {"Ann Author", "Frechheit\n+49 30 1234\n", false}};
  int n = 0;
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.name << ": " << row.text) {
      const std::string who = "s" + std::to_string(++n) + "@x.example";
      site.ask(who, "sub dev\n");
      site.send(who, {site.question(who).field("Reply-To")},
                a_mail(std::string(row.name) + " <" + who + ">", "Re: x", row.text));
      BOOST_TEST(site.is_member(who) == row.confirms);
    }
  }
}

// Who answers need not know whether a moderator is asked, or an author.
BOOST_AUTO_TEST_CASE(the_words_of_moderators_say_the_same_to_who_is_asked_to_confirm) {
  std::size_t n = 0;
  for (const lists::SpokenWords& row : lists::spoken_words()) {
    const bool yes = row.meaning == lists::Spoken::kApprove || row.meaning == lists::Spoken::kApproveOnly;
    const bool no = row.meaning == lists::Spoken::kReject || row.meaning == lists::Spoken::kRejected ||
                    row.meaning == lists::Spoken::kRejectOnly;
    if (!yes && !no) continue;
    for (const std::string& language : lists::languages()) {
      for (const std::string_view one : split(lists::translated(language, row.english), ',')) {
        std::string word(trimmed(one));
        if (word.front() >= 'a' && word.front() <= 'z') word.front() = static_cast<char>(word.front() - 32);
        BOOST_TEST(lists::confirms(word + "\n", "Ann Author") == yes, word);
        BOOST_TEST((yes || !lists::confirms(word + ". Ann Author\n", "Ann Author")), word);
        ++n;
      }
    }
  }
  BOOST_TEST(n > 40U);
  BOOST_TEST(lists::confirms("Acepto, muchas gracias\n", ""));
  BOOST_TEST(!lists::confirms("Acepto solo si Ann lo sabe\n", ""));
}

BOOST_AUTO_TEST_CASE(an_answer_whose_text_is_elsewhere_or_cannot_be_read_is_not_one_without_a_word) {
  Served site(lists::Settings{{"subscribe", "auth"}});
  const std::string both =
      "--b\nContent-Type: text/plain; charset=utf-8\n\n\u00A0\n--b\nContent-Type: text/html; "
      "charset=utf-8\n\n";
  const struct {
    const char* head;
    std::string text;
    const char* reply;
  } rows[] = {
      {"Content-Type: multipart/alternative; boundary=b\n", both + "<div>Das war ich nicht</div>\n--b--\n",
       "said-no"},
      {"Content-Type: multipart/alternative; boundary=b\n", both + "<div>ja</div>\n--b--\n", ""},
      {"Content-Type: application/pkcs7-mime; smime-type=signed-data\n", "MIIB\n", "unreadable-answer"},
      {"Content-Type: text/plain\n", "-----BEGIN PGP MESSAGE-----\n\nabc\n-----END PGP MESSAGE-----\n",
       "unreadable-answer"},
      {"Content-Type: text/plain\n",
       "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\nno\n-----BEGIN PGP SIGNATURE-----\n\nabc\n"
       "-----END PGP SIGNATURE-----\n",
       "said-no"},
      {"Content-Type: text/html\n", "<div>no</div><blockquote type=\"cite\">yes</blockquote>\n", "said-no"},
      {"Content-Type: text/html\n",
       "<blockquote type=\"cite\">If you did not ask for it</blockquote><div>nein</div>\n", "said-no"},
      {"Content-Type: text/html\n", "<blockquote type=\"cite\">If you did not ask for it</blockquote>\n", ""},
  };
  int n = 0;
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.head << row.text) {
      const std::string who = "t" + std::to_string(++n) + "@x.example";
      site.ask(who, "sub dev\n");
      const auto reply =
          site.send(who, {site.question(who).field("Reply-To")}, a_mail(who, "Re: x", row.text, row.head));
      const std::string rule = row.reply;
      BOOST_TEST(site.is_member(who) == rule.empty());
      BOOST_TEST((rule.empty() || reply.to_string().find("[rule: " + rule + "]") != std::string::npos),
                 reply.to_string());
    }
  }
}

// The question comes also where somebody else asked for it in their name.
BOOST_AUTO_TEST_CASE(who_is_asked_whether_they_leave_stays_unless_they_say_so) {
  Served site(lists::Settings{{"unsubscribe", "auth"}});
  const struct {
    const char* text;
    bool leaves;
  } rows[] = {
      {"No!\n", false},
      {"I did not ask for this\n", false},
      {"Hello,\n\nI didn't ask for this. Stop it!\n", false},
      {"This was not me\n", false},
      {"Ce n'est pas moi\u00A0!\n", false},
      {"Je n'ai pas demandé cela\n", false},
      {"Please do not remove me\n", false},
      {"Please don't just remove me, I read it all\n", false},
      {"Who are you?\n", false},
      {"Nie\n", false},
      {"Ne, hvala\n", false},
      {"不要\n", false},
      {"No problem with this list, why should I leave\n", false},
      {"Wrong person\n", false},
      {"", true},
      {"Delete me\n", true},
      {"Please cancel my subscription\n", true},
      {"Da\n", true},
      {"Yes, please\n", true},
      {"Best regards\nAnn Author\n", true},
      {"Keep me on it, Ann\n", false},
      {"Ich bleibe\n", false},
      {"Please subscribe me\n", false},
      {"Fake\nAnn\n", false},
      {"Please remove me\n", true},
      {"Abmeldung\n", true},
      {"Hiermit meine Kündigung\n", true},
      {"Solicito la baja\n", true},
      {"Keine Kündigung!\n", false},
      {"Please stop, I do not want it any more\n", true},
      {"Hi,\n\nCan you stop this? I do not want it\n", true},
  };
  int n = 0;
  for (const auto& row : rows) {
    BOOST_TEST_CONTEXT(row.text) {
      const std::string who = "m" + std::to_string(++n) + "@x.example";
      site.join("dev", {who});
      site.ask(who, "signoff dev\n");
      const auto reply =
          site.send(who, {site.question(who).field("Reply-To")}, a_mail(who, "Re: x", row.text));
      BOOST_TEST(reply.positive() == row.leaves, reply.to_string());
      BOOST_TEST(site.is_member(who) != row.leaves);
    }
  }
}

// Anybody can write a line for each list of a site, about anybody.
BOOST_AUTO_TEST_CASE(nobody_is_asked_without_end_because_another_wants_it) {
  Served site;
  std::string ann, bob;
  for (int i = 0; i < 25; ++i) {
    const std::string list = "l" + std::to_string(i);
    site.make_list(list, {{"subscribe", "auth"}}, {"ann@x.example"});
    ann += "signoff " + list + " ann@x.example\n";
    bob += "signoff " + list + " bob@x.example\n";
  }
  const std::string about_ann = site.ask("evil@x.example", ann).text;
  const std::string about_bob = site.ask("evil@x.example", bob).text;
  BOOST_TEST(letters_to(site, "ann@x.example").size() == 20U);
  BOOST_TEST(letters_to(site, "bob@x.example").empty());
  // Which of them is on a list is not to be seen, nor who was asked before.
  std::string same = about_bob;
  for (std::size_t at = 0; (at = same.find("bob@", at)) != std::string::npos;) same.replace(at, 3, "ann");
  BOOST_TEST(about_ann == same);
  BOOST_TEST(site.ask("evil@x.example", ann).text == about_ann);
  // What others ask for uses up nothing that one may ask for oneself, and is over in an hour.
  for (int i = 0; i < 5; ++i) site.ask("evil@x.example", bob);
  BOOST_TEST(site.ask("bob@x.example", "sub l1\n").says("bob@x.example was asked to confirm"));
  const auto before = letters_to(site, "ann@x.example").size();
  site.ask("evil@x.example", "signoff l24 ann@x.example\n");
  BOOST_TEST(letters_to(site, "ann@x.example").size() == before);
  site.clock.advance(std::chrono::hours(1));
  site.ask("evil@x.example", "signoff l24 ann@x.example\nsignoff l24 ann@x.example\n");
  BOOST_TEST(letters_to(site, "ann@x.example").size() == before + 1);
}

BOOST_AUTO_TEST_CASE(who_asks_for_themselves_may_ask_for_many_lists_and_not_without_end) {
  Served site;
  const auto join = [&site](int first) {
    std::string text;
    for (int i = first; i < first + 50; ++i) text += "sub l" + std::to_string(i) + "\n";
    return site.ask("new@x.example", text);
  };
  for (int i = 0; i < 150; ++i) site.make_list("l" + std::to_string(i), {{"subscribe", "auth"}}, {});
  BOOST_TEST(!join(0).says("too often"));
  BOOST_TEST(!join(50).says("too often"));
  BOOST_TEST(join(100).says("new@x.example has been asked too often within the hour"));
}

BOOST_AUTO_TEST_SUITE_END()
