#include <algorithm>

#include <boost/test/unit_test.hpp>

#include "core/base/random.h"
#include "core/dns/packet.h"

using namespace essaim;
using namespace essaim::dns;

namespace {

std::string u16(unsigned v) {
  return {static_cast<char>(v >> 8), static_cast<char>(v & 255)};
}
std::string u32(unsigned v) {
  return u16(v >> 16) + u16(v & 0xFFFF);
}
std::string pointer(unsigned to) {
  return u16(0xC000 | to);
}

std::string wire(const std::string& name) {
  std::string out;
  for (std::size_t at = 0; at < name.size();) {
    std::size_t dot = name.find('.', at);
    if (dot == std::string::npos) dot = name.size();
    out += static_cast<char>(dot - at) + name.substr(at, dot - at);
    at = dot + 1;
  }
  return out + '\0';
}

std::string header(unsigned flags, unsigned answers, unsigned authority = 0) {
  return u16(1) + u16(flags) + u16(1) + u16(answers) + u16(authority) + u16(0);
}

std::string record(const std::string& owner, unsigned type, unsigned ttl, const std::string& data) {
  return owner + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}

// A question for `name` of type 1, then what is given.
std::string answer(const std::string& name, unsigned count, const std::string& records,
                   unsigned flags = 0x8180, unsigned authority = 0) {
  return header(flags, count, authority) + wire(name) + u16(1) + u16(1) + records;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(dns_packet)

BOOST_AUTO_TEST_CASE(reads_every_type_that_is_asked_for) {
  const std::string bytes =
      answer("Example.ORG", 6,
             record(pointer(12), kTypeMx, 300, u16(10) + wire("MX1").substr(0, 4) + pointer(12)) +
                 record(pointer(12), kTypeMx, 200, u16(0) + wire("")) +
                 record(pointer(12), kTypeA, 60, std::string("\xC0\x00\x02\x01", 4)) +
                 record(pointer(12), kTypeAaaa, 60,
                        std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\0') + "\x01") +
                 record(pointer(12), kTypeTxt, 60,
                        std::string("\x03"
                                    "abc"
                                    "\x00"
                                    "\x02"
                                    "de",
                                    8)) +
                 record(pointer(12), kTypePtr, 60, wire("host.example")));
  const auto packet = parse_packet(bytes);
  BOOST_REQUIRE(packet.ok());
  BOOST_REQUIRE(packet->answers.size() == 6U);
  BOOST_TEST(packet->answers[0].owner == "example.org");
  const auto mx = select_records(bytes, *packet, "example.org", kTypeMx);
  BOOST_REQUIRE(mx.ok());
  BOOST_REQUIRE(mx->records.size() == 2U);
  BOOST_TEST(mx->ttl == 200U);
  BOOST_TEST(read_mx(bytes, *mx->records[0])->host == "mx1.example.org");
  BOOST_TEST(read_mx(bytes, *mx->records[0])->preference == 10);
  BOOST_TEST(read_mx(bytes, *mx->records[1])->host == ".");
  BOOST_TEST(*read_address(bytes, packet->answers[2]) == "192.0.2.1");
  BOOST_TEST(*read_address(bytes, packet->answers[3]) == "2001:db8::1");
  BOOST_TEST(*read_text(bytes, packet->answers[4]) == "abcde");
  BOOST_TEST(*read_target(bytes, packet->answers[5]) == "host.example");
}

BOOST_AUTO_TEST_CASE(shows_odd_bytes_of_names_so_that_they_are_nothing_else) {
  const std::string bytes = std::string(12, '\0') + std::string(
                                                        "\x04"
                                                        "a.b\0"
                                                        "\x02"
                                                        "c\\"
                                                        "\0",
                                                        9);
  std::size_t offset = 12;
  BOOST_TEST(*read_name(bytes, &offset, bytes.size()) == "a\\046b\\000.c\\092");
  BOOST_TEST(offset == bytes.size());
  BOOST_TEST(!is_host_name("a\\046b"));
}

BOOST_AUTO_TEST_CASE(follows_aliases_in_any_order_up_to_eight) {
  for (const int aliases : {1, 8, 9, 30}) {
    std::string records =
        record(wire("n" + std::to_string(aliases)), kTypeA, 500, std::string("\x7F\0\0\1", 4));
    for (int i = aliases; i-- > 0;) {
      records += record(wire("n" + std::to_string(i)), kTypeCname, 100 + static_cast<unsigned>(i),
                        wire("n" + std::to_string(i + 1)));
    }
    const std::string bytes = answer("n0", static_cast<unsigned>(aliases) + 1, records);
    const auto packet = parse_packet(bytes);
    BOOST_REQUIRE(packet.ok());
    const auto found = select_records(bytes, *packet, "n0", kTypeA);
    BOOST_TEST(found.ok() == (aliases <= 8));
    if (found.ok()) {
      BOOST_TEST(found->records.size() == 1U);
      BOOST_TEST(found->ttl == 100U);
    }
  }
  const std::string circle = answer(
      "a", 2, record(wire("a"), kTypeCname, 1, wire("b")) + record(wire("b"), kTypeCname, 1, wire("a")));
  BOOST_TEST(!select_records(circle, *parse_packet(circle), "a", kTypeA).ok());
}

BOOST_AUTO_TEST_CASE(records_of_other_names_classes_and_types_are_not_taken) {
  const std::string chaos = wire("a") + u16(kTypeA) + u16(3) + u32(9) + u16(4) + std::string(4, '\1');
  const std::string bytes = answer("a", 3,
                                   record(wire("evil"), kTypeA, 9, std::string(4, '\1')) + chaos +
                                       record(wire("a"), kTypeAaaa, 9, std::string(16, '\1')));
  const auto packet = parse_packet(bytes);
  BOOST_REQUIRE(packet.ok());
  BOOST_TEST(select_records(bytes, *packet, "a", kTypeA)->records.empty());
}

BOOST_AUTO_TEST_CASE(an_empty_answer_is_kept_as_long_as_its_soa_says) {
  const std::string soa = wire("ns") + wire("root") + u32(1) + u32(2) + u32(3) + u32(4) + u32(77);
  for (const unsigned ttl : {3600U, 50U}) {
    const std::string bytes = answer("a", 0, record(wire("a"), kTypeSoa, ttl, soa), 0x8183, 1);
    const auto packet = parse_packet(bytes);
    BOOST_REQUIRE(packet.ok());
    BOOST_TEST(packet->rcode == 3U);
    BOOST_TEST(select_records(bytes, *packet, "a", kTypeA)->ttl == std::min(ttl, 77U));
  }
  const std::string cut = answer("a", 0, record(wire("a"), kTypeSoa, 60, soa.substr(0, 12)), 0x8180, 1);
  BOOST_TEST(select_records(cut, *parse_packet(cut), "a", kTypeA)->ttl == 0U);
  const std::string negative = answer("a", 1, record(wire("a"), kTypeA, 0x80000000U, std::string(4, '\1')));
  BOOST_TEST(select_records(negative, *parse_packet(negative), "a", kTypeA)->ttl == 0U);
}

BOOST_AUTO_TEST_CASE(hostile_packets_are_refused) {
  std::string long_name;
  for (int i = 0; i < 5; ++i) long_name += std::string(60, 'a') + ".";
  long_name.pop_back();
  struct Row {
    const char* what;
    std::string bytes;
  };
  const Row rows[] = {
      {"empty", ""},
      {"header cut", header(0x8180, 0).substr(0, 11)},
      {"a query, not a response", answer("a", 0, "", 0x0100)},
      {"a name that points to itself", header(0x8180, 0) + pointer(12) + u16(1) + u16(1)},
      {"a name that points forward", header(0x8180, 0) + pointer(14) + std::string(1, '\0') + u32(0)},
      {"two names that point to each other",
       answer("a", 2, record(pointer(30), 1, 1, std::string(4, 'x')) + record(pointer(19), 1, 1, "xxxx"))},
      {"a pointer into the header", answer("a", 1, record(pointer(3), 1, 1, std::string(4, 'x')))},
      {"a pointer cut in half", header(0x8180, 0) + "\xC0"},
      {"a label that runs over the end", header(0x8180, 0) + "\x3F" + "abc"},
      {"a label of kind 01", header(0x8180, 0) + "\x41" + std::string(70, 'a')},
      {"a label of kind 10", header(0x8180, 0) + "\x81" + std::string(200, 'a')},
      {"a name that is too long", answer(long_name, 0, "")},
      {"a question cut off", header(0x8180, 0) + wire("a") + u16(1)},
      {"a record cut off", answer("a", 1, wire("a") + u16(1) + u16(1) + u32(1))},
      {"data longer than the packet", answer("a", 1, wire("a") + u16(1) + u16(1) + u32(1) + u16(5) + "abcd")},
      {"more records counted than there are", answer("a", 65535, record(wire("a"), 1, 1, "abcd"))},
      {"longer than 64 KB", answer("a", 0, std::string(70'000, '\0'))},
  };
  for (const Row& row : rows) BOOST_TEST(!parse_packet(row.bytes).ok(), row.what);
}

BOOST_AUTO_TEST_CASE(data_that_does_not_fit_its_type_is_refused) {
  const std::string bytes = answer(
      "a", 8,
      record(wire("a"), kTypeA, 1, "abc") + record(wire("a"), kTypeAaaa, 1, std::string(17, 'x')) +
          record(wire("a"), kTypeMx, 1, u16(1)) + record(wire("a"), kTypeMx, 1, u16(1) + wire("b") + "x") +
          record(wire("a"), kTypeTxt, 1,
                 "\x05"
                 "abc") +
          record(wire("a"), kTypeCname, 1,
                 "\x03"
                 "ab") +
          record(wire("a"), kTypePtr, 1, wire("b") + "x") +
          record(wire("a"), kTypeMx, 1,
                 u16(1) + "\x02"
                          "ab"));
  const auto packet = parse_packet(bytes);
  BOOST_REQUIRE(packet.ok());
  const auto& r = packet->answers;
  BOOST_TEST(!read_address(bytes, r[0]).ok());
  BOOST_TEST(!read_address(bytes, r[1]).ok());
  BOOST_TEST(!read_mx(bytes, r[2]).ok());
  BOOST_TEST(!read_mx(bytes, r[3]).ok());
  BOOST_TEST(!read_text(bytes, r[4]).ok());
  BOOST_TEST(!read_target(bytes, r[5]).ok());
  BOOST_TEST(!read_target(bytes, r[6]).ok());
  BOOST_TEST(!read_mx(bytes, r[7]).ok());  // the name would go on behind the record
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_changed_byte_is_survived) {
  const std::string whole =
      answer("example.org", 3,
             record(pointer(12), kTypeCname, 300, wire("x").substr(0, 2) + pointer(12)) +
                 record(wire("x.example.org"), kTypeMx, 200, u16(5) + pointer(12)) +
                 record(wire("x.example.org"), kTypeTxt, 60,
                        std::string("\x03"
                                    "abc",
                                    4)));
  const auto exercise = [](const std::string& bytes) {
    const auto packet = parse_packet(bytes);
    if (!packet.ok()) return;
    for (const std::uint16_t type : {kTypeMx, kTypeTxt, kTypeA, kTypeCname}) {
      const auto found = select_records(bytes, *packet, "example.org", type);
      (void)found.ok();
    }
    for (const Record& record : packet->answers) {
      (void)read_mx(bytes, record).ok();
      (void)read_target(bytes, record).ok();
      (void)read_text(bytes, record).ok();
      (void)read_address(bytes, record).ok();
    }
  };
  for (std::size_t n = 0; n < whole.size(); ++n) {
    BOOST_TEST(!parse_packet(whole.substr(0, n)).ok());
    for (int v = 0; v < 256; ++v) {
      std::string changed = whole;
      changed[n] = static_cast<char>(v);
      exercise(changed);
    }
  }
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = whole;
    for (int k = 0; k < 4; ++k) changed[random_u64() % changed.size()] = static_cast<char>(random_u64());
    exercise(changed);
  }
}

BOOST_AUTO_TEST_CASE(the_work_for_a_hostile_packet_is_bounded) {
  // As many records as fit, each owner through the longest chain of pointers.
  std::string records = wire("a");
  std::string bytes = answer("a", 0, "");
  unsigned previous = 12;
  for (int i = 0; i < 100; ++i) {
    const auto at = static_cast<unsigned>(bytes.size());
    bytes += record(std::string("\x01"
                                "b",
                                2) +
                        pointer(previous),
                    99, 1, "");
    previous = at;
  }
  unsigned count = 100;
  while (bytes.size() + 12 <= 65'535) {
    bytes += record(pointer(previous), 99, 1, "");
    ++count;
  }
  bytes.replace(6, 2, u16(count));
  const auto packet = parse_packet(bytes);
  BOOST_REQUIRE(packet.ok());
  BOOST_TEST(packet->answers.size() == count);
}

BOOST_AUTO_TEST_CASE(host_names_are_told_from_the_rest) {
  for (const char* good :
       {"a", "mx1.example.org", "_dmarc.example.org", "xn--bcher-kva.example", "1.2.0.192.in-addr.arpa"}) {
    BOOST_TEST(is_host_name(good), good);
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"),
        std::string("a b"), std::string("a\0b", 3), std::string(64, 'a'),
        std::string("b\xC3\xBC"
                    "cher"),
        std::string("a\\046b")}) {
    BOOST_TEST(!is_host_name(bad), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()
