// The planner: what a list's changes do to the signatures that came with a post, and what is to be done about the
// author so that the post still arrives.
//
// A receiver judges the domain in From (DMARC). As long as a signature of that domain verifies after our changes, the
// author stays untouched. Where none does and the domain publishes a policy that would have the copies refused, the
// list's setting says what is done: From becomes the list, the message is wrapped, or the post is refused. What
// survives is not guessed from the names of fields: the message is rendered, and each signature is verified again over
// what would be sent, with the key that it was verified with when it came.
//
// Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/mailauth/message_check.h"
#include "lists/settings.h"

namespace essaim::lists {

const char* to_string(Treatment treatment);

struct SignatureFate {
  std::size_t number = 0;  // in Authentication::dkim
  bool aligned = false;    // with the author's domain
  bool survives = false;
};

// Of the signatures that passed. `header`: of what would be sent, all of it; `body_kept`: the body is the author's, octet
// for octet.
std::vector<SignatureFate> signature_fates(const mailauth::Authentication& authentication,
                                           const mail::HeaderBlock& header, std::string_view body,
                                           bool body_kept);

struct AuthorPlan {
  Treatment treatment = Treatment::kKeep;
  std::string why;  // one sentence
  // A signature that would have to verify does not, and nothing is done about it but to keep or to refuse.
  bool unprotected = false;
};

// `we_sign`: our own signature will be aligned with the author's domain.
AuthorPlan plan_author(const mailauth::Authentication& authentication,
                       const std::vector<SignatureFate>& fates, const smtp::Address& author,
                       const ListSettings& settings, bool we_sign);

// Lines for people: what was found, what survives, what was decided.
std::string describe(const mailauth::Authentication& authentication, const std::vector<SignatureFate>& fates,
                     const AuthorPlan& plan);

}  // namespace essaim::lists
