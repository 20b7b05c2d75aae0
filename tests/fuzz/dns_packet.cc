// Answers of name servers, which are strangers: every name and record stays within the packet.
#include "core/dns/packet.h"
#include "tests/fuzz/target.h"

using namespace essaim;

ESSAIM_FUZZ_TARGET(dns_packet) {
  const auto packet = dns::parse_packet(data);
  if (!packet.ok()) return;
  for (const auto* records : {&packet->answers, &packet->authority}) {
    for (const dns::Record& record : *records) {
      ESSAIM_CHECK(record.data_offset <= data.size() &&
                   record.data_length <= data.size() - record.data_offset);
      ESSAIM_CHECK(record.owner.size() <= 4 * 255);
      static_cast<void>(dns::read_address(data, record));
      if (const auto target = dns::read_target(data, record); target.ok())
        ESSAIM_CHECK(target->find('\0') == std::string::npos);
      if (const auto text = dns::read_text(data, record); text.ok())
        ESSAIM_CHECK(text->size() <= record.data_length);
      if (const auto tlsa = dns::read_tlsa(data, record); tlsa.ok())
        ESSAIM_CHECK(tlsa->association.size() + 3 == record.data_length);
      if (const auto mx = dns::read_mx(data, record); mx.ok())
        ESSAIM_CHECK(mx->host.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos);
    }
  }
  for (const std::uint16_t type :
       {dns::kTypeA, dns::kTypeMx, dns::kTypeTxt, dns::kTypeTlsa, dns::kTypeCname}) {
    const std::string name = packet->answers.empty() ? "a.example" : packet->answers.front().owner;
    const auto selection = dns::select_records(data, *packet, name, type);
    if (selection.ok()) ESSAIM_CHECK(selection->records.size() <= packet->answers.size());
  }
  static_cast<void>(dns::is_host_name(data));
}
