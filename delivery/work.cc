#include "delivery/work.h"

namespace essaim::delivery {

bool for_each_unstuffed(std::string_view wire, const std::function<bool(const ByteRanges::Range&)>& take) {
  constexpr std::string_view kEnd = ".\r\n";
  if (wire != kEnd && !wire.ends_with("\r\n.\r\n")) return false;
  const std::string_view message = wire.substr(0, wire.size() - kEnd.size());
  std::size_t begin = message.starts_with('.') ? 1 : 0;
  for (std::size_t at = message.find("\n."); at != std::string_view::npos; at = message.find("\n.", at + 1)) {
    if (!take({begin, at + 1 - begin})) return false;
    begin = at + 2;
  }
  return begin == message.size() || take({begin, message.size() - begin});
}

ByteRanges unstuffed(std::string_view wire, std::size_t most) {
  ByteRanges out;
  const bool whole = for_each_unstuffed(wire, [&](const ByteRanges::Range& range) {
    if (out.ranges.size() >= most) return false;
    out.ranges.push_back(range);
    out.octets += range.length;
    return true;
  });
  return whole ? out : ByteRanges{};
}

bool passes_dsn_on(const storage::PostRecord& post) {
  return post.kind != storage::PostKind::kList && post.envelope_sender == post.sender &&
         post.dsn != storage::DsnRequest{};
}

const char* to_string(Stage stage) {
  switch (stage) {
    case Stage::kDns:
      return "dns";
    case Stage::kConnect:
      return "connect";
    case Stage::kTls:
      return "tls";
    case Stage::kBanner:
      return "banner";
    case Stage::kEhlo:
      return "ehlo";
    case Stage::kMail:
      return "mail";
    case Stage::kRcpt:
      return "rcpt";
    case Stage::kData:
      return "data";
    case Stage::kFinalDot:
      return "final-dot";
    case Stage::kLost:
      return "lost";
  }
  return "?";
}

}  // namespace essaim::delivery
