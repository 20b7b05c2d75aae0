// The tables of shipped scenarios, by what they are about. Internal to lists/scenario.
#pragma once

#include <vector>

#include "lists/scenario/shipped.h"

namespace essaim::lists::scenario {

std::vector<Shipped> shipped_send();        // send.cc: who posts
std::vector<Shipped> shipped_membership();  // membership.cc: joining, leaving, members
std::vector<Shipped> shipped_lists();       // lists.cc: lists, archives, documents, domains

}  // namespace essaim::lists::scenario
