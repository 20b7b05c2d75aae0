// Base 64 (RFC 4648 §4), hexadecimal, Crockford's base 32 and little-endian integers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace essaim {

std::string base64_encoded(std::string_view bytes);
// Strict: padding required, no line breaks, no other characters.
std::optional<std::string> base64_decoded(std::string_view text);
std::string hex_encoded(std::string_view bytes);
int hex_digit(char c);  // its value; -1: it is none
// %XX is an octet; a "%" that begins none stands for itself.
std::string percent_decoded(std::string_view text);
// Lower case, without padding; 5 bits a digit, the last one filled with zeros.
std::string base32_encoded(std::string_view bytes);

// Appends and reads fixed-width little-endian integers and LEB128 varints. A Reader past its end sets
// failed() and gives zeros and empty strings from then on, so that a decoder checks once at its end.
void put_u8(std::string* out, std::uint8_t v);
void put_u32(std::string* out, std::uint32_t v);
void put_u64(std::string* out, std::uint64_t v);
void put_varint(std::string* out, std::uint64_t v);
void put_string(std::string* out, std::string_view s);  // varint length, bytes

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}
  std::uint8_t u8();
  std::uint32_t u32();
  std::uint64_t u64();
  std::uint64_t varint();
  std::string_view string();
  std::string_view take(std::size_t n);
  std::size_t remaining() const { return bytes_.size(); }
  bool failed() const { return failed_; }

 private:
  std::string_view bytes_;
  bool failed_ = false;
};

// CRC-32C (Castagnoli, RFC 3720 §B.4), for records that are read back after a crash.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace essaim
