// Transcripts of extensions: a case is work, whether BDAT may be used, and a script.
#pragma once

#include <boost/test/unit_test.hpp>

#include "delivery/client/troubled_hosts.h"
#include "tests/delivery/client/session_bench.h"

namespace essaim::delivery::bench {

inline const std::string kBody = "Subject: x\r\n\r\n.body\r\n";  // 21 octets; stuffed, 22

struct Case {
  std::vector<Transaction> work;
  bool chunking = false;
  RequireTls require_tls = RequireTls::kNo;
  bool in_clear = false;  // to ourselves
};

inline void check(const Case& what, std::string_view script) {
  for (const Feed feed : {Feed::kWhole, Feed::kByteByByte}) {
    CourierSettings settings;
    settings.helo = "us.example";
    if (what.chunking) settings.chunking = std::make_shared<TroubledHosts>();
    TlsTerms terms;
    if (what.require_tls != RequireTls::kNo) terms = {what.in_clear ? "" : "REQUIRETLS", what.require_tls};
    SessionBench session(settings, !what.in_clear, terms);
    for (const auto& transaction : what.work) session.give(transaction);
    const std::string difference = play(&session, script, feed);
    BOOST_TEST(difference == "", (feed == Feed::kWhole ? "whole: " : "byte by byte: ") << difference);
  }
}

// A greeting that ends with these keywords, separated by ",".
inline std::string greeting(const std::string& keywords) {
  std::string out = "S: 220 mx\nC: EHLO us.example\n";
  std::string rest = keywords;
  out += "S: 250-mx\n";
  while (true) {
    const std::size_t comma = rest.find(',');
    out += "S: 250" + std::string(comma == std::string::npos ? " " : "-") + rest.substr(0, comma) + "\n";
    if (comma == std::string::npos) break;
    rest.erase(0, comma + 1);
  }
  return out + "R:\n";
}

inline PostOptions chunky() {
  PostOptions options;
  options.wire = "Subject: x\r\n\r\n..body\r\n.\r\n";
  options.plain = kBody;
  return options;
}

inline PostOptions utf8_post(bool with_7bit) {
  PostOptions options;
  options.smtputf8 = true;
  options.eight_bit = true;
  options.wire = "Subject: \xc3\xa9\r\n\r\nbody\r\n.\r\n";
  if (with_7bit) options.wire_7bit = "Subject: =?UTF-8?Q?=C3=A9?=\r\n\r\nbody\r\n.\r\n";
  return options;
}

inline const std::string kIdle = "! pass 5s\nC: QUIT\nE: ready orderly lost idle\n";

}  // namespace essaim::delivery::bench
