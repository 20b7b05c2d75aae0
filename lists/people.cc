#include "lists/people.h"

#include <set>
#include <string>
#include <utility>

#include "core/smtp/address.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {

using storage::BatchRecipient;

Result<std::vector<BatchRecipient>> people_among(storage::Connection& connection,
                                                 std::vector<BatchRecipient> named, Id of) {
  storage::DirectoryStore directory(connection);
  storage::MemberStore members(connection);
  std::set<Id> lists = {of};
  std::set<std::string> known;
  std::vector<BatchRecipient> out;
  const std::size_t most = named.size() + kMostOfLists;
  // Members of lists are put behind those who are to be looked at.
  for (std::size_t i = 0; i < named.size(); ++i) {
    const BatchRecipient one = named[i];
    const std::string local = smtp::Address{one.local, one.domain}.local_key();
    auto list = directory.find_list_or_former(local, one.domain);
    if (!list.ok()) return list.error();
    if (!list->has_value()) {
      if (known.insert(local + "@" + one.domain).second) out.push_back(one);
      continue;
    }
    if ((*list)->state != storage::ListState::kOpen || !lists.insert((*list)->id).second) continue;
    ESSAIM_TRY(
        members.for_each((*list)->id, storage::Role::kMember, [&](const storage::MemberRecord& member) {
          if (named.size() == most) return false;
          if (member.has_mail())
            named.push_back({one.member_id != 0 ? member.id : 0, member.local, member.domain});
          return true;
        }));
  }
  return out;
}

Result<std::vector<BatchRecipient>> postmasters(storage::Connection& connection, const Site& site) {
  const BatchRecipient postmaster{0, site.postmaster.local, site.postmaster.domain};
  auto out = people_among(connection, {postmaster}, 0);
  if (out.ok() && out->empty()) out->push_back(postmaster);
  return out;
}

}  // namespace essaim::lists
