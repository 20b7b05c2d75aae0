// Authentication exchanges: the first octet chooses the mechanism, responses stand in lines. What must hold: no exchange ends well
// without a good answer from outside, SCRAM proves nothing to who has only a fake verifier, parsed messages are what was sent.
#include "core/base/text.h"
#include "core/sasl/bearer.h"
#include "core/sasl/prepare.h"
#include "core/sasl/scram_messages.h"
#include "core/sasl/server_exchange.h"
#include "tests/fuzz/target.h"

using namespace essaim;
using namespace essaim::sasl;

namespace {

void parse(std::string_view message) {
  if (const auto first = parse_client_first(message)) {
    ESSAIM_CHECK(first->gs2_header + first->bare == message && !first->name.empty() && !first->nonce.empty());
    ESSAIM_CHECK(is_valid_utf8(first->name));
  }
  if (const auto final = parse_client_final(message))
    ESSAIM_CHECK(final->proof.size() == 32 && message.starts_with(final->without_proof));
  if (const auto bearer = parse_bearer_response(message)) ESSAIM_CHECK(!bearer->token.empty());
  if (const auto verifier = parse_scram_verifier(message))
    ESSAIM_CHECK(parse_scram_verifier(format_scram_verifier(*verifier)) == verifier);
  if (const auto ready = prepared(message)) {
    ESSAIM_CHECK(is_valid_utf8(*ready) && ready->find('\0') == std::string::npos);
    if (is_ascii(message)) ESSAIM_CHECK(*ready == message);
  }
}

}  // namespace

ESSAIM_FUZZ_TARGET(sasl) {
  const unsigned choice = fuzz::take_choice(&data);
  parse(data);
  const Mechanism mechanism = all_mechanisms()[choice % all_mechanisms().size()];
  const auto exchange = make_exchange(mechanism, {"exporter", "", "end point"}, (choice & 64) != 0);
  bool answered = false, begun = false;
  for (const std::string_view line : split(data, '\n')) {
    Step step = begun ? exchange->respond(std::string(line)) : exchange->begin(std::string(line));
    begun = true;
    while (step.kind == Step::Kind::kAsk) {
      const Question& question = exchange->question();
      if (question.kind == Question::Kind::kVerifier) {
        step = exchange->on_verifier(fake_scram_verifier("secret", question.authcid));
        continue;
      }
      if (question.kind == Question::Kind::kProof) ESSAIM_CHECK(!question.proven);
      answered = (choice & 128) != 0;
      step = exchange->on_verdict(answered);
    }
    ESSAIM_CHECK(step.kind != Step::Kind::kSuccess || answered);
    if (step.kind != Step::Kind::kChallenge) return;
  }
}
