#include "core/dns/packet.h"

#include <algorithm>

#include <arpa/inet.h>

#include "core/base/text.h"

namespace essaim::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kMaxName = 255;  // RFC 1035 §2.3.4, in wire form
constexpr int kMaxPointers = 126;      // more than a name of the greatest length can use
constexpr int kMaxAliases = 8;
constexpr std::uint16_t kClassIn = 1;
constexpr std::uint32_t kMaxTtl = 7 * 86'400;

Error malformed(const char* what) {
  return {ErrorCode::kInvalid, std::string("malformed DNS answer: ") + what};
}

unsigned byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}
std::uint16_t u16_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(byte_at(bytes, at) << 8 | byte_at(bytes, at + 1));
}
std::uint32_t u32_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(u16_at(bytes, at)) << 16 | u16_at(bytes, at + 2);
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

void append_label(std::string_view label, std::string* name) {
  for (const char c : label) {
    if (is_plain(c)) {
      *name += ascii_lower(c);
      continue;
    }
    const unsigned v = static_cast<unsigned char>(c);
    *name += '\\';
    *name += static_cast<char>('0' + v / 100);
    *name += static_cast<char>('0' + v / 10 % 10);
    *name += static_cast<char>('0' + v % 10);
  }
}

// Reads one section; a record that does not fit ends everything.
Result<void> read_records(std::string_view bytes, unsigned count, std::size_t* offset,
                          std::vector<Record>* out) {
  for (unsigned i = 0; i < count; ++i) {
    auto owner = read_name(bytes, offset, bytes.size());
    if (!owner.ok()) return owner.error();
    if (bytes.size() - *offset < 10) return malformed("a record is cut off");
    Record record;
    record.owner = std::move(*owner);
    record.type = u16_at(bytes, *offset);
    const std::uint16_t record_class = u16_at(bytes, *offset + 2);
    // RFC 2181 §8: a TTL with the highest bit set counts as zero.
    const std::uint32_t ttl = u32_at(bytes, *offset + 4);
    record.ttl = ttl > 0x7FFFFFFFU ? 0 : std::min(ttl, kMaxTtl);
    record.data_length = u16_at(bytes, *offset + 8);
    record.data_offset = *offset + 10;
    if (bytes.size() - record.data_offset < record.data_length)
      return malformed("the data of a record is cut off");
    *offset = record.data_offset + record.data_length;
    if (record_class == kClassIn) out->push_back(std::move(record));
  }
  return {};
}

// How long an answer that holds nothing may be kept; 0 if no SOA says so.
std::uint32_t negative_ttl(std::string_view bytes, const Packet& packet) {
  for (const Record& record : packet.authority) {
    if (record.type != kTypeSoa) continue;
    std::size_t offset = record.data_offset;
    const std::size_t end = record.data_offset + record.data_length;
    if (!read_name(bytes, &offset, end).ok() || !read_name(bytes, &offset, end).ok() || end - offset != 20)
      return 0;
    return std::min(record.ttl, u32_at(bytes, offset + 16));
  }
  return 0;
}

}  // namespace

Result<std::string> read_name(std::string_view bytes, std::size_t* offset, std::size_t end) {
  std::string name;
  std::size_t wire_length = 0;
  std::size_t at = *offset;
  std::size_t limit = std::min(end, bytes.size());
  std::size_t lowest =
      at;  // where the current run of labels began: a pointer goes before it, so it cannot loop
  bool jumped = false;
  for (int pointers = 0;;) {
    if (at >= limit) return malformed("a name runs over its end");
    const unsigned length = byte_at(bytes, at);
    if (length == 0) {
      if (!jumped) *offset = at + 1;
      return name.empty() ? "." : name;
    }
    if ((length & 0xC0U) == 0xC0U) {
      if (limit - at < 2) return malformed("a name runs over its end");
      const std::size_t target = (length & 0x3FU) << 8 | byte_at(bytes, at + 1);
      if (!jumped) *offset = at + 2;
      jumped = true;
      if (target >= lowest || ++pointers > kMaxPointers)
        return malformed("a name points to itself or forward");
      if (target < kHeader) return malformed("a name points into the header");
      at = lowest = target;
      limit = bytes.size();
      continue;
    }
    if ((length & 0xC0U) != 0) return malformed("a label of unknown kind");
    if (limit - at < 1 + length) return malformed("a label runs over its end");
    wire_length += 1 + length;
    if (wire_length >= kMaxName) return malformed("a name is too long");
    if (!name.empty()) name += '.';
    append_label(bytes.substr(at + 1, length), &name);
    at += 1 + length;
  }
}

