// How answers by mail are read that people write to confirm+KEY, and the first line of others. Pure functions; linear time.
#pragma once

#include <string>
#include <string_view>

namespace essaim::lists {

// The first line that the answerer wrote, over or under what is quoted: no salutation, no signature; at most 500 octets.
std::string first_line(const std::string& text);

// Whether an answer confirms: what its author wrote, apart from what is quoted, is nothing, or says yes and does not say no, or is
// what stands under all of their mail. What is not understood confirms nothing. `author`: the name and address in From, by which a
// signature is known.
bool confirms(const std::string& text, std::string_view author);
// The same of who is asked whether they leave. "Please stop, I do not want it any more" is how one says yes to that, and "I did
// not ask for this" how one says no. In doubt nobody is taken off.
bool confirms_leaving(const std::string& text, std::string_view author);

}  // namespace essaim::lists
