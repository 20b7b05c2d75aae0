#include "smtpd/intake/verification.h"

#include <algorithm>
#include <set>

#include "smtpd/accounts/login_limits.h"

namespace essaim::smtpd {

struct Verification::UnderWay {
  std::set<mailauth::Lookups*> lookups;
  bool given_up = false;
};

Verification::Verification(std::vector<Place> places, VerificationOptions options)
    : places_(std::move(places)), options_(std::move(options)) {
  for (Place& place : places_) {
    place.turns = std::make_shared<mailauth::QuestionTurns>(*place.loop);
    place.under_way = std::make_shared<UnderWay>();
  }
}

const std::string& Verification::address_of(const ClientInfo& client) {
  return client.forwarded ? client.forwarded->ip : client.ip;
}

std::string Verification::whose(const TransactionInfo& transaction) const {
  const ClientInfo& client = transaction.client;
  if (client.login) return "account " + client.login->account;
  if (client.role == ListenerRole::kOurselves) return "lists";
  // Where nobody is judged, a relay that nobody has named hands on what strangers send.
  if (!options_.judges || !has_own_address(client)) return "domain " + transaction.reverse_path.domain;
  return "network " + network_of(address_of(client));
}

bool Verification::has_own_address(const ClientInfo& client) const {
  if (client.role == ListenerRole::kOurselves) return false;
  const auto address = parse_network(address_of(client));
  return !address || std::none_of(options_.relays.begin(), options_.relays.end(),
                                  [&](const Network& relay) { return relay.contains(*address); });
}

mailauth::MailSource Verification::source_of(const TransactionInfo& transaction) const {
  const ClientInfo& client = transaction.client;
  if (!judges(client) || !has_own_address(client)) return {"", "", transaction.reverse_path};
  return {address_of(client), client.forwarded ? client.forwarded->helo : client.helo,
          transaction.reverse_path};
}

void Verification::look_up(const std::string& whose, std::shared_ptr<const mailauth::MessageCheck> check,
                           std::function<void(mailauth::Answers)> done) {
  const Place place = places_[next_++ % places_.size()];
  place.loop->post(
      [place, whose, patience = options_.patience, check = std::move(check), done = std::move(done)] {
        // It holds itself until it has ended, and dies on a later turn than the one that ended it.
        auto lookups = std::make_shared<std::unique_ptr<mailauth::Lookups>>();
        *lookups = std::make_unique<mailauth::Lookups>(
            *place.loop, *place.resolver, place.turns, whose, patience,
            [check](mailauth::Answers& answers) { check->look(answers); },
            [place, lookups, done](mailauth::Answers answers) {
              place.under_way->lookups.erase(lookups->get());
              place.loop->post([lookups] {});
              done(std::move(answers));
            });
        (*lookups)->start();
        place.under_way->lookups.insert(lookups->get());
        if (place.under_way->given_up) (*lookups)->give_up();
      });
}

void Verification::give_up() {
  for (const Place& place : places_) {
    place.loop->post([under_way = place.under_way] {
      under_way->given_up = true;
      for (mailauth::Lookups* one : under_way->lookups) one->give_up();
    });
  }
}

}  // namespace essaim::smtpd
