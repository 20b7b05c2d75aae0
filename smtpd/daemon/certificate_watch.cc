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
    const std::string words = net::time_words(one, now);
    if (words.empty()) continue;
    const char* event = one.not_after <= now   ? "certificate-expired"
                        : one.not_before > now ? "certificate-not-yet-valid"
                                               : "certificate-expires";
    const std::vector<log::Field> fields = {{"file", one.file}, {"subject", one.subject}, {"it", words}};
    log::write(net::is_in_time(one, now) ? log::Level::kWarning : log::Level::kError, event, fields.data(),
               fields.size());
  }
  timer_.start(kPause);
}

}  // namespace essaim::smtpd
