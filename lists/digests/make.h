// A digest as a post of its list, ready to be stored: with the list's fields, address to leave by and signature as any post has
// them. Internal to lists/. Pure but for the keys, which the services give.
#pragma once

#include "lists/digests/compose.h"
#include "lists/handlers/handler.h"
#include "lists/services.h"

namespace essaim::lists {

struct ReadyDigest {
  storage::PostRecord post;  // without revision, priority and expansion, which are those of the commit
  Rendered rendered;
};
Result<ReadyDigest> make_digest(const Services& services, const Target& target, storage::Reception reception,
                                const Digest& digest, Id id, WallTime now);

}  // namespace essaim::lists
