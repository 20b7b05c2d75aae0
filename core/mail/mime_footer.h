// A footer, or a header, on a message whose other bytes stay what they are.
//
// What happens, by the type of the whole message:
//   text/plain (any charset, 7bit 8bit QP base64)   the text is added: in the charset of the message if it
//   can say the
//                                                   words, else the part becomes UTF-8; re-encoded only if
//                                                   needed
//   text/html, multipart/alternative and /related   with `html`: a paragraph before </body> (behind <body>),
//   and the
//                                                   text in the text/plain alternative; of related the root; of an alternative that
//                                                   is mixed, the part as below
//   multipart/mixed                                 the last (the first) part that is no file, by its type as above; where that cannot
//                                                   be done a text/plain part is added as the last (the first) one
//   anything else, and what cannot be done so       wrapped: a new multipart/mixed with the original as one part, byte for byte,
//                                                   and the words as the other; so is text that is not in the encoding that it
//                                                   names, or in one that nobody knows
//   style kMime                                     nobody's text is touched: a part is added, or it is wrapped
//   signed, encrypted, S/MIME, inline PGP           left whole
//   a multipart that says it is encoded, and whose  nothing in it is touched: a part is added, or it is wrapped
//   delimiters are not
//   broken MIME (no boundary, no closing one,       left as it is
//   a type that makes no sense, a type or an
//   encoding said twice)
// What is there already is not added again. Header edits are textual. Pure functions, linear time.
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

enum class FooterPlace { kFooter, kHeader };
enum class FooterStyle { kText, kMime };

struct Footer {
  std::string_view text;    // UTF-8, its lines ended by LF or CRLF
  std::string_view html{};  // UTF-8, a fragment for HTML parts ("<p>...</p>"); "": HTML is not touched
  FooterPlace place = FooterPlace::kFooter;
  FooterStyle style = FooterStyle::kText;
};

// The header is edited only if changed().
FooterResult add_footer(HeaderBlock* header, std::string_view body, const Footer& footer);

// multipart/signed, multipart/encrypted, S/MIME types, and PGP armour in a text, decoded, or in what else is no text (RFC 1847,
// 3156, 8551, 9580 §6.2); also under the types that gateways give to them.
bool is_signed_or_encrypted(const HeaderBlock& header, std::string_view body);

}  // namespace essaim::mail
