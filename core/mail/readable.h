// What people read in a message: the text of its parts in UTF-8. For rules on bodies and for commands by mail; what is to
// be passed on is never made from it. Pure functions, linear time; at most kMaxReadDepth levels of multiparts are opened.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/mail/header_block.h"

namespace essaim::mail {

inline constexpr int kMaxReadDepth = 8;

struct LeafText {
  std::string type;                 // "text/plain", in lower case
  std::optional<std::string> text;  // of text/*, decoded; nothing for others and what cannot be decoded
  bool attachment = false;          // it says so
};

// The message's own text, if it is one part of type text/*.
std::optional<std::string> text_of_leaf(const HeaderBlock& header, std::string_view body);

// The parts directly below a multipart (with their multiparts as one entry each); of another message itself.
std::vector<LeafText> parts_of(const HeaderBlock& header, std::string_view body);

// Blanks that are not told from a space by looking at them (U+00A0, as programs write &nbsp; in text/plain) are one; what
// is not seen at all (U+200B, U+FEFF) goes.
std::string with_plain_blanks(std::string_view utf8);

// The first text/plain that is no attachment, wherever it stands; without one that says anything the first text/html as text; ""
// without either. With plain blanks: people wrote it. Of what is signed within the text (RFC 9580 §7) what was signed.
std::string main_text(const HeaderBlock& header, std::string_view body);

// The same of an answer: lines that format=flowed has folded are one again (RFC 3676 §4.2), and what text/html quotes begins with
// "> ". Nothing: it may say something, and cannot be read here, as it is encrypted, wrapped in its signature, or in a format that
// few programs know ("winmail.dat"), or its encoding is broken.
std::optional<std::string> answer_text(const HeaderBlock& header, std::string_view body);

// Tags become line ends or nothing, references their characters; what is not shown (style, script, head) goes.
std::string text_of_html(std::string_view html);

}  // namespace essaim::mail
