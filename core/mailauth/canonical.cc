#include "core/mailauth/canonical.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

bool is_wsp(char c) {
  return c == ' ' || c == '\t';
}

std::string line_ends(std::size_t count) {
  std::string out;
  while (count-- > 0) out += "\r\n";
  return out;
}

}  // namespace

const char* to_string(Canonicalization canonicalization) {
  return canonicalization == Canonicalization::kSimple ? "simple" : "relaxed";
}

void append_canonical_field(std::string_view field, Canonicalization canonicalization, std::string* out) {
  if (canonicalization == Canonicalization::kSimple) {
    out->append(field);
    return;
  }
  const std::size_t colon = field.find(':');
  std::string_view name = field.substr(0, colon);
  while (!name.empty() && is_wsp(name.back())) name.remove_suffix(1);
  for (const char c : name) out->push_back(ascii_lower(c));
  out->push_back(':');
  bool space = false;
  bool any = false;
  for (const char c : colon == std::string_view::npos ? std::string_view{} : field.substr(colon + 1)) {
    if (c == '\r' || c == '\n') continue;  // only folding and the end have them (header_block.h)
    if (is_wsp(c)) {
      space = true;
      continue;
    }
    if (space && any) out->push_back(' ');
    space = false;
    any = true;
    out->push_back(c);
  }
  out->append("\r\n");
}

// What was held back is part of the body after all. It may be the whole of a large body.
void BodyCanonicalizer::release(const Sink& out) {
  static const std::string some = line_ends(kMostLineEnds);
  while (line_ends_ > 0) {
    const std::uint64_t count = std::min<std::uint64_t>(line_ends_, kMostLineEnds);
    out(std::string_view(some).substr(0, 2 * count));
    line_ends_ -= count;
  }
}

void BodyCanonicalizer::put(std::string_view octets, const Sink& out) {
  if (octets.empty()) return;
  release(out);
  if (space_) {
    out(" ");
    space_ = false;
  }
  out(octets);
  any_ = in_line_ = true;
}

void BodyCanonicalizer::update(std::string_view bytes, const Sink& out) {
  while (!bytes.empty()) {
    if (cr_) {
      cr_ = false;
      if (bytes.front() == '\n') {
        space_ = false;
        in_line_ = false;
        ++line_ends_;
        bytes.remove_prefix(1);
        continue;
      }
      put("\r", out);
    }
    std::string_view line = bytes.substr(0, bytes.find('\r'));
    bytes.remove_prefix(line.size());
    if (canonicalization_ == Canonicalization::kSimple) {
      put(line, out);
    } else {
      take_relaxed(line, out);
    }
    if (!bytes.empty()) {
      cr_ = true;
      bytes.remove_prefix(1);
    }
  }
}

void BodyCanonicalizer::take_relaxed(std::string_view bytes, const Sink& out) {
  while (!bytes.empty()) {
    std::size_t n = 0;
    while (n < bytes.size() && !is_wsp(bytes[n])) ++n;
    put(bytes.substr(0, n), out);
    if (n == bytes.size()) return;
    space_ = true;
    while (n < bytes.size() && is_wsp(bytes[n])) ++n;
    bytes.remove_prefix(n);
  }
}

void BodyCanonicalizer::finish(const Sink& out) {
  if (cr_) put("\r", out);
  // White space in a last line without a line end: the line end is completed, so it was trailing.
  space_ = false;
  if (in_line_) {
    out("\r\n");
  } else if (any_ || canonicalization_ == Canonicalization::kSimple) {
    out("\r\n");  // of the line ends held back one stays; of an empty body, simple makes one
  }
  line_ends_ = 0;
}

}  // namespace essaim::mailauth
