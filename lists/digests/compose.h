// Several posts as one message (RFC 2046 §5.1.5, RFC 1153). Pure functions of what the list sent: the posts come as they were
// rendered for its members, so what the list hides stays hidden. Linear in their size.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/mail/header_block.h"
#include "lists/settings.h"
#include "storage/records.h"

namespace essaim::lists {

// A post in a digest; views point into `message`, which outlives it.
struct DigestEntry {
  mail::HeaderBlock header;
  std::string_view body;
  std::string subject, author, date;  // for people, in UTF-8, one line each
  bool encrypted = false;             // for others than the list: it is named alone
};
// kInvalid: it is no message.
Result<DigestEntry> digest_entry(std::string_view message);

struct Digest {
  const storage::ListRecord& list;
  const ListSettings& settings;
  std::int64_t number = 1;  // of the list's digests
  const std::vector<DigestEntry>& entries;
};

std::string digest_subject(const Digest& digest);
// What there is, and how to have it otherwise: the text of a summary, and the beginning of the others.
std::string digest_contents(const Digest& digest);
// RFC 1153 §3, as text in UTF-8 with LF.
std::string plain_digest(const Digest& digest);
// As compose_notice() would, under the list's own address and without Auto-Submitted: members have asked for it.
struct DigestHead {
  WallTime date{};
  std::string message_id;
};
Result<std::string> compose_digest(storage::Reception reception, const Digest& digest,
                                   const DigestHead& head);

}  // namespace essaim::lists
