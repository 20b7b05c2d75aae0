// Content transfer encodings of bodies (RFC 2045 §6). Decoding is tolerant where readers are, and says when
// the text is not what its encoding allows. Pure functions, linear time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace essaim::mail {

enum class TransferEncoding { kSevenBit, kEightBit, kBinary, kQuotedPrintable, kBase64, kUnknown };

// The value of a Content-Transfer-Encoding field; an empty one is 7bit.
TransferEncoding transfer_encoding_of(std::string_view value);
bool is_identity(TransferEncoding encoding);  // the octets as they are (RFC 2045 §6.2)

// Nothing if the text breaks the rules so that a reader may see something else: "=" before no hexadecimal
// digits, base64 with other characters, with data after its padding, or with missing digits.
std::optional<std::string> decoded_quoted_printable(std::string_view text);
std::optional<std::string> decoded_base64(std::string_view text);

// Text with CRLF line ends, encoded in lines of at most 76 characters. White space at a line's end and "From
// " and "." at its start are encoded, so that nothing on the way can change them, and "-" at the start of a line that is
// none of the text's. Line ends stay line ends.
std::string quoted_printable(std::string_view text);
std::string base64_lines(std::string_view bytes);

}  // namespace essaim::mail
