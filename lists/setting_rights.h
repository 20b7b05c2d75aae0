// Who may change which setting of a list, when it is asked for as a request ("configure"): words and manners are the
// owners'; who may do what and how authors are treated is for privileged owners; what other lists and the server feel is
// for listmasters. The operator changes all. A constant table; pure.
#pragma once

#include <string_view>

#include "lists/requests/request.h"

namespace essaim::lists {

// kOwner, kPrivilegedOwner or kListmaster. Names that nobody knows are listmasters'.
VerbRow::Right right_to_set(std::string_view setting);

}  // namespace essaim::lists
