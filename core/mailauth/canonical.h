// Canonicalisation of header fields and bodies (RFC 6376 §3.4): what a signature is made over.
//
// A BodyCanonicalizer takes the body in pieces of any size, split anywhere, and gives the same octets as if it had
// come whole; it keeps a few octets of state, and hands on no piece that is larger than what it was given or kMostLineEnds,
// however many line ends it held back. Only CRLF ends a line; a bare CR or LF is an octet like others. One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace essaim::mailauth {

enum class Canonicalization { kSimple, kRelaxed };
const char* to_string(Canonicalization canonicalization);

// Appends the canonical form of one field, given as `name: value CRLF` with its folding. §3.4.1, §3.4.2.
void append_canonical_field(std::string_view field, Canonicalization canonicalization, std::string* out);

class BodyCanonicalizer {
 public:
  // Takes the canonical body piece by piece, in order; they are valid during the call.
  using Sink = std::function<void(std::string_view octets)>;
  static constexpr std::size_t kMostLineEnds = 512;  // in a piece

  explicit BodyCanonicalizer(Canonicalization canonicalization) : canonicalization_(canonicalization) {}
  void update(std::string_view bytes, const Sink& out);
  void finish(const Sink& out);

 private:
  void put(std::string_view octets, const Sink& out);
  void release(const Sink& out);
  void take_relaxed(std::string_view bytes, const Sink& out);

  const Canonicalization canonicalization_;
  std::uint64_t line_ends_ = 0;  // held back: they are dropped if nothing follows
  bool cr_ = false;       // the last octet was a CR, of which it is not known yet whether it ends a line
  bool space_ = false;    // relaxed: white space held back, which goes if the line ends
  bool any_ = false;      // some octet was put out
  bool in_line_ = false;  // octets were put out behind the last line end
};

}  // namespace essaim::mailauth
