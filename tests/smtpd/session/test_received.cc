#include <boost/test/unit_test.hpp>

#include "smtpd/session/received.h"

using namespace essaim;
using namespace essaim::smtpd;

namespace {

IncomingMessage message() {
  IncomingMessage out;
  out.transaction.post_id = 1;
  out.transaction.client.ip = "192.0.2.1";
  out.transaction.client.helo = "client.example";
  out.transaction.client.esmtp = true;
  out.recipients.push_back({{"dev", "lists.example"}, nullptr});
  out.received = from_millis(1'790'000'000'000);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(received)

BOOST_AUTO_TEST_CASE(says_from_whom_by_whom_with_what_and_for_whom) {
  IncomingMessage m = message();
  BOOST_TEST(make_received_header(m, "mx.test") ==
             "Received: from client.example (unknown [192.0.2.1])\r\n\tby mx.test (Essaim) with ESMTP id " +
                 format_id(1) + "\r\n\tfor <dev@lists.example>;\r\n\t" + format_rfc5322(m.received) + "\r\n");
}

BOOST_AUTO_TEST_CASE(tls_ipv6_and_the_reverse_name_are_shown) {
  IncomingMessage m = message();
  m.transaction.client.ip = "2001:db8::1";
  m.transaction.client.reverse_name = "host.example";
  m.transaction.client.tls = true;
  m.transaction.client.tls_version = "TLSv1.3";
  m.transaction.client.tls_cipher = "TLS_AES_256_GCM_SHA384";
  const std::string header = make_received_header(m, "mx.test");
  BOOST_TEST(header.find("(host.example [IPv6:2001:db8::1])") != std::string::npos);
  BOOST_TEST(header.find("with ESMTPS id") != std::string::npos);
  BOOST_TEST(header.find("\r\n\t(TLSv1.3 TLS_AES_256_GCM_SHA384)\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_recipients_do_not_learn_of_each_other) {
  IncomingMessage m = message();
  m.recipients.push_back({{"other", "lists.example"}, nullptr});
  BOOST_TEST(make_received_header(m, "mx.test").find("for <") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_helo_name_cannot_forge_a_clause) {
  IncomingMessage m = message();
  m.transaction.client.helo = "x)(by;a<b>\"\\@" + std::string(300, 'y');
  const std::string header = make_received_header(m, "mx.test");
  BOOST_TEST(header.starts_with("Received: from x??by?a?b????yyy"));
  BOOST_TEST(header.find("\r\n") < 400U);
}

BOOST_AUTO_TEST_SUITE_END()
