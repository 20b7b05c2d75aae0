// Encoded words (RFC 2047): the only way to have other than ASCII in a header field. Pure functions, linear
// time.
#pragma once

#include <string>
#include <string_view>

namespace essaim::mail {

// The text of an unstructured value or a phrase in valid UTF-8: white space between neighbouring encoded
// words goes, a character cut over two words of the same charset is put together. Tolerated: encoded words
// that touch other text, spaces and unpadded base64 inside them. Words in charsets nobody knows stay as they
// are; raw 8-bit is taken as UTF-8, else as Windows-1252. A run is neighbouring words of one charset; behind the hundredth
// everything stays as it is, for each run may want a converter made.
std::string decode_encoded_words(std::string_view value);

// As encode_text() writes them.
std::string spaces_for_controls(std::string_view text);

// A value for an unstructured field (Subject, a comment): ASCII words stay, the rest becomes encoded words of
// UTF-8 of at most 75 characters with single spaces between, so that format_field can fold them. Control
// characters become spaces.
std::string encode_text(std::string_view utf8);

// The same for a display name (RFC 2047 §5 (3)): the whole name is encoded if any of it must be. Not quoted
// otherwise.
std::string encode_phrase(std::string_view utf8);

// True if one whole encoded word begins at text[at]; then *length is its length.
bool encoded_word_at(std::string_view text, std::size_t at, std::size_t* length);

}  // namespace essaim::mail
