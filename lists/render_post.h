// A post as the list sends it: changed by the handlers, with the author treated as the planner decides, without
// signatures that are broken, sealed by ARC. Pure but for the keys and the time, which the services give; fixed at
// acceptance, never done anew.
#pragma once

#include <string>

#include "lists/author_plan.h"
#include "lists/handlers/handler.h"
#include "lists/services.h"

namespace essaim::lists {

struct PostRendering {
  Rendered rendered;  // nothing if the plan is to refuse
  AuthorPlan plan;
  std::string explanation;  // lines for people; "" if nothing was verified
};

// An error says that a field cannot be written: 554.
Result<PostRendering> render_post(const Services& services, const Submission& submission,
                                  const Incoming& incoming, const Target& target);

// Mail that is only passed on, sealed under the domain that it came to.
Result<Rendered> render_forward(const Services& services, const Submission& submission,
                                const Incoming& incoming, const Target& target);

// Mail of an account to somebody elsewhere.
Result<Rendered> render_relayed(const Services& services, const Submission& submission,
                                const Incoming& incoming, const Target& target);

// What each change of the list, made alone, does to the signatures that passed: a line for each that changes anything.
// For people; it renders once for each.
std::string explain_changes(const Services& services, const Submission& submission, const Incoming& incoming,
                            const Target& target);

}  // namespace essaim::lists
