// How copies of what a list sends to its members are addressed and how long they are tried: by its settings. Internal to lists/.
#pragma once

#include "lists/recipients.h"
#include "lists/services.h"
#include "storage/records.h"

namespace essaim::lists {

// Fills kind, list, lifetime, mode and envelope sender. The record has its id.
inline void address_copies(const Services& services, const Target& target, WallTime now,
                           storage::PostRecord* post) {
  post->kind = storage::PostKind::kList;
  post->list_id = target.list.id;
  post->list_address = target.list.address();
  post->accepted = now;
  post->expires = later(now, target.settings.expire);
  post->mode = target.settings.envelope;
  if (post->mode == storage::CopyMode::kPersonal) {
    post->envelope_sender = "{verp}@" + target.list.domain;
  } else {
    services.tokens->append_verp(*post, 0, &post->envelope_sender);
    post->envelope_sender += "@" + target.list.domain;
  }
}

}  // namespace essaim::lists
