// A plain-text footer on a message whose other bytes stay what they are.
//
// What happens, by the type of the whole message:
//   text/plain (any charset, 7bit 8bit QP base64)   the text is appended: in the charset of the message if it
//   can say
//                                                   the footer, else the part becomes UTF-8; re-encoded only
//                                                   if needed
//   multipart/mixed                                 a text/plain part is inserted before the closing boundary
//   anything else (alternative, related, html ...)  wrapped: a new multipart/mixed with the original as its
//   first part,
//                                                   byte for byte, and the footer as its second
//   signed, encrypted, S/MIME, inline PGP           left whole
//   broken MIME (no boundary, no closing one, text that its encoding cannot hold)   left as it is
// A footer that ends the message already is not added again. Header edits are textual. Pure functions, linear
// time.
#pragma once

#include <string>
#include <string_view>

#include "core/mail/header_block.h"

namespace essaim::mail {

enum class FooterOutcome {
  kAppended,
  kPartAdded,
  kWrapped,
  kAlreadyThere,
  kProtected,
  kBroken,
  kNothingToAdd
};

struct FooterResult {
  FooterOutcome outcome;
  std::string body;  // the new body if changed(), else empty: the old one stays
  bool changed() const {
    return outcome == FooterOutcome::kAppended || outcome == FooterOutcome::kPartAdded ||
           outcome == FooterOutcome::kWrapped;
  }
};

// `footer` is UTF-8 text, its lines ended by LF or CRLF. The header is edited only if changed().
FooterResult add_footer(HeaderBlock* header, std::string_view body, std::string_view footer);

// multipart/signed, multipart/encrypted, S/MIME types, and PGP armour in the text (RFC 1847, 3156, 8551, 9580
// §6.2).
bool is_signed_or_encrypted(const HeaderBlock& header, std::string_view body);

}  // namespace essaim::mail
