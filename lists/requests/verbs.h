// Doing what was asked, by verb; only carry_out() calls them, when it is allowed. Internal to lists/requests.
#pragma once

#include "lists/requests/request.h"

namespace essaim::lists {

struct Doing {
  WriteContext& context;
  const Request& request;
  const Requester& who;
  const scenario::Action& action;  // notify, quiet
  ListSettings settings;           // of the list, or its domain

  storage::Connection& connection() const { return context.connection; }
  bool notify() const { return action.notify && !request.quiet; }
  bool quiet() const { return action.quiet || request.quiet; }
  std::string how() const;  // it came about, for the record: what decided and how the requester is known
  Values values() const;
  std::string say(std::string_view english, Values more = {}) const;
  // In which who asked is written to about the list: their own, or where nobody knows it the list's.
  const std::string& language() const { return who.language_is_assumed ? settings.language : who.language; }
  // To all owners, in the list's language: what happened.
  Result<void> tell_owners(std::string_view english) const;
  // To whom it concerns.
  Result<void> tell(std::string_view message, const smtp::Address& to, bool replied) const;
};

using Done = Result<Response>;

// membership.cc
Done join(const Doing& doing);   // subscribe, add, and an invitation that is accepted
Done leave(const Doing& doing);  // unsubscribe, delete
Done invite(const Doing& doing);
Done set_options(const Doing& doing);
// about.cc
Done review(const Doing& doing);
Done info(const Doing& doing);
Done stats(const Doing& doing);
Done modindex(const Doing& doing);
Done which(const Doing& doing);
Done name_lists(const Doing& doing);
// reminders.cc
Done remind(const Doing& doing);
Done remind_all(const Doing& doing);
// directory.cc
Done create(const Doing& doing);
Done delete_list(const Doing& doing);
Done set_state(const Doing& doing);
Done configure(const Doing& doing);
Done move_user(const Doing& doing);
// renaming.cc
Done rename(const Doing& doing);
Done forget_name(const Doing& doing);
// domains.cc
Done create_domain(const Doing& doing);
Done configure_domain(const Doing& doing);
Done delete_domain(const Doing& doing);
Done change_listmaster(const Doing& doing);
// texts.cc
Done set_text(const Doing& doing);
Done delete_text(const Doing& doing);
Done change_block(const Doing& doing);

// wait.cc: makes it wait for a confirmation or an approval; asks once, however often it is asked for.
Done wait_for_confirmation(const Doing& doing, const std::string& rule);
Done wait_for_approval(const Doing& doing, bool by_listmasters, const std::string& rule);
// Counts a question to somebody, who may be anybody on earth, and refuses it when there were too many within the hour.
Result<std::optional<Response>> asked_too_often(const Doing& doing, const smtp::Address& asked);

}  // namespace essaim::lists
