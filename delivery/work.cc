#include "delivery/work.h"

namespace essaim::delivery {

ByteRanges unstuffed(std::string_view wire, std::size_t most) {
  constexpr std::string_view kEnd = ".\r\n";
  if (wire != kEnd && !wire.ends_with("\r\n.\r\n")) return {};
  const std::string_view message = wire.substr(0, wire.size() - kEnd.size());
  ByteRanges out;
  std::size_t begin = 0;
  const auto add = [&](std::size_t end) {
    if (end == begin) return;
    out.ranges.push_back({begin, end - begin});
    out.octets += end - begin;
  };
  if (message.starts_with('.')) begin = 1;
  for (std::size_t at = message.find("\n."); at != std::string_view::npos; at = message.find("\n.", at + 1)) {
    if (out.ranges.size() + 1 >= most) return {};
    add(at + 1);
    begin = at + 2;
  }
  add(message.size());
  return out;
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
