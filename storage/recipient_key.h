// The key by which batches are searched for a recipient: "domain local", both in their normal form
// (core/smtp/local_key.h). A batch keeps its first and last key, so that most batches are passed over without
// being decoded.
#pragma once

#include <string>

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "storage/records.h"

namespace essaim::storage {

inline std::string recipient_key(const std::string& local, const std::string& domain) {
  return ascii_lowered(domain) + " " + smtp::local_key_of(local);
}
inline std::string recipient_key(const BatchRecipient& recipient) {
  return recipient_key(recipient.local, recipient.domain);
}

}  // namespace essaim::storage
