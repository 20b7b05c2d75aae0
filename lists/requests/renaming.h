// A list that is called otherwise, in its domain or in another one of ours: what that means, for who is about to do it.
// Inside the caller's transaction. Values; errors are those of the database.
#pragma once

#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/smtp/address.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

// `name` as asked for: a local part, of the list's own domain, or an address. What is neither stands as a local part that no
// list can have.
smtp::Address new_address(const storage::ListRecord& list, const std::string& name);

struct Renaming {
  std::string before, after;                // addresses
  std::string domain_before, domain_after;  // the same: it stays in its domain
  bool robot = false;  // the old name is the command robot's, which gets the mail to it from then on
  bool known = false;  // the domain is ours; if it is not, nothing stands below
  std::vector<std::string> names_old;  // settings of its own that name the old address, or domain
  std::int64_t memberships = 0;        // of its addresses in other lists, which go on under the new ones
  bool changes_domain() const { return domain_before != domain_after; }

  // Of another domain:
  struct Setting {
    std::string name, before, after;
  };
  std::vector<Setting> settings;  // that the domains set, and not the list
  // Scenarios, filters and templates of the domains ("send.mine") that the list has none of its own for, and listmasters.
  std::vector<std::string> texts_lost, texts_got, listmasters_lost, listmasters_got;
  bool was_signed = false, is_signed = false;  // there is a DKIM key that signs
};
Result<Renaming> look_at_renaming(storage::Connection& connection, const storage::ListRecord& list,
                                  const std::string& name);

}  // namespace essaim::lists
