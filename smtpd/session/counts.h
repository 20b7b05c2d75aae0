// What a session has done, for the line at its end, in Postfix's habit: "ehlo=1 mail=1 rcpt=2/3 data=1 quit=1
// commands=6/7" (done/tried; one number where they are equal). A value.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "core/smtp/command.h"

namespace essaim::smtpd {

struct SessionCounts {
  struct Count {
    std::uint64_t done = 0;
    std::uint64_t tried = 0;
  };
  std::array<Count, static_cast<std::size_t>(smtp::Verb::kUnknown) + 1> verbs{};
  std::uint64_t messages = 0;  // accepted
  std::uint64_t octets = 0;    // of accepted messages

  Count& of(smtp::Verb verb) { return verbs[static_cast<std::size_t>(verb)]; }
  const Count& of(smtp::Verb verb) const { return verbs[static_cast<std::size_t>(verb)]; }
  std::string to_string() const;
};

}  // namespace essaim::smtpd
