// How a server's certificate is judged: by authorities and names, by TLSA records (RFC 7672 §3), or not at all; and how
// a server chooses among its own.
#include "tests/core/net/peer.h"
#include "tests/support/authority.h"

using namespace essaim;
using namespace essaim::net;
using namespace essaim::test;

namespace essaim::net {
std::ostream& operator<<(std::ostream& out, TlsVerdict verdict) {
  return out << static_cast<int>(verdict);
}
}  // namespace essaim::net

namespace {

using Kind = TlsPeerCheck::Kind;

struct Site {
  const Authority& authority() {
    static const Authority one;
    return one;
  }
  std::shared_ptr<TlsServerContext> serving(const std::string& pem) {
    return TlsServerContext::load({{dir.write("server.pem", pem)}, {}}).value();
  }
  std::shared_ptr<TlsClientContext> trusting() {
    return TlsClientContext::with_authorities(dir.write("ca.pem", authority().pem())).value();
  }
  // What the client found out; without a value the handshake failed.
  std::optional<TlsInfo> connect(const std::shared_ptr<TlsServerContext>& server,
                                 const std::shared_ptr<TlsClientContext>& client, const TlsPeerCheck& check,
                                 const std::string& name = "mx.example.org", const std::string& key = "") {
    EventLoop loop("test");
    Pair pair(loop);
    pair.server.connection->start_tls_server(server);
    pair.client.connection->start_tls_client(client, name, key, std::make_shared<TlsPeerCheck>(check));
    pair.client.when_closed = [&] { failed = pair.client.connection->tls_info(); };
    BOOST_REQUIRE(run_until(loop, [&] {
      return pair.client.closed.has_value() || (pair.client.tls.has_value() && pair.server.tls.has_value());
    }));
    reason = pair.client.closed.has_value() ? pair.client.closed->message : "";
    if (!pair.client.tls.has_value()) return std::nullopt;
    pair.server.connection->write("x");  // the ticket comes before it
    BOOST_REQUIRE(run_until(loop, [&] { return !pair.client.received.empty(); }));
    return pair.client.tls;
  }

  bool good(const std::shared_ptr<TlsServerContext>& server, const std::shared_ptr<TlsClientContext>& client,
            const TlsPeerCheck& check, const std::string& name = "mx.example.org",
            const std::string& key = "") {
    return connect(server, client, check, name, key).has_value();
  }

