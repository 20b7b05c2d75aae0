#include "core/sasl/server_exchange.h"

#include <array>
#include <utility>

#include <openssl/crypto.h>

#include "core/base/check.h"
#include "core/base/text.h"
#include "core/sasl/bearer.h"
#include "core/sasl/server_scram.h"

namespace essaim::sasl {
namespace {

// One message of the client and nothing else (RFC 4616): message = [authzid] NUL authcid NUL passwd
class Plain final : public ServerExchange {
 public:
  Step begin(const std::optional<std::string>& initial) override {
    return initial ? respond(*initial) : challenge("");
  }
  Step respond(const std::string& response) override {
    const auto parts = split(response, '\0');
    if (parts.size() != 3 || parts[1].empty() || parts[2].empty()) return malformed();
    return ask(
        {Question::Kind::kPassword, std::string(parts[1]), std::string(parts[0]), std::string(parts[2])});
  }
};

class LoginMechanism final : public ServerExchange {
 public:
  // Tolerated: a name as initial response, as some clients give it.
  Step begin(const std::optional<std::string>& initial) override {
    if (initial && !initial->empty()) return respond(*initial);
    return challenge("Username:");
  }
  Step respond(const std::string& response) override {
    if (response.empty() || response.find('\0') != std::string::npos) return malformed();
    if (name_.empty()) {
      name_ = response;
      return challenge("Password:");
    }
    return ask({Question::Kind::kPassword, name_, "", response});
  }

 private:
  std::string name_;
};

// RFC 4422 App. A: the response is the authorization identity, or nothing.
class External final : public ServerExchange {
 public:
  Step begin(const std::optional<std::string>& initial) override {
    return initial ? respond(*initial) : challenge("");
  }
  Step respond(const std::string& response) override {
    if (response.find('\0') != std::string::npos || !is_valid_utf8(response)) return malformed();
    return ask({Question::Kind::kCertificate, "", response, ""});
  }
};

class OauthBearer final : public ServerExchange {
 public:
  Step begin(const std::optional<std::string>& initial) override {
    return initial ? respond(*initial) : challenge("");
  }
  Step respond(const std::string& response) override {
    if (failing_) return refused();  // the client has seen why
    auto parsed = parse_bearer_response(response);
    if (!parsed) return malformed();
    return ask({Question::Kind::kToken, "", std::move(parsed->authzid), std::move(parsed->token)});
  }
  Step on_verdict(bool accepted) override {
    if (accepted) return {Step::Kind::kSuccess, {}};
    failing_ = true;
    return challenge(bearer_failure());
  }

 private:
  bool failing_ = false;
};

}  // namespace

const std::string* ChannelBinding::find(std::string_view name) const {
  const std::array<std::pair<std::string_view, const std::string*>, 3> all = {
      {{"tls-exporter", &exporter}, {"tls-unique", &unique}, {"tls-server-end-point", &end_point}}};
  for (const auto& [known, octets] : all)
    if (name == known && !octets->empty()) return octets;
  return nullptr;
}

Step ServerExchange::ask(Question question) {
  question_ = std::move(question);
  return {Step::Kind::kAsk, {}};
}

Step ServerExchange::on_verifier(const ScramVerifier&) {
  ESSAIM_CHECK(false);  // only SCRAM asks for one
  return malformed();
}

Step ServerExchange::on_verdict(bool accepted) {
  OPENSSL_cleanse(question_.secret.data(), question_.secret.size());
  return {accepted ? Step::Kind::kSuccess : Step::Kind::kRefused, {}};
}

std::unique_ptr<ServerExchange> make_exchange(Mechanism mechanism, const ChannelBinding& binding,
                                              bool binding_offered) {
  switch (mechanism) {
    case Mechanism::kPlain:
      return std::make_unique<Plain>();
    case Mechanism::kLogin:
      return std::make_unique<LoginMechanism>();
    case Mechanism::kExternal:
      return std::make_unique<External>();
    case Mechanism::kOauthBearer:
      return std::make_unique<OauthBearer>();
    case Mechanism::kScramSha256:
      return std::make_unique<ServerScram>(binding, ServerScram::Form::kPlain, binding_offered);
    case Mechanism::kScramSha256Plus:
      return std::make_unique<ServerScram>(binding, ServerScram::Form::kPlus, true);
  }
  return nullptr;
}

}  // namespace essaim::sasl
