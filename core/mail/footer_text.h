// Footers within a leaf, text or HTML: the inner half of mime_footer.h. Pure functions, linear time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/mail/content_type.h"
#include "core/mail/header_block.h"
#include "core/mail/transfer_encoding.h"

namespace essaim::mail::footer {

struct Words {
  std::string text;  // UTF-8, whole CRLF lines
  std::string html;  // likewise, in ASCII; "": none
  bool in_front = false;
};

enum class Edit {
  kDone,
  kThere,  // already
  kCannot,  // it cannot say the words, is not in the encoding that it names, or nobody knows where they would go
};

// `text` as UTF-8 in whole CRLF lines.
std::string as_lines(std::string_view text);
// HTML in UTF-8 with everything but ASCII as character references, so that it fits into any charset.
std::string as_ascii_html(std::string_view html);

// A text/plain or text/html leaf. kDone: the new body is in *out; the header is changed if it has to be.
Edit edit_text(HeaderBlock* header, std::string_view body, const Words& words, std::string* out);
Edit edit_html(const HeaderBlock& header, std::string_view body, const Words& words, std::string* out);

TransferEncoding encoding_of(const HeaderBlock& header);
// The text as its reader gets it, in its own charset.
std::optional<std::string> decoded(std::string_view body, TransferEncoding encoding);

}  // namespace essaim::mail::footer
