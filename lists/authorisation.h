// May they? The one place where a function of a list is decided for somebody, by the scenario in force.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "lists/facts.h"
#include "lists/scenario/decide.h"
#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

struct Authorised {
  scenario::Action action;
  std::string rule;  // "send.private:5"
};

// Why it rejects, for reason_text(). The name of a mail template (reject(tt2='...')) is that of a reason, or says nothing: it
// is never shown to people.
std::string_view reason_of(const scenario::Action& action);

// What is known of one person beforehand, so that nothing is read for it: who they are for the list in question, and
// whether they are a listmaster there; nothing: that is not known.
struct KnownPerson {
  const smtp::Address& address;
  const Facts& facts;
  std::optional<bool> listmaster{};
};

// `list` with id 0 stands for its domain alone. Without a connection only what is at hand decides; kConflict says that
// the database has to be asked. Other errors are those of the database.
Result<Authorised> authorise(const Services& services, storage::Connection* connection,
                             const storage::ListRecord& list, std::string_view function,
                             const scenario::Question& question, const KnownPerson* person = nullptr,
                             scenario::Trace* trace = nullptr,
                             std::shared_ptr<const scenario::Scenario>* used = nullptr);

Result<bool> is_listmaster(storage::Connection& connection, Id domain_id, const smtp::Address& address);

}  // namespace essaim::lists
