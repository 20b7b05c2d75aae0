#include <boost/test/unit_test.hpp>

#include "lists/scenario/compile.h"
#include "lists/scenario/filter.h"
#include "lists/scenario/shipped.h"
#include "tests/lists/scenario/lookups.h"

using namespace essaim;
using namespace essaim::lists::scenario;
using essaim::test::TestLookups;

namespace {

std::shared_ptr<const Scenario> scenario_of(const std::string& text, bool blocklist = false) {
  const auto find = [&](const std::string& file) -> Result<std::optional<std::string>> {
    if (file == "send.x") return std::optional<std::string>(text);
    return std::optional<std::string>();
  };
  auto compiled = compile("send", "x", find, blocklist);
  BOOST_REQUIRE_MESSAGE(compiled.ok(), (compiled.ok() ? "" : compiled.error().message));
  return *compiled;
}

std::shared_ptr<const Scenario> shipped_scenario(const std::string& function, const std::string& name) {
  const auto find = [](const std::string& file) -> Result<std::optional<std::string>> {
    const auto dot = file.find('.');
    const auto text = shipped_text(file.substr(0, dot), file.substr(dot + 1));
    if (!text) return std::optional<std::string>();
    return std::optional<std::string>(*text);
  };
  auto compiled = compile(function, name, find, false);
  BOOST_REQUIRE_MESSAGE(compiled.ok(), function + "." + name);
  return *compiled;
}

std::string crlf(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') out.push_back('\r');
    out.push_back(c);
  }
  return out;
}

const char kMessage[] =
    "From: Ann <ann@x.example>\nTo: other@y.example\nSubject: =?utf-8?q?caf=C3=A9?= time\nX-Mark: "
    "one\nX-Mark: two\nX-Sender: \"Vey, Eve\" <eve@x.example>\nX-Boss: ann@x.example, Root <root@x.example>\n"
    "Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nun "
    "=E9t=E9\n";

