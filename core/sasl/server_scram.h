// SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, RFC 7677), the server's side.
#pragma once

#include "core/sasl/scram_messages.h"
#include "core/sasl/server_exchange.h"

namespace essaim::sasl {

class ServerScram final : public ServerExchange {
 public:
  enum class Form { kPlain, kPlus };
  // `nonce`: the server's half; "" for a random one.
  ServerScram(ChannelBinding binding, Form form, bool binding_offered, std::string nonce = {});

  Step begin(const std::optional<std::string>& initial) override;
  Step respond(const std::string& response) override;
  Step on_verifier(const ScramVerifier& verifier) override;
  Step on_verdict(bool accepted) override;

 private:
  enum class State { kFirst, kVerifier, kFinal, kVerdict, kConfirmed };
  Step take_first(const std::string& message);
  Step take_final(const std::string& message);

  const ChannelBinding binding_;
  const Form form_;
  const bool binding_offered_;
  State state_ = State::kFirst;
  ClientFirst first_;
  std::string nonce_;         // of both
  std::string server_first_;  // as it was sent
  ScramVerifier verifier_;
  std::string server_signature_;
};

}  // namespace essaim::sasl
