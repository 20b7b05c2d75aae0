#include "lists/facts.h"

#include "storage/member_store.h"

namespace essaim::lists {

Result<Facts> read_facts(storage::Connection& connection, Id list_id, const Incoming& incoming) {
  if (!incoming.author) return Facts{};
  const auto roles = storage::MemberStore(connection).roles(list_id, *incoming.author);
  if (!roles.ok()) return roles.error();
  const auto has = [&roles](storage::Role role) { return (*roles >> static_cast<unsigned>(role) & 1U) != 0; };
  return Facts{has(storage::Role::kMember), has(storage::Role::kOwner), has(storage::Role::kEditor)};
}

}  // namespace essaim::lists
