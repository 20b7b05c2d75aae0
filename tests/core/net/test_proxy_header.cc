// Each row is fed whole, byte by byte and at random splits; what follows a header must be left alone.
#include <boost/test/unit_test.hpp>

#include "core/net/proxy_header.h"
#include "tests/support/feeding.h"

using namespace essaim;
using namespace essaim::net;
using namespace std::string_literals;

namespace {

const std::string kSignature(ProxyHeaderParser::kSignature);

std::string v2(unsigned version_command, unsigned family_protocol, const std::string& rest, int length = -1) {
  const auto octets = static_cast<unsigned>(length < 0 ? static_cast<int>(rest.size()) : length);
  return kSignature + static_cast<char>(version_command) + static_cast<char>(family_protocol) +
         static_cast<char>(octets >> 8) + static_cast<char>(octets & 0xFF) + rest;
}

const std::string kV4 =
    "\xC0\x00\x02\x01\xC6\x33\x64\x02\x12\x34\x00\x19"s;  // 192.0.2.1:4660 to 198.51.100.2:25

// "local", "source>destination", "more" or the error; with what was left over, which must be `behind`.
std::string outcome(const std::vector<std::string_view>& pieces, std::string_view behind) {
  ProxyHeaderParser parser;
  std::string left;
  ProxyHeaderParser::Status status = ProxyHeaderParser::Status::kNeedMore;
  for (std::string_view piece : pieces) {
    status = parser.feed(&piece);
    left.append(piece);
  }
  if (status == ProxyHeaderParser::Status::kNeedMore) return "more";
  if (status == ProxyHeaderParser::Status::kError) return "error: " + parser.error().message;
  BOOST_TEST(left == behind);
  const ProxyHeader& header = parser.header();
  if (header.local) return "local";
  return header.source.to_string() + ">" + header.destination.to_string();
}

void check(const std::string& header, const std::string& expected) {
  for (const std::string behind : {"", "EHLO client.example\r\n", "\r\nPROXY TCP4"}) {
    const std::string input = header + behind;
    for (const auto& pieces : test::all_splits(input)) {
      const std::string got = outcome(pieces, behind);
      BOOST_TEST(got.substr(0, expected.size()) == expected, header << " gave " << got);
    }
  }
}

void check_unfinished(const std::string& header) {
  for (const auto& pieces : test::all_splits(header)) BOOST_TEST(outcome(pieces, "") == "more", header);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy_header)

BOOST_AUTO_TEST_CASE(version_1_names_client_and_destination) {
  check("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r\n", "192.0.2.1:4660>198.51.100.2:25");
  check("PROXY TCP6 2001:db8::1 2001:db8::2 65535 0\r\n", "[2001:db8::1]:65535>[2001:db8::2]:0");
  check(
      "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 "
      "65535\r\n",
      "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535>");
}

BOOST_AUTO_TEST_CASE(version_1_of_an_unknown_client_is_local) {
  check("PROXY UNKNOWN\r\n", "local");
  check("PROXY UNKNOWN whatever it says \x01\r here\r\n", "local");
  check("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", "local");  // 107 octets
}

BOOST_AUTO_TEST_CASE(version_1_that_is_wrong_is_refused) {
  const char* rows[] = {
      "PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4660\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4660 25 1\r\n",
      "PROXY TCP4  192.0.2.1 198.51.100.2 4660 25\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4660 25 \r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 65536 25\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 -1 25\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 025 25\r\n",
      "PROXY TCP4 192.0.2.1 198.51.100.2 4660 \r\n",
      "PROXY TCP4 192.0.2.256 198.51.100.2 4660 25\r\n",
      "PROXY TCP4 192.0.2.01 198.51.100.2 4660 25\r\n",
      "PROXY TCP4 2001:db8::1 2001:db8::2 4660 25\r\n",
      "PROXY TCP6 192.0.2.1 198.51.100.2 4660 25\r\n",
      "PROXY TCP6 fe80::1%lo 2001:db8::2 4660 25\r\n",
      "PROXY UDP4 192.0.2.1 198.51.100.2 4660 25\r\n",
      "PROXY \r\n",
      "PROXY\r\n",
      "proxy TCP4 192.0.2.1 198.51.100.2 4660 25\r\n",
      "EHLO client.example\r\n",
      "\n",
      "\x16\x03\x01",
  };
  for (const char* row : rows) check(row, "error: ");
  check("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", "error: ");  // 108 octets
  check("PROXY TCP4 " + std::string(500, '1'), "error: ");
}

BOOST_AUTO_TEST_CASE(version_2_names_client_and_destination) {
  check(v2(0x21, 0x11, kV4), "192.0.2.1:4660>198.51.100.2:25");
  const std::string v6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x01\x20\x01\x0d\xb8"s +
                         std::string(11, '\0') + "\x02\x12\x34\x00\x19"s;
  check(v2(0x21, 0x21, v6), "[2001:db8::1]:4660>[2001:db8::2]:25");
  check(v2(0x21, 0x11, kV4 + "\x04\x00\x02xx"s + "\x01\x00\x00"s), "192.0.2.1:4660>198.51.100.2:25");
}

BOOST_AUTO_TEST_CASE(version_2_of_a_check_or_an_unknown_client_is_local) {
  check(v2(0x20, 0x00, ""), "local");
  check(v2(0x20, 0x11, kV4), "local");
  check(v2(0x20, 0xF7, "\x01\x02"), "local");
  check(v2(0x21, 0x00, ""), "local");
  check(v2(0x21, 0x00, "\x04\xFF"), "local");
  check(v2(0x21, 0x31, std::string(216, 'u')), "local");
}

BOOST_AUTO_TEST_CASE(version_2_that_is_wrong_is_refused) {
  check(v2(0x11, 0x11, kV4), "error: PROXY header of an unknown version");
  check(v2(0x22, 0x11, kV4), "error: PROXY header with an unknown command");
  check(v2(0x21, 0x41, kV4), "error: PROXY header of an unknown family");
  check(v2(0x21, 0x13, kV4), "error: PROXY header of an unknown family");
  check(v2(0x21, 0x12, kV4), "error: PROXY header of a datagram");
  check(v2(0x21, 0x11, kV4.substr(0, 11)), "error: a PROXY header that is too short");
  check(v2(0x21, 0x21, kV4), "error: a PROXY header that is too short");
  check(v2(0x21, 0x11, kV4 + "\x04\x00\x05xx"s), "error: a TLV that does not end");
  check(v2(0x21, 0x11, kV4 + "\x04\x00"s), "error: a TLV that does not end");
  check(v2(0x21, 0x11, kV4, 65'535), "error: a PROXY header of 65551 octets");
  check("\r\n\r\n\0\r\nQUIX"s, "error: no PROXY header");
}

BOOST_AUTO_TEST_CASE(the_checksum_of_version_2_is_verified) {
  // CRC32c over the header with the checksum itself as zeros.
  const auto with = [](const std::string& checksum) {
    return v2(0x21, 0x11, kV4 + "\x03\x00\x04"s + checksum);
  };
  const std::string right = "\xA9\x44\x0D\xC1";
  check(with(right), "192.0.2.1:4660>198.51.100.2:25");
  check(with("\xA9\x44\x0D\xC0"), "error: PROXY header with a wrong checksum");
  check(v2(0x21, 0x11, kV4 + "\x03\x00\x03"s + "abc"), "error: PROXY header with a checksum that is none");
}

BOOST_AUTO_TEST_CASE(a_header_that_is_not_all_there_is_waited_for) {
  check_unfinished("P");
  check_unfinished("PROXY TCP4 192.0.2.1 198.51.100.2 4660 25\r");
  check_unfinished(kSignature);
  check_unfinished(v2(0x21, 0x11, kV4, 13));
  check_unfinished(v2(0x21, 0x11, kV4.substr(0, 5), 12));
}

BOOST_AUTO_TEST_SUITE_END()
