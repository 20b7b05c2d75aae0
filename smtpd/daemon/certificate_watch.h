// Tells the log of certificates that end soon or have ended: when they are taken up, and once a day.
//
// Thread: made, used and destroyed on the loop.
#pragma once

#include <vector>

#include "core/base/clock.h"
#include "core/net/event_loop.h"
#include "core/net/tls.h"

namespace essaim::smtpd {

class CertificateWatch {
 public:
  CertificateWatch(net::EventLoop& loop, const Clock& clock);
  void set(std::vector<net::CertificateInfo> certificates);

 private:
  void look();
  const Clock& clock_;
  std::vector<net::CertificateInfo> certificates_;
  net::Timer timer_;
};

}  // namespace essaim::smtpd
