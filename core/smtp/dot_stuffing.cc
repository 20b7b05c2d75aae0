#include "core/smtp/dot_stuffing.h"

namespace essaim::smtp {

namespace {

// What one dot in 64 octets would add.
std::size_t with_dots(std::size_t octets) {
  return octets + octets / 64 + 16;
}

void append_stuffed(std::string& out, std::string_view part) {
  if (part.starts_with('.') && (out.empty() || out.back() == '\n')) out.push_back('.');
  std::size_t begin = 0;
  for (std::size_t at = part.find("\n."); at != std::string_view::npos; at = part.find("\n.", at + 1)) {
    out.append(part, begin, at + 1 - begin);
    out.push_back('.');
    begin = at + 1;
  }
  out.append(part, begin);
}

}  // namespace

std::string dot_stuffed_part(std::string_view part) {
  std::string out;
  out.reserve(with_dots(part.size()));
  append_stuffed(out, part);
  return out;
}

DotStuffing::DotStuffing(std::size_t expected) {
  out_.reserve(with_dots(expected));
}

void DotStuffing::append(std::string_view part) {
  append_stuffed(out_, part);
}

std::string DotStuffing::finish() && {
  if (!out_.empty() && !out_.ends_with("\r\n")) out_ += "\r\n";
  out_ += kEndOfData;
  return std::move(out_);
}

}  // namespace essaim::smtp
