#include "lists/facts.h"

#include <utility>

#include "storage/member_store.h"

namespace essaim::lists {

Result<Facts> read_facts(storage::Connection& connection, Id list_id, const Incoming& incoming) {
  Facts facts;
  if (!incoming.author) return facts;
  storage::MemberStore members(connection);
  for (const auto& [role, fact] :
       {std::pair{storage::Role::kMember, &Facts::member}, std::pair{storage::Role::kOwner, &Facts::owner},
        std::pair{storage::Role::kEditor, &Facts::editor}}) {
    auto found = members.find(list_id, role, *incoming.author);
    if (!found.ok()) return found.error();
    facts.*fact = found->has_value();
  }
  return facts;
}

}  // namespace essaim::lists