Result<Packet> parse_packet(std::string_view bytes) {
  if (bytes.size() < kHeader) return malformed("shorter than a header");
  if (bytes.size() > 65'535) return malformed("longer than a message can be");
  const std::uint16_t flags = u16_at(bytes, 2);
  if ((flags & 0x8000U) == 0) return malformed("not a response");
  Packet packet;
  packet.rcode = flags & 0x0FU;
  packet.truncated = (flags & 0x0200U) != 0;
  std::size_t offset = kHeader;
  for (unsigned i = 0; i < u16_at(bytes, 4); ++i) {
    ESSAIM_TRY(read_name(bytes, &offset, bytes.size()));
    if (bytes.size() - offset < 4) return malformed("a question is cut off");
    offset += 4;
  }
  ESSAIM_TRY(read_records(bytes, u16_at(bytes, 6), &offset, &packet.answers));
  ESSAIM_TRY(read_records(bytes, u16_at(bytes, 8), &offset, &packet.authority));
  return packet;
}

Result<std::string> read_address(std::string_view bytes, const Record& record) {
  const bool v6 = record.type == kTypeAaaa;
  if (record.data_length != (v6 ? 16U : 4U)) return malformed("an address of the wrong length");
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(v6 ? AF_INET6 : AF_INET, bytes.data() + record.data_offset, text, sizeof text);
  return std::string(text);
}

Result<std::string> read_target(std::string_view bytes, const Record& record) {
  std::size_t offset = record.data_offset;
  const std::size_t end = record.data_offset + record.data_length;
  auto name = read_name(bytes, &offset, end);
  if (name.ok() && offset != end) return malformed("bytes behind a name");
  return name;
}

Result<MxData> read_mx(std::string_view bytes, const Record& record) {
  if (record.data_length < 3) return malformed("an MX record is too short");
  std::size_t offset = record.data_offset + 2;
  const std::size_t end = record.data_offset + record.data_length;
  auto host = read_name(bytes, &offset, end);
  if (!host.ok()) return host.error();
  if (offset != end) return malformed("bytes behind an MX record");
  return MxData{u16_at(bytes, record.data_offset), std::move(*host)};
}

Result<TlsaData> read_tlsa(std::string_view bytes, const Record& record) {
  if (record.data_length < 3) return malformed("a TLSA record is too short");
  const std::size_t at = record.data_offset;
  TlsaData data;
  data.usage = static_cast<std::uint8_t>(byte_at(bytes, at));
  data.selector = static_cast<std::uint8_t>(byte_at(bytes, at + 1));
  data.matching = static_cast<std::uint8_t>(byte_at(bytes, at + 2));
  data.association = bytes.substr(at + 3, record.data_length - 3);
  return data;
}

Result<std::string> read_text(std::string_view bytes, const Record& record) {
  std::string text;
  const std::string_view data = bytes.substr(record.data_offset, record.data_length);
  for (std::size_t at = 0; at < data.size();) {
    const std::size_t length = byte_at(data, at);
    if (data.size() - at < 1 + length) return malformed("a character string runs over its end");
    text.append(data.substr(at + 1, length));
    at += 1 + length;
  }
  return text;
}

Result<Selection> select_records(std::string_view bytes, const Packet& packet, std::string_view name,
                                 std::uint16_t type) {
  Selection selection;
  std::string current = ascii_lowered(name);
  std::uint32_t ttl = kMaxTtl;
  bool aliased = false;
  for (int aliases = 0; aliases <= kMaxAliases; ++aliases) {
    const Record* alias = nullptr;
    for (const Record& record : packet.answers) {
      if (record.owner != current) continue;
      if (record.type == type) {
        selection.records.push_back(&record);
        ttl = std::min(ttl, record.ttl);
      } else if (record.type == kTypeCname && alias == nullptr) {
        alias = &record;
      }
    }
    if (!selection.records.empty() || alias == nullptr) {
      selection.ttl = ttl;
      selection.owner = current;
      if (selection.records.empty())
        selection.ttl = std::min(aliased ? ttl : kMaxTtl, negative_ttl(bytes, packet));
      return selection;
    }
    auto target = read_target(bytes, *alias);
    if (!target.ok()) return target.error();
    ttl = std::min(ttl, alias->ttl);
    aliased = true;
    current = std::move(*target);
  }
  return malformed("more than 8 aliases, or aliases in a circle");
}

bool is_host_name(std::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  for (const std::string_view label : split(name, '.')) {
    if (label.empty() || label.size() > 63 || !std::all_of(label.begin(), label.end(), is_plain))
      return false;
  }
  return true;
}

std::string reverse_name(const std::string& ip) {
  static constexpr char kHex[] = "0123456789abcdef";
  unsigned char bytes[16] = {};
  std::string name;
  if (inet_pton(AF_INET, ip.c_str(), bytes) == 1) {
    for (int i = 3; i >= 0; --i) name += std::to_string(bytes[i]) + ".";
    return name + "in-addr.arpa";
  }
  if (inet_pton(AF_INET6, ip.c_str(), bytes) == 1) {
    for (int i = 15; i >= 0; --i) {
      for (const int nibble : {bytes[i] & 0x0F, bytes[i] >> 4}) {
        name += kHex[nibble];
        name += '.';
      }
    }
    return name + "ip6.arpa";
  }
  return {};
}

}  // namespace essaim::dns
