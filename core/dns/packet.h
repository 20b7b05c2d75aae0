// Reads a DNS answer (RFC 1035 §4). The bytes come from strangers: every length is checked, compression
// pointers go backwards only and are counted, so the work is linear in the packet and nothing is read outside
// it. Pure functions.
//
// Names are given in lower case without the final dot, the root as "."; a byte of a label that is no letter,
// digit,
// '-' or '_' is shown as \DDD, so that a dot or NUL inside a label cannot be taken for something else.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace essaim::dns {

enum : std::uint16_t {
  kTypeA = 1,
  kTypeCname = 5,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeMx = 15,
  kTypeTxt = 16,
  kTypeAaaa = 28,
  kTypeTlsa = 52
};
enum : unsigned { kRcodeOk = 0, kRcodeServerFailure = 2, kRcodeNoName = 3, kRcodeRefused = 5 };

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t data_offset = 0;  // in the packet, for names within the data
  std::size_t data_length = 0;
};

struct Packet {
  unsigned rcode = 0;
  bool truncated = false;
  std::vector<Record> answers;  // class IN only
  std::vector<Record> authority;
};

Result<Packet> parse_packet(std::string_view bytes);

// Reads the name at *offset and moves *offset behind it; the name may not run over `end` except by a pointer.
Result<std::string> read_name(std::string_view bytes, std::size_t* offset, std::size_t end);

// The data of one record. Each fails on data that is too short or too long for its type.
Result<std::string> read_address(std::string_view bytes, const Record& record);  // A and AAAA
Result<std::string> read_target(std::string_view bytes, const Record& record);   // CNAME and PTR
Result<std::string> read_text(std::string_view bytes, const Record& record);     // TXT, strings joined
struct MxData {
  std::uint16_t preference = 0;
  std::string host;
};
Result<MxData> read_mx(std::string_view bytes, const Record& record);
struct TlsaData {
  std::uint8_t usage = 0, selector = 0, matching = 0;
  std::string association;  // octets; none are read, whatever the fields say
  friend bool operator==(const TlsaData&, const TlsaData&) = default;
};
Result<TlsaData> read_tlsa(std::string_view bytes, const Record& record);  // RFC 6698 §2.1

// The records of `type` for `name`, following the aliases in the answer (at most 8), and the time they may be
// kept; for an empty answer the time that the SOA gives (RFC 2308 §5).
struct Selection {
  std::vector<const Record*> records;  // into the packet
  std::uint32_t ttl = 0;
  std::string owner;  // the name at the end of the aliases
};
Result<Selection> select_records(std::string_view bytes, const Packet& packet, std::string_view name,
                                 std::uint16_t type);

// Letters, digits, '-', '_' and dots, labels of 1 to 63 and 253 in all: what we are willing to ask for.
bool is_host_name(std::string_view name);
// Of an IP address, for its names (RFC 1035 §3.5, RFC 3596 §2.5); empty if `ip` is no address.
std::string reverse_name(const std::string& ip);

}  // namespace essaim::dns
