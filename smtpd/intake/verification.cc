#include "smtpd/intake/verification.h"

namespace essaim::smtpd {

void Verification::look_up(std::shared_ptr<const mailauth::MessageCheck> check,
                           std::function<void(mailauth::Answers)> done) {
  const Place place = places_[next_++ % places_.size()];
  place.loop->post([place, patience = patience_, check = std::move(check), done = std::move(done)] {
    // It holds itself until it has ended, and dies on a later turn than the one that ended it.
    auto lookups = std::make_shared<std::unique_ptr<mailauth::Lookups>>();
    *lookups = std::make_unique<mailauth::Lookups>(
        *place.loop, *place.resolver, patience, [check](mailauth::Answers& answers) { check->look(answers); },
        [place, lookups, done](mailauth::Answers answers) {
          place.loop->post([lookups] {});
          done(std::move(answers));
        });
    (*lookups)->start();
  });
}

}  // namespace essaim::smtpd
