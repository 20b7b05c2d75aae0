// The server's side of one authentication exchange (RFC 4422 §3), sans-I/O: decoded responses and answers from outside in; challenges
// and questions out. Knows no SMTP, no account and no clock. One for each AUTH; one thread at a time. Responses are bounded by the
// caller.
//
//   begin() -> kChallenge -> respond() -> ... -> kAsk -> on_verifier() or on_verdict() -> ... -> kSuccess
//
// kMalformed and kRefused end it anywhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/sasl/mechanism.h"
#include "core/sasl/scram_verifier.h"

namespace essaim::sasl {

// What the exchange wants to know. Names are as the client wrote them.
struct Question {
  enum class Kind {
    kPassword,  // whether `secret` is the password of `authcid`
    kVerifier,  // its verifier: on_verifier() answers
    kProof,  // `proven` says whether the client knew the password of the verifier that is `secret` (RFC 5803); the account
    // may still be refused, or have another by now
    kCertificate,  // whom the client's certificate stands for
    kToken,        // whom the token `secret` stands for
  };
  Kind kind = Kind::kPassword;
  std::string authcid;
  std::string authzid;  // "" for the same
  std::string secret;
  bool proven = false;
};

struct Step {
  enum class Kind { kChallenge, kAsk, kSuccess, kMalformed, kRefused };
  Kind kind = Kind::kMalformed;
  std::string challenge;
};

// Of the TLS connection underneath, by the registered names (RFC 5929, RFC 9266); "" for what there is not.
struct ChannelBinding {
  std::string exporter, unique, end_point;
  // Null for a name that is not known or has none.
  const std::string* find(std::string_view name) const;
  bool any() const { return !exporter.empty() || !unique.empty() || !end_point.empty(); }
};

class ServerExchange {
 public:
  virtual ~ServerExchange() = default;

  virtual Step begin(const std::optional<std::string>& initial) = 0;
  virtual Step respond(const std::string& response) = 0;
  // After kAsk.
  const Question& question() const { return question_; }
  virtual Step on_verifier(const ScramVerifier& verifier);
  virtual Step on_verdict(bool accepted);

 protected:
  static Step challenge(std::string text) { return {Step::Kind::kChallenge, std::move(text)}; }
  static Step malformed() { return {Step::Kind::kMalformed, {}}; }
  static Step refused() { return {Step::Kind::kRefused, {}}; }
  Step ask(Question question);

  Question question_;
};

// `binding_offered`: whether a mechanism that binds the channel was announced beside this one.
std::unique_ptr<ServerExchange> make_exchange(Mechanism mechanism, const ChannelBinding& binding,
                                              bool binding_offered);

}  // namespace essaim::sasl
