#include <boost/test/unit_test.hpp>

#include "core/base/encoding.h"
#include "core/sasl/scram_messages.h"
#include "core/sasl/scram_verifier.h"
#include "core/sasl/server_scram.h"

using namespace essaim;
using namespace essaim::sasl;
using namespace std::string_literals;

namespace {

// RFC 7677 §3
const std::string kFirst = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
const std::string kServerNonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
const std::string kFinal =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

ScramVerifier verifier_of_the_rfc() {
  return make_scram_verifier("pencil", *base64_decoded("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scram)

BOOST_AUTO_TEST_CASE(holds_the_dialogue_of_the_rfc) {
  ServerScram server({}, ServerScram::Form::kPlain, false, kServerNonce);
  BOOST_TEST((server.begin(kFirst).kind == Step::Kind::kAsk));
  BOOST_TEST((server.question().kind == Question::Kind::kVerifier));
  BOOST_TEST(server.question().authcid == "user");
  const Step first = server.on_verifier(verifier_of_the_rfc());
  BOOST_TEST(first.challenge ==
             "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096");
  BOOST_TEST((server.respond(kFinal).kind == Step::Kind::kAsk));
  BOOST_TEST((server.question().kind == Question::Kind::kProof));
  BOOST_TEST(server.question().proven);
  BOOST_TEST(parse_scram_verifier(server.question().secret).has_value());
  BOOST_TEST(server.on_verdict(true).challenge == "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  BOOST_TEST((server.respond("").kind == Step::Kind::kSuccess));
}

BOOST_AUTO_TEST_CASE(a_wrong_password_nonce_or_channel_is_no_proof) {
  const auto proven = [](const ScramVerifier& verifier, const std::string& final) {
    ServerScram server({}, ServerScram::Form::kPlain, false, kServerNonce);
    server.begin(kFirst);
    server.on_verifier(verifier);
    BOOST_REQUIRE((server.respond(final).kind == Step::Kind::kAsk));
    return server.question().proven;
  };
  BOOST_TEST(proven(verifier_of_the_rfc(), kFinal));
  BOOST_TEST(!proven(make_scram_verifier("pencim", "saltsaltsaltsalt"), kFinal));
  BOOST_TEST(!proven(fake_scram_verifier("secret", "user"), kFinal));
  std::string other = kFinal;
  other.replace(other.find("NlF$k0"), 6, "NlF$k1");
  BOOST_TEST(!proven(verifier_of_the_rfc(), other));
  other = kFinal;
  other.replace(2, 4, "eSws");  // "y,,"
  BOOST_TEST(!proven(verifier_of_the_rfc(), other));
}

BOOST_AUTO_TEST_CASE(who_was_refused_gets_no_signature) {
  ServerScram server({}, ServerScram::Form::kPlain, false, kServerNonce);
  server.begin(kFirst);
  server.on_verifier(verifier_of_the_rfc());
  server.respond(kFinal);
  const Step refused = server.on_verdict(false);
  BOOST_TEST((refused.kind == Step::Kind::kRefused));
  BOOST_TEST(refused.challenge.empty());
}

BOOST_AUTO_TEST_CASE(a_channel_must_be_bound_where_it_can_be) {
  const ChannelBinding binding{"exporter", "", "end"};
  const auto kind = [&](ServerScram::Form form, bool offered, const std::string& first) {
    return ServerScram(binding, form, offered).begin(first).kind;
  };
  using Form = ServerScram::Form;
  BOOST_TEST((kind(Form::kPlus, true, "p=tls-exporter,,n=u,r=x") == Step::Kind::kAsk));
  BOOST_TEST((kind(Form::kPlus, true, "p=tls-server-end-point,,n=u,r=x") == Step::Kind::kAsk));
  BOOST_TEST((kind(Form::kPlus, true, "p=tls-unique,,n=u,r=x") == Step::Kind::kMalformed));
  BOOST_TEST((kind(Form::kPlus, true, "n,,n=u,r=x") == Step::Kind::kMalformed));
  BOOST_TEST((kind(Form::kPlain, true, "p=tls-exporter,,n=u,r=x") == Step::Kind::kMalformed));
  BOOST_TEST((kind(Form::kPlain, true, "n,,n=u,r=x") == Step::Kind::kAsk));
  // It would bind, and believes that we do not: the offer was taken out on its way.
  BOOST_TEST((kind(Form::kPlain, true, "y,,n=u,r=x") == Step::Kind::kRefused));
  BOOST_TEST((kind(Form::kPlain, false, "y,,n=u,r=x") == Step::Kind::kAsk));
}

BOOST_AUTO_TEST_CASE(reads_names_with_commas_and_identities) {
  const auto found = parse_client_first("n,a=other,n=a=2Cb=3Dc,r=abc,x=1");
  BOOST_REQUIRE(found);
  BOOST_TEST(found->name == "a,b=c");
  BOOST_TEST(found->authzid == "other");
  BOOST_TEST(found->gs2_header == "n,a=other,");
  BOOST_TEST(found->bare == "n=a=2Cb=3Dc,r=abc,x=1");
}

BOOST_AUTO_TEST_CASE(refuses_first_messages_that_are_none) {
  for (const std::string& wrong : {""s,
                                   "n"s,
                                   "n,"s,
                                   "n,,"s,
                                   "n,,n=u"s,
                                   "n,,n=,r=x"s,
                                   "n,,n=u,r="s,
                                   "n,,m=x,n=u,r=x"s,
                                   "x,,n=u,r=x"s,
                                   "p=,,n=u,r=x"s,
                                   "p=a b,,n=u,r=x"s,
                                   "n,b=u,n=u,r=x"s,
                                   "n,,n=u=,r=x"s,
                                   "n,,n=u=2c,r=x"s,
                                   "n,,n=u,r=x y"s,
                                   "n,,n=u,r=x,"s,
                                   "n,,n=u,r=x,1=2"s,
                                   "n,,n=\xff,r=x"s,
                                   "n,,n=a\0b,r=x"s,
                                   "n,,r=x,n=u"s})
    BOOST_TEST(!parse_client_first(wrong), wrong);
}

BOOST_AUTO_TEST_CASE(refuses_final_messages_that_are_none) {
  const std::string proof = "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
  BOOST_TEST(parse_client_final("c=biws,r=x," + proof).has_value());
  BOOST_TEST(parse_client_final("c=biws,r=x,e=1," + proof).has_value());
  for (const std::string& wrong :
       {""s, proof, "c=biws,"s + proof, "c=biws,r=x"s, "c=biw,r=x,"s + proof, "r=x,c=biws,"s + proof,
        "c=biws,r=x,p=AAAA"s, "c=biws,r=x,"s + proof + ",e=1", "c=biws,r=,"s + proof,
        "c=biws,r=x,,"s + proof})
    BOOST_TEST(!parse_client_final(wrong), wrong);
}

BOOST_AUTO_TEST_CASE(verifiers_are_kept_in_the_form_of_rfc_5803) {
  const ScramVerifier verifier = make_scram_verifier("password");
  BOOST_TEST(verifier.iterations == kScramIterations);
  BOOST_TEST((parse_scram_verifier(format_scram_verifier(verifier)) == verifier));
  BOOST_TEST((make_scram_verifier("password").salt != verifier.salt));
  for (const char* wrong :
       {"", "SCRAM-SHA-256$", "SCRAM-SHA-1$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$4096:AAAA$AAAA:AAAA", "SCRAM-SHA-256$4096:AAAA"})
    BOOST_TEST(!parse_scram_verifier(wrong), wrong);
}

BOOST_AUTO_TEST_CASE(who_is_not_there_has_always_the_same_salt) {
  BOOST_TEST((fake_scram_verifier("s", "ann") == fake_scram_verifier("s", "ann")));
  BOOST_TEST((fake_scram_verifier("s", "ann").salt != fake_scram_verifier("s", "bob").salt));
  BOOST_TEST((fake_scram_verifier("s", "ann").salt != fake_scram_verifier("t", "ann").salt));
  BOOST_TEST(fake_scram_verifier("s", "ann").salt.size() == make_scram_verifier("x").salt.size());
  BOOST_TEST(fake_scram_verifier("s", "ann").iterations == make_scram_verifier("x").iterations);
}

BOOST_AUTO_TEST_SUITE_END()
