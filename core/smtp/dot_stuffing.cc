#include "core/smtp/dot_stuffing.h"

namespace essaim::smtp {

namespace {

// What one dot in 64 octets would add.
std::size_t with_dots(std::size_t octets) {
  return octets + octets / 64 + 16;
}

}  // namespace

DotStuffing::DotStuffing(std::size_t expected) {
  out_.reserve(with_dots(expected));
}

void DotStuffing::append(std::string_view part) {
  if (part.starts_with('.') && (out_.empty() || out_.back() == '\n')) out_.push_back('.');
  std::size_t begin = 0;
  for (std::size_t at = part.find("\n."); at != std::string_view::npos; at = part.find("\n.", at + 1)) {
    out_.append(part, begin, at + 1 - begin);
    out_.push_back('.');
    begin = at + 1;
  }
  out_.append(part, begin);
}

std::string DotStuffing::finish() && {
  if (!out_.empty() && !out_.ends_with("\r\n")) out_ += "\r\n";
  out_ += kEndOfData;
  return std::move(out_);
}

}  // namespace essaim::smtp
