// Who asks by mail. Internal to lists/.
#pragma once

#include <string>

#include "core/mail/address_list.h"
#include "core/mail/encoded_word.h"
#include "lists/authorisation.h"
#include "lists/plan.h"
#include "lists/requests/request.h"

namespace essaim::lists {

// The author of a submission, with the language in which they are answered.
Result<Requester> requester_of(const PlanContext& context, const Target& target);

// The display name of a mailbox, in one line.
inline std::string mail_name(const mail::Mailbox& mailbox) {
  std::string out = mail::decode_encoded_words(mailbox.name);
  for (char& c : out) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return out.substr(0, 200);
}

}  // namespace essaim::lists