struct Asked {
  std::string message = crlf(kMessage);
  mail::HeaderBlock header = *mail::HeaderBlock::parse(message);
  TestLookups lookups;
  Question question;
  Asked() {
    question.sender = "ann@x.example";
    question.listname = "dev";
    question.domain = "lists.example";
    question.header = &header;
    question.body = std::string_view(message).substr(header.body_offset());
    question.remote_address = "192.0.2.7";
    question.now = from_millis(1'795'000'000'000);
    lookups.roles = {"member dev ann@x.example", "editor dev eve@x.example", "owner dev own@x.example"};
    lookups.listmasters = {"root@x.example"};
    lookups.filters["friends.txt"] = {"ann@x.example"};
    lookups.attributes["list lang"] = "fr";
    lookups.attributes["conf email"] = "sympa";
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(scenario_decisions)

BOOST_AUTO_TEST_CASE(conditions_hold_or_do_not) {
  struct Row {
    const char* condition;
    bool holds;
  };
  const Row rows[] = {
      {"true()", true},
      {"!true()", false},
      {"equal([sender],'ANN@x.example')", true},
      {"!equal([sender],'ann@x.example')", false},
      {"equal([sender],[email])", true},
      {"equal('[listname]@[domain]','dev@lists.example')", true},
      {"match([sender],/\\.EXAMPLE$/)", true},
      {"match([sender],/@[host]$/)", false},
      {"match('x@lists.example',/@[host]$/)", true},
      {"match('x@lists.example',/@[domain]$/)", true},
      {"match('x@listsxexample',/@[domain]$/)", false},
      {"match('x@d',/@[domain]$/)", false},
      {"match([sender],//)", false},
      {"!match([sender],//)", true},
      {"match([header->Subject],/café/)", true},
      {"match([msg_header->X-Mark],/^two$/)", true},
      {"equal([msg_header->X-Mark][0],'one')", true},
      {"equal([msg_header->X-Mark][-1],'two')", true},
      {"equal([msg_header->X-Mark][7],'')", true},
      {"equal([header->X-None],'')", true},
      {"match([msg_body],/été/)", true},
      {"match([msg_part->type],/./)", false},
      {"equal([is_bcc],'1')", true},
      {"is_subscriber([listname],[sender])", true},
      {"is_subscriber(gone,[sender])", false},
      {"!is_subscriber(gone,[sender])", true},
      {"is_editor([listname],[sender])", false},
      {"is_owner([listname],'own@x.example')", true},
      {"is_owner([listname],'root@x.example')", true},
      {"is_editor([listname],'root@x.example')", false},
      {"is_subscriber([listname],[header->From])", true},
      {"is_editor([listname],[msg_header->X-Sender][-1])", true},
      {"is_owner([listname],[header->X-None])", false},
      {"is_listmaster([header->X-Boss])", true},
      {"is_listmaster([header->X-Sender])", false},
      {"equal([topic_auto],'x')", false},
      {"is_listmaster('root@x.example')", true},
      {"is_listmaster('nobody')", false},
      {"search(friends.txt,[sender])", true},
      {"search(friends.txt)", true},
      {"search(strangers.txt,[sender])", false},
      {"verify_netmask('192.0.2.0/24')", true},
      {"verify_netmask('192.0.3.0/24')", false},
      {"verify_netmask('2001:db8::/32')", false},
      {"verify_netmask(any)", true},
      {"equal([list->lang],'fr')", true},
      {"equal([list->gone],'fr')", false},
      {"!equal([list->gone],'fr')", true},
      {"equal([conf->email],'sympa')", true},
      {"equal([topic],'x')", false},
      {"less_than('9','10')", true},
      {"less_than('10','9')", false},
      {"newer([current_date],'2026y1m1d')", true},
      {"older([current_date],'2026-01-01')", false},
      {"older('2025/12/31',[current_date])", true},
      {"older('rubbish',[current_date])", false},
      // It is the 18th of November, 11:06:40. Three months are 92 days from there on, and so they are backwards.
      {"newer('2026y8m19d','execution_date-3m')", true},
      {"newer('2026y8m18d','execution_date-3m')", false},
      {"older('execution_date-1y','2025y11m18d12h')", true},
      {"older('execution_date-1y','2025y11m18d11h')", false},
      {"older('execution_date-13m','2025y10m19d')", false},
      {"older('execution_date-13m','2025y10m20d')", true},
      {"newer('2026y11m28d','execution_date+1w2d12h53min21sec')", false},
      {"newer('2026y11m28d','execution_date+1w2d12h53min19sec')", true},
      {"newer([current_date],execution_date-1D)", true},
      {"older([current_date],execution_date)", true},
      {"newer('[current_date]-1d','2026y11m17d5min')", true},
      {"newer('2026-11-22-1w','2026-11-14')", true},
      {"newer('2026-11-22-1w','2026-11-15')", false},
      {"older('execution_date-',[current_date])", false},
      {"older('execution_date-3',[current_date])", false},
      {"older('execution_date-1m3y',[current_date])", false},
      {"older('execution_date-9999999999y',[current_date])", false},
      {"equal([remote_host],'unknown_host')", true},
      {"equal([previous_email],'x')", false},
      {"equal([msg_encrypted],'smime')", false},
  };
  for (const Row& row : rows) {
    Asked asked;
    const auto scenario = scenario_of(std::string(row.condition) + " smtp -> do_it\n");
    const auto decision = decide(*scenario, asked.question, asked.lookups);
    BOOST_REQUIRE_MESSAGE(decision.ok(), row.condition);
    BOOST_TEST((decision->action.kind == ActionKind::kDoIt) == row.holds, row.condition);
  }
}

BOOST_AUTO_TEST_CASE(a_message_that_is_encrypted_by_smime_is_known_by_its_type) {
  struct Row {
    const char* type;
    bool encrypted;
  };
  const Row rows[] = {
      {"application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", true},
      {"Application/X-PKCS7-MIME; smime-type=\"AuthEnveloped-data\"", true},
      {"application/pkcs7-mime; name=smime.p7m", true},
      {"application/pkcs7-mime; smime-type=signed-data", false},
      {"application/pkcs7-mime; smime-type=compressed-data", false},
      {"multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=x", false},
      {"text/plain", false},
  };
  for (const Row& row : rows) {
    Asked asked;
    asked.message = "From: ann@x.example\r\nContent-Type: " + std::string(row.type) + "\r\n\r\nMIIB\r\n";
    asked.header = *mail::HeaderBlock::parse(asked.message);
    asked.question.body = {};
    for (const bool negated : {false, true}) {
      const auto scenario =
          scenario_of(std::string(negated ? "!" : "") + "equal([msg_encrypted],'smime') smtp -> do_it\n");
      const auto decision = decide(*scenario, asked.question, asked.lookups);
      BOOST_REQUIRE(decision.ok());
      BOOST_TEST((decision->action.kind == ActionKind::kDoIt) == (row.encrypted != negated), row.type);
    }
  }
  Asked no_message;
  no_message.question.header = nullptr;
  const auto scenario = scenario_of("equal([msg_encrypted],'smime') smtp -> do_it\n");
  const auto decision = decide(*scenario, no_message.question, no_message.lookups);
  BOOST_REQUIRE(decision.ok());
  BOOST_TEST((decision->action.kind == ActionKind::kReject));
}

BOOST_AUTO_TEST_CASE(without_an_address_a_network_is_passed_over_negated_or_not) {
  Asked asked;
  asked.question.remote_address = "";
  for (const char* condition : {"verify_netmask('0.0.0.0/0')", "!verify_netmask('0.0.0.0/0')"}) {
    const auto scenario = scenario_of(std::string(condition) + " smtp -> do_it\n");
    BOOST_TEST((decide(*scenario, asked.question, asked.lookups)->action.kind == ActionKind::kReject));
  }
}

BOOST_AUTO_TEST_CASE(a_level_that_is_named_nowhere_counts_as_the_next_lower) {
  struct Row {
    const char* text;
    Auth auth;
    const char* action;
  };
  const char* both = "true() smtp -> request_auth\ntrue() md5 -> do_it\n";
  const char* all =
      "true() dkim -> editorkey\ntrue() smtp -> request_auth\ntrue() md5 -> do_it\ntrue() smtp_auth -> "
      "owner\n";
  const Row rows[] = {
      {both, Auth::kSmtp, "request_auth"},
      {both, Auth::kDkim, "request_auth"},
      {both, Auth::kMd5, "do_it"},
      {both, Auth::kSmtpAuth, "do_it"},
      {both, Auth::kSmime, "reject"},
      {all, Auth::kDkim, "editorkey"},
      {all, Auth::kSmtpAuth, "owner"},
      {all, Auth::kMd5, "do_it"},
      {"true() smtp -> do_it", Auth::kSmtpAuth, "do_it"},
      {"true() smtp -> do_it", Auth::kMd5, "reject"},
  };
  for (const Row& row : rows) {
    Asked asked;
    asked.question.auth = row.auth;
    const auto scenario = scenario_of(row.text);
    const auto decision = decide(*scenario, asked.question, asked.lookups);
    BOOST_TEST(to_string(decision->action.kind) == std::string(row.action),
               std::string(to_string(row.auth)) + ": " + row.text);
  }
}

BOOST_AUTO_TEST_CASE(what_was_confirmed_is_not_asked_for_again_and_may_go_to_the_moderators) {
  Asked asked;
  const auto scenario = scenario_of("true() smtp,md5 -> request_auth,editorkey\n");
  auto decision = decide(*scenario, asked.question, asked.lookups);
  BOOST_TEST((decision->action.kind == ActionKind::kRequestAuth));
  BOOST_TEST((decision->action.then == ActionKind::kEditorKey));
  asked.question.sender_confirmed = true;
  asked.question.auth = Auth::kMd5;
  decision = decide(*scenario, asked.question, asked.lookups);
  BOOST_TEST((decision->action.kind == ActionKind::kEditorKey));
  // Whom it concerns has to say so, not who asked.
  const auto other = scenario_of("true() smtp,md5 -> request_auth([email])\n");
  asked.question.email = "bob@x.example";
  BOOST_TEST((decide(*other, asked.question, asked.lookups)->action.kind == ActionKind::kRequestAuth));
  asked.question.email_confirmed = true;
  BOOST_TEST((decide(*other, asked.question, asked.lookups)->action.kind == ActionKind::kDoIt));
}

BOOST_AUTO_TEST_CASE(the_blocklist_comes_before_all_at_every_level) {
  Asked asked;
  asked.lookups.filters["blocklist.txt"] = {"ann@x.example"};
  const auto scenario = scenario_of("true() smtp -> do_it\n", true);
  for (const Auth auth : {Auth::kSmtp, Auth::kDkim, Auth::kSmtpAuth, Auth::kMd5}) {
    asked.question.auth = auth;
    const auto decision = decide(*scenario, asked.question, asked.lookups);
    BOOST_TEST(decision->action.quiet);
    BOOST_TEST(decision->action.reason == "blocklist");
    BOOST_TEST(decision->where == "blocklist");
  }
}

BOOST_AUTO_TEST_CASE(trouble_ends_the_decision_and_what_is_not_asked_is_not_looked_up) {
  Asked asked;
  asked.lookups.broken = true;
  const auto scenario =
      scenario_of("is_subscriber([listname],[sender]) smtp -> do_it\ntrue() smtp -> reject\n");
  const auto decision = decide(*scenario, asked.question, asked.lookups);
  BOOST_REQUIRE(!decision.ok());
  BOOST_TEST((decision.error().code == ErrorCode::kTemporary));
  // A full disk is of the moment, too: who asks comes again.
  asked.lookups.trouble = ErrorCode::kExhausted;
  BOOST_TEST((decide(*scenario, asked.question, asked.lookups).error().code == ErrorCode::kExhausted));
  const auto open = scenario_of("true() smtp -> do_it\nis_subscriber([listname],[sender]) smtp -> do_it\n");
  asked.lookups.asked = 0;
  BOOST_TEST(decide(*open, asked.question, asked.lookups).ok());
  BOOST_TEST(asked.lookups.asked == 0);
}

BOOST_AUTO_TEST_CASE(an_expression_that_is_given_up_refuses) {
  Asked asked;
  const std::string long_sender = std::string(60, 'a') + "b@x.example";
  asked.question.sender = long_sender;
  const auto scenario = scenario_of("match([sender],/^(a+)+$/) smtp -> do_it\ntrue() smtp -> do_it\n");
  const auto decision = decide(*scenario, asked.question, asked.lookups);
  BOOST_REQUIRE(decision.ok());
  BOOST_TEST((decision->action.kind == ActionKind::kReject));
  BOOST_TEST(decision->action.reason == "error-performing-condition");
}

BOOST_AUTO_TEST_CASE(a_trace_tells_what_became_of_each_rule) {
  Asked asked;
  Trace trace;
  const auto scenario = scenario_of(
      "true() md5 -> do_it\nis_owner([listname],[sender]) smtp -> do_it\ntrue() smtp -> editorkey\n");
  const auto decision = decide(*scenario, asked.question, asked.lookups, &trace);
  BOOST_TEST(decision->where == "send.x:3");
  BOOST_REQUIRE(trace.steps.size() == 3);
  BOOST_TEST((trace.steps[0].result == Step::Result::kOtherLevel));
  BOOST_TEST((trace.steps[1].result == Step::Result::kDoesNotHold));
  BOOST_TEST((trace.steps[2].result == Step::Result::kDecides));
}

BOOST_AUTO_TEST_CASE(shipped_scenarios_do_what_their_names_say) {
  struct Row {
    const char* scenario;
    const char* who;  // ann is a member, eve an editor, own an owner, root a listmaster, new nobody
    Auth auth;
    const char* action;
  };
  const Row rows[] = {
      {"send.private", "ann", Auth::kSmtp, "do_it"},
      {"send.private", "new", Auth::kSmtp, "reject"},
      {"send.private", "own", Auth::kSmtpAuth, "do_it"},
      {"send.privatekey", "ann", Auth::kDkim, "request_auth"},
      {"send.privatekey", "ann", Auth::kSmtpAuth, "do_it"},
      {"send.privatekeyandeditorkeyonly", "ann", Auth::kSmtp, "request_auth"},
      {"send.privatekeyandeditorkeyonly", "ann", Auth::kMd5, "editorkey"},
      {"send.confidential", "new", Auth::kSmtp, "reject"},
      {"send.editorkey", "eve", Auth::kSmtp, "do_it"},
      {"send.editorkey", "ann", Auth::kSmtp, "editorkey"},
      {"send.editorkeyonly", "eve", Auth::kSmtp, "editorkey"},
      {"send.privateoreditorkey", "new", Auth::kSmtp, "editorkey"},
      {"send.privateorpublickey", "new", Auth::kSmtp, "request_auth"},
      {"send.privateoreditorkey", "own", Auth::kSmtp, "editorkey"},
      {"send.privateorpublickey", "own", Auth::kSmtp, "request_auth"},
      {"send.newsletterkeyonly", "eve", Auth::kSmtp, "editorkey"},
      {"send.newsletterkeyonly", "eve", Auth::kMd5, "editorkey"},
      {"send.newsletterkeyonly", "ann", Auth::kMd5, "reject"},
      {"send.editordkim", "eve", Auth::kSmtp, "request_auth"},
      {"send.editordkim", "eve", Auth::kDkim, "do_it"},
      {"send.editordkim", "eve", Auth::kSmtpAuth, "do_it"},
      {"send.editordkim", "ann", Auth::kDkim, "editorkey"},
      {"send.public_nobcc", "new", Auth::kSmtp, "reject"},
      {"send.publicnoattachment", "new", Auth::kSmtp, "do_it"},
      {"send.owner", "root", Auth::kSmtp, "do_it"},
      {"send.closed", "own", Auth::kMd5, "reject"},
      {"subscribe.open", "new", Auth::kSmtp, "do_it"},
      {"subscribe.auth", "new", Auth::kSmtp, "request_auth"},
      {"subscribe.auth_owner", "new", Auth::kMd5, "owner"},
      {"subscribe.owner", "ann", Auth::kSmtp, "do_it"},
      {"subscribe.owner", "own", Auth::kSmtp, "do_it"},
      {"subscribe.closed", "new", Auth::kMd5, "reject"},
      {"subscribe.authdkim", "new", Auth::kSmtp, "request_auth"},
      {"subscribe.authdkim", "new", Auth::kDkim, "do_it"},
      {"subscribe.auth_ownerdkim", "new", Auth::kDkim, "owner"},
      {"unsubscribe.authdkim", "ann", Auth::kDkim, "do_it"},
      {"unsubscribe.auth", "ann", Auth::kSmtp, "request_auth"},
      {"unsubscribe.auth", "ann", Auth::kMd5, "do_it"},
      {"unsubscribe.closed", "ann", Auth::kMd5, "reject"},
      {"add.owner", "own", Auth::kSmtp, "do_it"},
      {"add.owner", "ann", Auth::kMd5, "reject"},
      {"add.auth", "own", Auth::kSmtp, "request_auth"},
      {"add.ownerdkim", "own", Auth::kSmtp, "request_auth"},
      {"add.ownerdkim", "own", Auth::kDkim, "do_it"},
      {"del.ownerdkim", "own", Auth::kSmtp, "request_auth"},
      {"invite.private", "eve", Auth::kSmtp, "do_it"},
      {"review.owner", "own", Auth::kSmtp, "do_it"},
      {"review.owner", "eve", Auth::kMd5, "reject"},
      {"review.private", "new", Auth::kSmtp, "reject"},
      {"review.listmaster", "root", Auth::kSmtp, "do_it"},
      {"remind.owner", "own", Auth::kSmtp, "request_auth"},
      {"remind.listmasterdkim", "root", Auth::kSmtp, "request_auth"},
      {"remind.listmasterdkim", "root", Auth::kDkim, "do_it"},
      {"create_list.public_listmaster", "new", Auth::kSmtp, "request_auth"},
      {"create_list.public_listmaster", "new", Auth::kMd5, "listmaster"},
      {"create_list.listmaster", "root", Auth::kMd5, "do_it"},
  };
  for (const Row& row : rows) {
    Asked asked;
    const std::string sender = std::string(row.who) + "@x.example";
    asked.question.sender = sender;
    asked.question.auth = row.auth;
    const std::string file = row.scenario;
    const auto dot = file.find('.');
    const auto scenario = shipped_scenario(file.substr(0, dot), file.substr(dot + 1));
    const auto decision = decide(*scenario, asked.question, asked.lookups);
    BOOST_TEST(to_string(decision->action.kind) == std::string(row.action), file + " for " + row.who);
  }
}

// "SIGNOFF dev ann@x.example" from somebody else must not tell whether ann is a member.
BOOST_AUTO_TEST_CASE(a_closed_list_says_of_others_nothing) {
  for (const char* function : {"subscribe", "unsubscribe"}) {
    const auto scenario = shipped_scenario(function, "closed");
    for (const char* who : {"ann@x.example", "new@x.example"}) {
      Asked asked;
      asked.question.sender = "evil@x.example";
      asked.question.email = who;
      const auto decision = decide(*scenario, asked.question, asked.lookups);
      BOOST_REQUIRE(decision.ok());
      BOOST_TEST((decision->action.kind == ActionKind::kReject), std::string(function) + " of " + who);
    }
  }
}

BOOST_AUTO_TEST_CASE(fields_full_of_addresses_cost_a_few_look_ups) {
  Asked asked;
  std::string message = "From: ann@x.example\r\n";
  for (int field = 0; field < 50; ++field) {
    message += "X-Sender: a";
    for (int one = 0; one < 50; ++one) message += "@x.example, b" + std::to_string(field * 50 + one);
    message += "@x.example\r\n";
  }
  asked.message = message + "\r\nx\r\n";
  asked.header = *mail::HeaderBlock::parse(asked.message);
  asked.question.body = {};
  const auto scenario = scenario_of("is_editor([listname],[header->X-Sender]) smtp -> do_it\n");
  const auto decision = decide(*scenario, asked.question, asked.lookups);
  BOOST_REQUIRE(decision.ok());
  BOOST_TEST((decision->action.kind == ActionKind::kReject));
  BOOST_TEST(asked.lookups.asked <= 20);
}

BOOST_AUTO_TEST_CASE(filters_know_domains_as_senders_have_them_however_they_are_written) {
  const auto filter = TextFilter::parse(
      "*@m\303\274nchen.example\nSpam@K\303\226LN.example\n*@*.m\303\274ll.example\n*@*b\303\274ro*."
      "example\n",
      "blocklist.txt");
  BOOST_REQUIRE(filter.ok());
  for (const char* in : {"x@xn--mnchen-3ya.example", "spam@xn--kln-sna.example", "x@a.b.xn--mll-hoa.example"})
    BOOST_TEST(filter->contains(in), in);
  BOOST_TEST(!filter->contains("x@xn--kln-sna.example"));
}

BOOST_AUTO_TEST_CASE(filters_hold_addresses_domains_and_patterns) {
  const auto filter = TextFilter::parse(
      "# who posts rubbish\n; and more\nSpam@Bad.example\n\n*@junk.example\n*@*.junk.example\nno-reply@*\r\n",
      "blocklist.txt");
  BOOST_REQUIRE(filter.ok());
  BOOST_TEST(filter->size() == 4u);
  for (const char* in : {"spam@bad.example", "SPAM@BAD.EXAMPLE", "x@junk.example", "x@a.b.junk.example",
                         "no-reply@any.example"})
    BOOST_TEST(filter->contains(in), in);
  for (const char* out : {"other@bad.example", "x@notjunk.example", "reply@any.example", ""})
    BOOST_TEST(!filter->contains(out), out);
  const auto bad = TextFilter::parse("ok@x.example\njunk.example\n", "blocklist.txt");
  BOOST_REQUIRE(!bad.ok());
  BOOST_TEST(bad.error().message.starts_with("blocklist.txt, line 2: "));
}

BOOST_AUTO_TEST_SUITE_END()
