// What the handlers make of a message: the whole header and body, as they are stored.
#include <algorithm>

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/mail/downgrade.h"
#include "core/mail/transfer_encoding.h"
#include "lists/handlers/handler.h"
#include "tests/lists/site.h"

using namespace essaim;
using namespace essaim::lists;
using essaim::test::crlf;

namespace {

Target a_list(const Settings& settings) {
  Target target;
  target.list.id = 1;
  target.list.local = "dev";
  target.list.domain = "lists.example";
  target.list.settings = settings;
  target.list.domain_settings = settings;  // where alone a robot is
  target.settings = settings_of(target.list);
  target.address = {"dev", "lists.example"};
  return target;
}

Rendered rendered(const std::vector<Handler>& handlers, const Target& target, const std::string& content,
                  bool from_our_lists = false) {
  Submission submission;
  submission.from_our_lists = from_our_lists;
  submission.id = 1;
  submission.received_header = "Received: from c by mx.example id 1;\r\n now\r\n";
  submission.content = content;
  auto incoming = parse_incoming(submission);
  BOOST_REQUIRE(incoming.ok());
  auto out =
      render(handlers, submission, *incoming, target, {"mx.example", {}}, from_millis(1'790'000'000'000));
  BOOST_REQUIRE_MESSAGE(out.ok(), (out.ok() ? "" : out.error().message));
  return *out;
}

const char kReceived[] = "Received: from c by mx.example id 1;\n now\n";
const char kListFields[] =
    "X-Loop: dev@lists.example\n"
    "Precedence: list\n"
    "List-Id: <dev.lists.example>\n"
    "List-Help: <mailto:sympa@lists.example?subject=HELP>\n"
    "List-Subscribe: <mailto:dev-subscribe@lists.example>\n"
    "List-Post: <mailto:dev@lists.example>\n"
    "List-Owner: <mailto:dev-owner@lists.example>\n";

// What a list says of what it has changed, with the Message-ID <1@x>.
std::string original(const std::string& body) {
  const Sha256Digest digest = sha256(std::string("message-id:<1@x>\0", 17) + crlf(body));
  return "X-Original: " + base64_encoded({reinterpret_cast<const char*>(digest.data()), digest.size()}) +
         "\n";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(list_handlers)

BOOST_AUTO_TEST_CASE(a_post_leaves_with_what_its_list_says_and_else_as_it_came) {
  struct Row {
    const char* what;
    Settings settings;
    std::string in;
    std::string out;  // behind Received
    bool from_our_lists = false;
  };
  const std::string usual = "Message-ID: <1@x>\nDate: today\n";
  const std::string fields = kListFields;
  const Row rows[] = {
      {"odd but untouched fields keep their bytes",
       {},
       "FROM :  a@b\nsubject:\todd   spaces\n\tand folding\nX-8bit: \xe9\n" + usual + "\nbody\n",
       "FROM :  a@b\nsubject:\todd   spaces\n\tand folding\nX-8bit: \xe9\n" + usual + fields + "\nbody\n"},
      {"fields of other lists and hops go, X-Loop stays",
       {},
       "Return-Path: <a@b>\nDelivered-To: dev@lists.example\nFrom: a@b\nList-Id: <o.other>\nList-Post: "
       "<mailto:o@other>\n"
       "List-Unsubscribe: <mailto:x@other>\nList-Help: <mailto:h@other>\nX-Loop: o@other\nPrecedence: bulk\n"
       "Disposition-Notification-To: a@b\nReturn-Receipt-To: a@b\nX-Confirm-Reading-To: a@b\n"
       "Read-Receipt-To: a@b\nErrors-To: a@b\nContent-Length: 5\nSender: s@b\n" +
           usual + "\nbody\n",
       "From: a@b\nX-Loop: o@other\nSender: s@b\n" + usual + fields + "\nbody\n"},
      {"subject tag",
       {{"subject_tag", "[dev]"}},
       "From: a@b\nSubject: Re: hello\n" + usual + "\nbody\n",
       "From: a@b\nSubject: Re: [dev] hello\n" + usual + fields + "\nbody\n"},
      {"replies go to the list",
       {{"reply_to", "list"}},
       "From: a@b\nReply-To: a@c\n" + usual + "\nbody\n",
       "From: a@b\nReply-To: dev@lists.example\n" + usual + fields + "\nbody\n"},
      {"replies go to the author",
       {},
       "From: a@b\nReply-To: a@c\n" + usual + "\nbody\n",
       "From: a@b\nReply-To: a@c\n" + usual + fields + "\nbody\n"},
      {"Reply-To goes",
       {{"reply_to", "none"}},
       "From: a@b\nReply-To: a@c\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + fields + "\nbody\n"},
      {"replies go elsewhere",
       {{"reply_to", "talk@lists.example"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + "Reply-To: talk@lists.example\n" + fields + "\nbody\n"},
      {"headers removed and added",
       {{"remove_headers", "X-Mailer user-agent"}, {"add_headers", "X-A: 1\nX-B: 2"}},
       "From: a@b\nX-Mailer: m\nUser-Agent: u\nX-A: 1\n" + usual + "\nbody\n",
       "From: a@b\nX-A: 1\n" + usual + fields + "X-B: 2\n\nbody\n"},
      {"who got a blind copy is nobody's business",
       {},
       "From: a@b\nBcc: dean@b, a@c\nTo: dev@lists.example\nresent-bcc:\n c@d\n" + usual + "\nbody\n",
       "From: a@b\nTo: dev@lists.example\n" + usual + fields + "\nbody\n"},
      {"Message-ID and Date are made where they lack",
       {},
       "From: a@b\n\nbody\n",
       "From: a@b\nMessage-ID: <0000000000001@mx.example>\nDate: " +
           format_rfc5322(from_millis(1'790'000'000'000)) + "\n" + fields + "\nbody\n"},
      {"a Message-ID without an id is none",
       {},
       "Message-ID: <>\nFrom: a@b\nDate: today\n\nbody\n",
       "Message-ID: <0000000000001@mx.example>\nFrom: a@b\nDate: today\n" + fields + "\nbody\n"},
      {"a Message-ID that cannot be read is replaced",
       {},
       "Message-ID: <a\"b@c>\nFrom: a@b\nDate: today\n\nbody\n",
       "Message-ID: <0000000000001@mx.example>\nFrom: a@b\nDate: today\n" + fields + "\nbody\n"},
      {"a footer",
       {{"footer", "-- \nthe list\n"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + fields + original("body\n") + "\nbody\n-- \nthe list\n"},
      {"a header and a footer",
       {{"header", "over"}, {"footer", "under"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + fields + original("body\n") + "\nover\nbody\nunder\n"},
      {"a footer that is there already, and one that is quoted",
       {{"footer", "under"}},
       "From: a@b\n" + usual + "\n> under\nbody\nunder\n",
       "From: a@b\n" + usual + fields + "\n> under\nbody\nunder\n"},
      {"a body that a list of ours has changed is known by that of its author",
       {{"footer", "under"}},
       "From: a@b\n" + usual + original("first\n") + "\nbody\n",
       "From: a@b\n" + usual + original("first\n") + fields + "\nbody\nunder\n",
       true},
      {"also where it goes on as it came",
       {},
       "From: a@b\n" + usual + original("first\n") + "\nbody\n",
       "From: a@b\n" + usual + original("first\n") + fields + "\nbody\n",
       true},
      {"also where the mark itself was taken off",
       {{"remove_headers", "X-Original"}},
       "From: a@b\n" + usual + original("first\n") + "\nbody\n",
       "From: a@b\n" + usual + fields + original("first\n") + "\nbody\n",
       true},
      {"others are not believed",
       {{"footer", "under"}},
       "From: a@b\n" + usual + original("first\n") + "\nbody\n",
       "From: a@b\n" + usual + fields + original("body\n") + "\nbody\nunder\n"},
      {"nor by the next list",
       {},
       "From: a@b\n" + usual + original("first\n") + "\nbody\n",
       "From: a@b\n" + usual + fields + "\nbody\n"},
      {"what says nothing is replaced",
       {{"footer", "under"}},
       "From: a@b\nX-Original: AAAA\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + fields + original("body\n") + "\nbody\nunder\n",
       true},
      {"a footer that is only quoted is no second one",
       {{"footer", "under"}},
       "From: a@b\n" + usual + "\nbody\n> under\n",
       "From: a@b\n" + usual + fields + original("body\n> under\n") + "\nbody\n> under\nunder\n"},
      {"a description",
       {{"description", "Development \"talk\""}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual +
           "X-Loop: dev@lists.example\nPrecedence: list\nList-Id: \"Development \\\"talk\\\"\" "
           "<dev.lists.example>\n"
           "List-Help: <mailto:sympa@lists.example?subject=HELP>\n"
           "List-Subscribe: <mailto:dev-subscribe@lists.example>\n"
           "List-Post: <mailto:dev@lists.example>\nList-Owner: <mailto:dev-owner@lists.example>\n\nbody\n"},
      {"nobody may post",
       {{"post", "nobody"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual +
           "X-Loop: dev@lists.example\nPrecedence: list\nList-Id: <dev.lists.example>\n"
           "List-Help: <mailto:sympa@lists.example?subject=HELP>\n"
           "List-Subscribe: <mailto:dev-subscribe@lists.example>\nList-Post: NO\n"
           "List-Owner: <mailto:dev-owner@lists.example>\n\nbody\n"},
      {"nobody may join, and the robot has an odd name",
       {{"subscribe", "closed"}, {"robot", "a?b"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual +
           "X-Loop: dev@lists.example\nPrecedence: list\nList-Id: <dev.lists.example>\n"
           "List-Help: <mailto:a%3Fb@lists.example?subject=HELP>\nList-Post: <mailto:dev@lists.example>\n"
           "List-Owner: <mailto:dev-owner@lists.example>\n\nbody\n"},
      {"who joins is invited",
       {{"subscribe", "invitation"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual +
           "X-Loop: dev@lists.example\nPrecedence: list\nList-Id: <dev.lists.example>\n"
           "List-Help: <mailto:sympa@lists.example?subject=HELP>\nList-Post: <mailto:dev@lists.example>\n"
           "List-Owner: <mailto:dev-owner@lists.example>\n\nbody\n"},
      {"help is on a page",
       {{"subscribe", "closed"}, {"add_headers", "list-help: <https://x/>"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual +
           "X-Loop: dev@lists.example\nPrecedence: list\nList-Id: <dev.lists.example>\n"
           "List-Post: <mailto:dev@lists.example>\nList-Owner: <mailto:dev-owner@lists.example>\n"
           "list-help: <https://x/>\n\nbody\n"},
      {"common copies",
       {{"envelope", "common"}},
       "From: a@b\n" + usual + "\nbody\n",
       "From: a@b\n" + usual + fields + "List-Unsubscribe: <mailto:dev-unsubscribe@lists.example>\n\nbody\n"},
  };
  for (const Row& row : rows) {
    BOOST_TEST_CONTEXT(row.what) {
      const Rendered out = rendered(post_handlers(), a_list(row.settings), crlf(row.in), row.from_our_lists);
      BOOST_TEST(out.rendering == crlf(kReceived + row.out));
      const bool common = row.settings.contains("envelope");
      BOOST_TEST(out.private_header ==
                 (common ? "" : "List-Unsubscribe: <mailto:dev-unsubscribe+{leave}@lists.example>\r\n"));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_long_list_name_gets_a_short_address_to_leave_with) {
  Target target = a_list({});
  target.list.local = "a-list-whose-name-is-rather-long";
  const Rendered out = rendered(post_handlers(), target, crlf("From: a@b\n\nbody\n"));
  BOOST_TEST(out.private_header == "List-Unsubscribe: <mailto:leave+{leave}@lists.example>\r\n");
}

BOOST_AUTO_TEST_CASE(signed_mail_is_left_whole) {
  const Target target = a_list({{"footer", "the list"}});
  for (const char* name : {"pgp_mime_signed", "smime_signed_detached", "smime_opaque", "inline_pgp"}) {
    BOOST_TEST_CONTEXT(name) {
      const std::string content =
          test::file_text(std::string(ESSAIM_SOURCE_DIR) + "/tests/messages/" + name + ".eml");
      const std::string body = content.substr(content.find("\r\n\r\n"));
      BOOST_TEST(rendered(post_handlers(), target, content).rendering.ends_with(body));
    }
  }
}

BOOST_AUTO_TEST_CASE(eight_bit_is_seen_wherever_it_is) {
  const Target target = a_list({});
  BOOST_TEST(!rendered(post_handlers(), target, crlf("From: a@b\n\nbody\n")).eight_bit);
  BOOST_TEST(rendered(post_handlers(), target,
                      crlf("From: a@b\n\nb\xc3\xb6"
                           "dy\n"))
                 .eight_bit);
  BOOST_TEST(rendered(post_handlers(), target, crlf("From: \xe9 <a@b>\n\nbody\n")).eight_bit);
}

BOOST_AUTO_TEST_CASE(a_forward_changes_no_more_than_its_marks) {
  Target target = a_list({{"subject_tag", "[dev]"}, {"footer", "x"}});
  target.kind = TargetKind::kOwners;
  const Rendered out = rendered(forward_handlers(), target,
                                crlf("Return-Path: <a@b>\nFrom: a@b\nBcc: c@d\nX-Original: AAAA\nList-Id: "
                                     "<o.other>\nSubject: hi\n\nbody\n"));
  BOOST_TEST(out.rendering == crlf(std::string(kReceived) + "From: a@b\nList-Id: <o.other>\nSubject: hi\n"
                                                            "X-Loop: dev-owner@lists.example\n\nbody\n"));
  BOOST_TEST(out.private_header.empty());
}

BOOST_AUTO_TEST_CASE(words_may_be_parts_and_go_into_html_where_they_are_given_for_it) {
  const std::string html =
      crlf("From: a@b\nMIME-Version: 1.0\nContent-Type: text/html\n\n<body><p>hi</p></body>\n");
  const auto body_with = [&](const Settings& settings) {
    const std::string text = rendered(post_handlers(), a_list(settings), html).rendering;
    return text.substr(text.find("\r\n\r\n") + 4);
  };
  BOOST_TEST(body_with({{"footer", "under"}, {"footer_html", "<p>under</p>"}})
                 .find("<p>hi</p>\r\n<p>under</p>\r\n</body>") != std::string::npos);
  for (const Settings& settings :
       {Settings{{"footer", "under"}},
        Settings{{"footer", "under"}, {"footer_html", "<p>under</p>"}, {"footer_style", "mime"}}}) {
    const std::string body = body_with(settings);
    BOOST_TEST(body.find("<body><p>hi</p></body>") != std::string::npos);
    BOOST_TEST(body.find("Content-Disposition: inline\r\n\r\nunder\r\n--") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(lines_that_are_too_long_are_encoded) {
  const std::string line = "<p>" + std::string(2000, 'y') + "</p>";
  const std::string page =
      crlf("From: a@b\nMIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\nX:  odd\n\n" + line + "\n");
  for (const auto* table : {&post_handlers(), &forward_handlers(), &relay_handlers()}) {
    const Rendered out =
        rendered(*table, a_list({{"footer", "the list"}, {"footer_html", "<i>f</i>"}}), page);
    BOOST_TEST(!mail::has_long_line(out.rendering));
    const auto header = mail::HeaderBlock::parse(out.rendering);
    BOOST_TEST(header->value("Content-Transfer-Encoding").value_or("") == "quoted-printable");
    BOOST_TEST(header->find("X")->raw() == "X:  odd\r\n");
    const auto text =
        mail::decoded_quoted_printable(std::string_view(out.rendering).substr(header->body_offset()));
    BOOST_TEST(text.value_or("").starts_with(line + "\r\n"));
  }
  // Where nothing was verified nobody would protect the author of a signature that breaks.
  const std::string is_signed = "DKIM-Signature: v=1\r\n" + page;
  const std::string body = page.substr(page.find("\r\n\r\n"));
  for (const auto* table : {&post_handlers(), &forward_handlers(), &relay_handlers()})
    BOOST_TEST(rendered(*table, a_list({}), is_signed).rendering.ends_with(body));
  const Settings footer = {{"footer", "the list"}, {"footer_html", "<i>f</i>"}};  // breaks it anyway
  BOOST_TEST(!mail::has_long_line(rendered(post_handlers(), a_list(footer), is_signed).rendering));
  // There it does not go out.
  const Target hides = a_list({{"anonymous", "true"}});
  BOOST_TEST(!mail::has_long_line(rendered(post_handlers(), hides, is_signed).rendering));
}

// RFC 6532 allows UTF-8 in a header only where SMTPUTF8 was said.
BOOST_AUTO_TEST_CASE(utf8_that_nobody_announced_is_written_in_ascii_where_no_signature_may_cover_it) {
  const auto header_of = [](Treatment treatment, const std::string& head, bool smtputf8) {
    const Target target = a_list({{"subject_tag", "[dev]"}});
    Submission submission;
    submission.smtputf8 = smtputf8;
    submission.content = crlf(head + "Message-ID: <1@x>\nDate: today\n\nbody\n");
    const auto incoming = parse_incoming(submission);
    BOOST_REQUIRE(incoming.ok());
    const Site site{"mx.example", {}};
    Draft draft = begin_draft(submission, *incoming, target, site, from_millis(1'790'000'000'000));
    draft.treatment = treatment;
    BOOST_REQUIRE(run_handlers(post_handlers(), &draft).ok());
    return draft.header.serialise();
  };
  const auto has = [](const std::string& text, const std::string& field) {
    return text.find(field + "\r\n") != std::string::npos;
  };
  const std::string u = "\xc3\xbc";
  const std::string plain = "From: J" + u + "rg <j@a.example>\nTo: \"B" + u +
                            "\" <b@a.example>\nX-Note: " + u + "\nSubject: Gr" + u + "n\n";
  const std::string encoded = header_of(Treatment::kKeep, plain + "References: <" + u + "@x>\n", false);
  BOOST_TEST(has(encoded, "Subject: [dev] =?UTF-8?Q?Gr=C3=BCn?="));
  BOOST_TEST(has(encoded, "From: =?UTF-8?Q?J=C3=BCrg?= <j@a.example>"));
  BOOST_TEST(has(encoded, "To: =?UTF-8?B?QsO8?= <b@a.example>"));
  BOOST_TEST(has(encoded, "X-Note: =?UTF-8?B?w7w=?="));
  // There no encoded word may stand, and threads need it.
  BOOST_TEST(has(encoded, "References: <" + u + "@x>"));
  for (const char* signature : {"DKIM-Signature: v=1\n", "ARC-Message-Signature: i=1\n"})
    BOOST_TEST(has(header_of(Treatment::kKeep, signature + plain, false), "X-Note: " + u), signature);
  const std::string head = "DKIM-Signature: v=1\n" + plain;
  const std::string kept = header_of(Treatment::kKeep, head, false);
  BOOST_TEST(has(kept, "Subject: [dev] =?UTF-8?Q?Gr=C3=BCn?="));
  // The author's stay as they came.
  BOOST_TEST(has(kept, "From: J" + u + "rg <j@a.example>"));
  BOOST_TEST(has(kept, "To: \"B" + u + "\" <b@a.example>"));
  BOOST_TEST(has(kept, "X-Note: " + u));
  // Also a subject that has its tag, but for white space, which signatures do not mind.
  const std::string reply = "DKIM-Signature: v=1\nFrom: j@a.example\nSubject: Re:\n [dev]  gr" + u + "n\n";
  BOOST_TEST(has(header_of(Treatment::kKeep, reply, false), "Subject: Re: [dev] gr" + u + "n"));
  // No UTF-8: in EUC-KR, say.
  BOOST_TEST(has(header_of(Treatment::kKeep, "From: j@a.example\nSubject: \xc8\xab\xb1\xe6\n", false),
                 "Subject: [dev] \xc8\xab\xb1\xe6"));
  const std::string rewritten = header_of(Treatment::kRewriteFrom, head, false);
  BOOST_TEST(has(rewritten, "From: =?UTF-8?Q?J=C3=BCrg_via_dev?= <dev@lists.example>"));
  BOOST_TEST(has(rewritten, "Reply-To: =?UTF-8?Q?J=C3=BCrg?= <j@a.example>"));
  BOOST_TEST(has(rewritten, "Original-From: =?UTF-8?Q?J=C3=BCrg?= <j@a.example>"));
  BOOST_TEST(has(rewritten, "To: \"B" + u + "\" <b@a.example>"));
  const std::string wrapped = header_of(Treatment::kWrap, head, false);
  BOOST_TEST(std::all_of(wrapped.begin(), wrapped.end(), [](char c) { return (c & 0x80) == 0; }), wrapped);
  BOOST_TEST(has(wrapped, "To: =?UTF-8?B?QsO8?= <b@a.example>"));
  // An address in UTF-8 has no other form.
  const std::string address = "From: j" + u + "@a.example\n";
  BOOST_TEST(has(header_of(Treatment::kRewriteFrom, address, false), "Original-From: j" + u + "@a.example"));
  // What is badly written stays as it came: we may have read less of it than others do.
  for (const std::string& field : {"Content-Disposition: attachment; filename=Gr" + u + " n.pdf",
                                   "Content-Type: a/b; name=" + u + " (x"})
    BOOST_TEST(has(header_of(Treatment::kKeep, "From: j@a.example\n" + field + "\n", false), field), field);
  const std::string quoted =
      "From: j@a.example\nContent-Disposition: attachment; filename=\"" + u + " n.pdf\"\n";
  BOOST_TEST(has(header_of(Treatment::kKeep, quoted, false),
                 "Content-Disposition: attachment; filename*=UTF-8''%C3%BC%20n.pdf"));
  // Announced, it is allowed.
  BOOST_TEST(has(header_of(Treatment::kKeep, head, true), "Subject: [dev] Gr" + u + "n"));
  BOOST_TEST(has(header_of(Treatment::kRewriteFrom, head, true), "Reply-To: J" + u + "rg <j@a.example>"));
}

BOOST_AUTO_TEST_CASE(what_people_submit_is_passed_on_in_ascii_unless_it_is_signed) {
  const std::string u = "\xc3\xbc";
  const auto subject_of = [&u](const std::vector<Handler>& table, const std::string& head, bool login,
                               bool smtputf8) {
    const Target target = a_list({});
    Submission submission;
    if (login) submission.login = std::make_shared<const sasl::Login>();
    submission.smtputf8 = smtputf8;
    submission.content = crlf(head + "From: j@a.example\nSubject: Gr" + u + "n\n\nbody\n");
    const auto incoming = parse_incoming(submission);
    BOOST_REQUIRE(incoming.ok());
    const auto out =
        render(table, submission, *incoming, target, {"mx.example", {}}, from_millis(1'790'000'000'000));
    BOOST_REQUIRE(out.ok());
    const auto header = mail::HeaderBlock::parse(out->rendering);
    BOOST_REQUIRE(header.ok());
    return header->value("Subject").value_or("");
  };
  const std::string ascii = "=?UTF-8?Q?Gr=C3=BCn?=", raw = "Gr" + u + "n";
  for (const auto* table : {&forward_handlers(), &relay_handlers()}) {
    BOOST_TEST(subject_of(*table, "", true, false) == ascii);
    BOOST_TEST(subject_of(*table, "DKIM-Signature: v=1\n", true, false) == raw);
    BOOST_TEST(subject_of(*table, "", true, true) == raw);    // announced, it is allowed
    BOOST_TEST(subject_of(*table, "", false, false) == raw);  // somebody else's
  }
}

BOOST_AUTO_TEST_CASE(a_list_that_hides_its_authors_keeps_of_the_header_what_is_not_theirs) {
  std::string head =
      "Subject: hello\nMIME-Version: 1.0 (Secret 1.0)\nContent-Type: text/plain\nX-Loop: old@x.example\n"
      "X-BeenThere: older@x.example\nMailing-List: contact help@x.example; run by ezmlm\n"
      "Auto-Submitted: Auto-Notified; owner-email=\"secret@secret.example\"\n"
      "TLS-Required: no\nContent-Language: secret\n";
  for (const char* name : {"Received",
                           "Return-Path",
                           "DKIM-Signature",
                           "ARC-Seal",
                           "Authentication-Results",
                           "Sender",
                           "Reply-To",
                           "Cc",
                           "Organization",
                           "X-Mailer",
                           "User-Agent",
                           "X-Originating-IP",
                           "X-Sender",
                           "Original-From",
                           "Resent-From",
                           "Thread-Index",
                           "Autocrypt",
                           "Comments",
                           "Content-ID",
                           "Content-Location",
                           "X-Anything"})
    head += std::string(name) + ": <secret@secret.example>\n";
  const std::string ours = "<" + format_id(5) + "." + format_id(1) + "@lists.example>";
  const std::string content = crlf(
      head + "From: Secret <secret@secret.example>\nTo: dev@lists.example, secret@secret.example\n" +
      "Date: Sun, 22 Nov 2026 18:52:04 +0000 (secret)\nMessage-ID: <secret@x>\nIn-Reply-To: <secret@x>\n" +
      "References: <secret@x> " + ours + " <" + format_id(5) + "." + format_id(1) + "@secret.example> <" +
      format_id(5) + ".secret-secret@lists.example> <secret@lists.example> <\n" +
      "X-Original: secret\n\nbody\n");
  const Rendered out =
      rendered(post_handlers(), a_list({{"anonymous", "true"}, {"footer", "the list"}}), content);
  BOOST_TEST(out.rendering.find("ecret") == std::string::npos, out.rendering);
  const auto header = mail::HeaderBlock::parse(out.rendering);
  BOOST_REQUIRE(header.ok());
  BOOST_TEST(header->value("From").value_or("") == "dev <dev@lists.example>");
  BOOST_TEST(header->value("To").value_or("") == "dev@lists.example");
  BOOST_TEST(header->value("Message-ID").value_or("") ==
             "<" + format_id(1) + "." + format_id(1) + "@lists.example>");
  BOOST_TEST(out.message_id == header->value("Message-ID").value_or(""));
  BOOST_TEST(header->value("References").value_or("") == ours);
  BOOST_TEST(header->value("MIME-Version").value_or("") == "1.0");
  BOOST_TEST(header->value("Auto-Submitted").value_or("") == "auto-notified");
  BOOST_TEST(header->value("TLS-Required").value_or("") == "No");
  BOOST_TEST(header->value("X-BeenThere").value_or("") == "older@x.example");
  BOOST_TEST(header->value("Mailing-List").value_or("") == "contact help@x.example; run by ezmlm");
  for (const char* gone : {"In-Reply-To", "Received", "X-Original", "Reply-To"})
    BOOST_TEST((header->find(gone) == nullptr), gone);
  for (const char* there : {"Subject", "Date", "Content-Type", "List-Id"})
    BOOST_TEST(header->count(there) == 1U, there);
  BOOST_TEST(header->count("X-Loop") == 2U);
  const auto of_anybody =
      rendered(post_handlers(), a_list({{"anonymous", "true"}}),
               crlf("From: a@b\nTLS-Required: secret\nAuto-Submitted: no (secret)\n\nbody\n"));
  BOOST_TEST(of_anybody.rendering.find("secret") == std::string::npos, of_anybody.rendering);
  // Mail to its owners names who wrote.
  BOOST_TEST(rendered(forward_handlers(), a_list({{"anonymous", "true"}}), content)
                 .rendering.find("From: Secret <secret@secret.example>") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
