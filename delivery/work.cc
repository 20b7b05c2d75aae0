#include "delivery/work.h"

namespace essaim::delivery {

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
