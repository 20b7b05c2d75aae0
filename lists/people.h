// Who gets what is written with the null reverse-path to owners, moderators, listmasters and the postmaster. Those may be lists of
// this site, and a list takes no such mail: it is for their members. Functions run inside the caller's transaction.
#pragma once

#include <vector>

#include "lists/services.h"
#include "storage/database.h"
#include "storage/records.h"

namespace essaim::lists {

inline constexpr std::size_t kMostOfLists = 200;  // who get such mail because lists have a role

// `named`, with the members who want mail in the place of each list among them, and so on; each person once, and of large
// lists the first. Under the ids of their memberships where the list stood under one, else under 0. A list that is closed
// stands for nobody, and so does the list `of` itself, whose members are not meant to look after it by that.
Result<std::vector<storage::BatchRecipient>> people_among(storage::Connection& connection,
                                                          std::vector<storage::BatchRecipient> named, Id of);

// Never empty.
Result<std::vector<storage::BatchRecipient>> postmasters(storage::Connection& connection, const Site& site);

}  // namespace essaim::lists
