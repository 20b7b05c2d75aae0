// TLSA records of strangers (RFC 6698 §2.1): what is said to be usable has a usage, a selector and data that mean something, and no
// record changes what another one is worth. The packets they come in: dns_packet.
#include "core/net/tls.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(tlsa) {
  net::TlsPeerCheck check;
  check.kind = net::TlsPeerCheck::Kind::kDane;
  check.names = {"mx.example"};
  while (data.size() >= 4 && check.records.size() < 16) {
    net::TlsaRecord record;
    record.usage = static_cast<std::uint8_t>(data[0]);
    record.selector = static_cast<std::uint8_t>(data[1]);
    record.matching = static_cast<std::uint8_t>(data[2]);
    const std::size_t size = std::min<std::size_t>(static_cast<unsigned char>(data[3]), data.size() - 4);
    record.association = data.substr(4, size);
    data.remove_prefix(4 + size);
    if (net::is_usable(record)) {
      ESSAIM_CHECK((record.usage == 2 || record.usage == 3) && record.selector <= 1 && record.matching <= 2);
      ESSAIM_CHECK(record.matching != 1 || record.association.size() == 32);
      ESSAIM_CHECK(record.matching != 2 || record.association.size() == 64);
      ESSAIM_CHECK(net::is_usable(record));
    }
    const std::string before = net::fingerprint(check);
    check.records.push_back(std::move(record));
    ESSAIM_CHECK(net::fingerprint(check) != before);
  }
}
