#include "smtpd/daemon/certificate_watch.h"

#include "core/base/log.h"
#include "core/net/certificate_check.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kPause = std::chrono::hours(24);

}  // namespace

CertificateWatch::CertificateWatch(net::EventLoop& loop, const Clock& clock)
    : clock_(clock), timer_(loop, [this] { look(); }) {}

void CertificateWatch::set(std::vector<net::CertificateInfo> certificates) {
  certificates_ = std::move(certificates);
  look();
}

void CertificateWatch::look() {
  const WallTime now = clock_.wall_now();
  for (const net::CertificateInfo& one : certificates_) {
    const std::string words = net::expiry_words(one, now);
    if (words.empty()) continue;
    const bool over = one.not_after <= now;
    const std::vector<log::Field> fields = {{"file", one.file}, {"subject", one.subject}, {"it", words}};
    log::write(over ? log::Level::kError : log::Level::kWarning,
               over ? "certificate-expired" : "certificate-expires", fields.data(), fields.size());
  }
  timer_.start(kPause);
}

}  // namespace essaim::smtpd
