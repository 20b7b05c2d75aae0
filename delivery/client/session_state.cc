#include "delivery/client/session_state.h"

#include <iterator>

#include "core/base/check.h"

namespace essaim::delivery {
namespace {

using S = SessionState;
using C = CourierSettings;

// RFC 5321 §4.5.3.2 gives each wait its own time.
constexpr StateRow kRows[] = {
    {S::kGreeting, "greeting", "waiting for the greeting", &C::greeting_timeout},
    {S::kEhlo, "ehlo", "waiting for the reply to EHLO", &C::command_timeout},
    {S::kHelo, "helo", "waiting for the reply to HELO", &C::command_timeout},
    {S::kStartTls, "starttls", "waiting for the reply to STARTTLS", &C::command_timeout},
    {S::kHandshake, "handshake", "negotiating TLS", &C::command_timeout},
    {S::kIdle, "idle", "waiting for work", &C::idle_timeout},
    {S::kEnvelope, "envelope", "waiting for replies to the envelope", &C::command_timeout},
    {S::kBody, "body", "sending the message", &C::data_timeout},
    {S::kFinalDot, "final-dot", "waiting for the reply to the end of the message", &C::final_dot_timeout},
    {S::kDone, "done", "done", nullptr},
};

}  // namespace

const StateRow& row_of(SessionState state) {
  const auto index = static_cast<std::size_t>(state);
  ESSAIM_CHECK(index < std::size(kRows) && kRows[index].state == state);
  return kRows[index];
}

}  // namespace essaim::delivery