  TempDir dir;
  std::string reason;
  TlsInfo failed;
};

TlsPeerCheck pkix(std::vector<std::string> names, bool required = true) {
  return {Kind::kPkix, required, std::move(names), {}};
}

TlsPeerCheck dane(std::vector<TlsaRecord> records, std::vector<std::string> names = {"mx.example.org"}) {
  return {Kind::kDane, true, std::move(names), std::move(records)};
}

TlsaRecord tlsa(int usage, int selector, const Authority::Certificate& certificate) {
  return {static_cast<std::uint8_t>(usage), static_cast<std::uint8_t>(selector), 1,
          Authority::digest(certificate, selector)};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls_verify)

BOOST_FIXTURE_TEST_CASE(an_authority_vouches_for_a_name_of_the_certificate, Site) {
  const auto client = trusting();
  const auto server = serving(authority().issue({{"mx.example.org", "*.wild.example"}}).pem);
  const auto found = connect(server, client, pkix({"mx.example.org"}));
  BOOST_REQUIRE(found.has_value());
  BOOST_TEST(found->verdict == TlsVerdict::kGood);
  BOOST_TEST(found->verified == "PKIX");
  BOOST_TEST(good(server, client, pkix({"a.wild.example"})));
  BOOST_TEST(good(server, client, pkix({"other.example", "mx.example.org"})));

  BOOST_TEST(!good(server, client, pkix({"other.example"})));
  BOOST_TEST(failed.verdict == TlsVerdict::kNameMismatch);
  BOOST_TEST(reason.find("hostname mismatch") != std::string::npos, reason);
  BOOST_TEST(reason.find("other.example") != std::string::npos, reason);
  BOOST_TEST(!good(server, client, pkix({"a.b.wild.example"})));
}

BOOST_FIXTURE_TEST_CASE(certificates_that_nobody_vouches_for_or_whose_time_is_over_are_bad, Site) {
  const auto client = trusting();
  BOOST_TEST(!good(serving(make_certificate_pem("mx.example.org")), client, pkix({"mx.example.org"})));
  BOOST_TEST(failed.verdict == TlsVerdict::kNotTrusted);
  BOOST_TEST(!good(serving(authority().issue({{"mx.example.org"}, {}, -600, -60}).pem), client,
                   pkix({"mx.example.org"})));
  BOOST_TEST(failed.verdict == TlsVerdict::kExpired);
  BOOST_TEST(reason.find("expired") != std::string::npos, reason);
  // Our clock is behind, or the certificate is from tomorrow.
  BOOST_TEST(!good(serving(authority().issue({{"mx.example.org"}, {}, 3'600, 7'200}).pem), client,
                   pkix({"mx.example.org"})));
  BOOST_TEST(failed.verdict == TlsVerdict::kExpired);
  BOOST_TEST(reason.find("not yet valid") != std::string::npos, reason);
  // Without authorities nobody is trusted.
  BOOST_TEST(!good(serving(authority().issue({{"mx.example.org"}}).pem), TlsClientContext::opportunistic(),
                   pkix({"mx.example.org"})));
}

BOOST_FIXTURE_TEST_CASE(a_check_that_only_looks_tells_what_is_wrong_and_goes_on, Site) {
  const auto info = connect(serving(make_certificate_pem()), trusting(), pkix({"mx.example.org"}, false));
  BOOST_REQUIRE(info.has_value());
  BOOST_TEST(info->verdict == TlsVerdict::kNotTrusted);
  BOOST_TEST(!info->problem.empty());
  const auto unchecked = connect(serving(make_certificate_pem()), trusting(), {});
  BOOST_REQUIRE(unchecked.has_value());
  BOOST_TEST(unchecked->verdict == TlsVerdict::kUnchecked);
}

BOOST_FIXTURE_TEST_CASE(dane_ee_matches_the_certificate_or_its_key_whatever_its_name_and_time, Site) {
  const auto client = TlsClientContext::opportunistic();
  const auto issued = authority().issue({{"something.else"}, {}, -600, -60});
  const auto server = serving(issued.clean);
  for (const int selector : {0, 1}) {
    const auto info = connect(server, client, dane({tlsa(3, selector, issued.certificate)}));
    BOOST_REQUIRE_MESSAGE(info.has_value(), reason);
    BOOST_TEST(info->verdict == TlsVerdict::kGood);
    BOOST_TEST(info->verified == "DANE-EE");
    const TlsaRecord whole{3, static_cast<std::uint8_t>(selector), 0,
                           Authority::data(issued.certificate, selector)};
    BOOST_TEST(good(server, client, dane({whole})));
  }
  // One that fits among others is enough, as while a key is rolled over.
  const auto other = authority().issue({{"mx.example.org"}});
  BOOST_TEST(good(server, client, dane({tlsa(3, 1, other.certificate), tlsa(3, 1, issued.certificate)})));
  BOOST_TEST(!good(server, client, dane({tlsa(3, 1, other.certificate)})));
  BOOST_TEST((failed.verdict == TlsVerdict::kTlsaMismatch || failed.verdict == TlsVerdict::kNotTrusted));
}

BOOST_FIXTURE_TEST_CASE(dane_ta_wants_a_chain_to_the_anchor_and_a_name, Site) {
  const auto client = TlsClientContext::opportunistic();
  const TlsaRecord anchor = tlsa(2, 0, authority().certificate());
  const auto named = serving(authority().issue({{"mx.example.org"}}).pem);
  const auto info = connect(named, client, dane({anchor}));
  BOOST_REQUIRE_MESSAGE(info.has_value(), reason);
  BOOST_TEST(info->verified == "DANE-TA");
  const auto elsewhere = serving(authority().issue({{"example.org"}}).pem);
  BOOST_TEST(!good(elsewhere, client, dane({anchor})));
  BOOST_TEST(failed.verdict == TlsVerdict::kNameMismatch);
  BOOST_TEST(good(elsewhere, client, dane({anchor}, {"mx.example.org", "example.org"})));
  BOOST_TEST(
      !connect(serving(authority().issue({{"mx.example.org"}, {}, -600, -60}).pem), client, dane({anchor})));
  BOOST_TEST(failed.verdict == TlsVerdict::kExpired);
  // The anchor must be in the chain that the server sends.
  const Authority stranger("Stranger");
  BOOST_TEST(!good(named, client, dane({tlsa(2, 0, stranger.certificate())})));
}

BOOST_AUTO_TEST_CASE(records_that_a_mail_client_cannot_use) {
  const std::string digest(32, 'x');
  BOOST_TEST(is_usable({3, 1, 1, digest}));
  BOOST_TEST(is_usable({2, 0, 2, std::string(64, 'x')}));
  for (const TlsaRecord& record : std::vector<TlsaRecord>{{0, 1, 1, digest},  // PKIX-TA
                                                          {1, 1, 1, digest},  // PKIX-EE
                                                          {4, 1, 1, digest},
                                                          {255, 1, 1, digest},  // private use
                                                          {3, 2, 1, digest},
                                                          {3, 1, 3, digest},
                                                          {3, 1, 1, "short"},
                                                          {3, 1, 1, ""},
                                                          {3, 0, 0, "no certificate"},
                                                          {3, 1, 0, ""}})
    BOOST_TEST(!is_usable(record));
}

BOOST_FIXTURE_TEST_CASE(a_session_is_resumed_under_the_check_that_it_began_with_only, Site) {
  const auto client = trusting();
  const auto issued = authority().issue({{"mx.example.org"}});
  const auto server = serving(issued.pem);
  BOOST_TEST(!connect(server, client, pkix({"mx.example.org"}), "mx.example.org", "host")->resumed);
  const auto again = connect(server, client, pkix({"mx.example.org"}), "mx.example.org", "host");
  BOOST_TEST(again->resumed);
  BOOST_TEST(again->verdict == TlsVerdict::kGood);
  BOOST_TEST(
      !connect(server, client, dane({tlsa(3, 1, issued.certificate)}), "mx.example.org", "host")->resumed);
  BOOST_TEST(!good(server, client, pkix({"other.example"}), "mx.example.org", "host"));
  // One that began unchecked is no way round.
  BOOST_TEST(good(serving(make_certificate_pem()), client, {}, "mx.example.org", "other"));
  BOOST_TEST(
      !connect(serving(make_certificate_pem()), client, pkix({"mx.example.org"}), "mx.example.org", "other")
           .has_value());
}

BOOST_FIXTURE_TEST_CASE(several_tickets_of_a_host_serve_several_connections, Site) {
  const auto client = TlsClientContext::opportunistic();
  const auto server = serving(make_certificate_pem());
  EventLoop loop("test");
  const auto open_two = [&](bool resumed) {
    Pair one(loop), two(loop);
    for (Pair* pair : {&one, &two}) {
      pair->server.connection->start_tls_server(server);
      pair->client.connection->start_tls_client(client, "mx.example.org", "host");
    }
    for (Pair* pair : {&one, &two}) {
      BOOST_REQUIRE(run_until(loop, [&] { return pair->server.tls.has_value(); }));
      pair->server.connection->write("x");
      BOOST_REQUIRE(run_until(loop, [&] { return !pair->client.received.empty(); }));
      BOOST_TEST(pair->client.tls->resumed == resumed);
    }
  };
  open_two(false);
  open_two(true);
  open_two(true);
}

BOOST_FIXTURE_TEST_CASE(a_server_shows_the_certificate_of_the_name_that_the_client_wants, Site) {
  TlsServerOptions options;
  options.files = {dir.write("one", authority().issue({{"one.example"}}).pem),
                   dir.write("wild", authority().issue({{"*.two.example"}}).pem),
                   dir.write("exact", authority().issue({{"a.two.example"}}).pem)};
  const auto server = TlsServerContext::load(options).value();
  const auto client = trusting();
  BOOST_TEST(good(server, client, pkix({"one.example"}), "one.example"));
  BOOST_TEST(good(server, client, pkix({"b.two.example"}), "b.two.example"));
  BOOST_TEST(good(server, client, pkix({"a.two.example"}), "a.two.example"));
  // Not by the wildcard: what is exact goes first.
  BOOST_TEST(!good(server, client, pkix({"b.two.example"}), "a.two.example"));
  BOOST_TEST(good(server, client, pkix({"one.example"}), "unknown.example"));
  BOOST_TEST(good(server, client, pkix({"one.example"}), ""));
  BOOST_REQUIRE(server->certificates().size() == 3U);
  const CertificateInfo& info = server->certificates()[1];
  BOOST_TEST(info.names.at(0) == "*.two.example");
  BOOST_TEST(info.key_type == "EC");
  BOOST_TEST(!info.self_signed);
  BOOST_TEST(info.issuer.find("Test authority") != std::string::npos);
  BOOST_TEST((info.not_after > system_clock().wall_now()));
}

BOOST_AUTO_TEST_CASE(names_of_certificates_stand_for_one_label) {
  BOOST_TEST(certificate_name_matches("mx.example.org", "MX.example.org"));
  BOOST_TEST(certificate_name_matches("*.example.org", "mx.example.org"));
  BOOST_TEST(!certificate_name_matches("*.example.org", "example.org"));
  BOOST_TEST(!certificate_name_matches("*.example.org", "a.mx.example.org"));
  BOOST_TEST(!certificate_name_matches("*.example.org", ".example.org"));
  BOOST_TEST(!certificate_name_matches("m*.example.org", "mx.example.org"));
}

BOOST_AUTO_TEST_SUITE_END()
