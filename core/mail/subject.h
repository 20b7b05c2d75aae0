// The subject tag: "[tag] subject", in replies "Re: [tag] subject" whatever language the reply prefix came
// in. An earlier copy of the tag goes, so it never doubles. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/mail/header_block.h"

namespace essaim::mail {

// The new value for the raw or unfolded value of a Subject field. `tag` comes with its brackets: "[dev]",
// UTF-8. Several reply prefixes in a row (Re, RE[2], Re^3, Aw, Antw, Sv, Vs ... also encoded)
// become one "Re:"; so do Réf, Ref, Rif and Res in front of the tag or of another prefix, and are the author's words else. Encoded words keep their bytes and charset unless a prefix or the tag hides in them:
// those become UTF-8. Without a tag the value comes back as it is, unfolded.
std::string tagged_subject(std::string_view value, std::string_view tag);

// The same on a header; a Subject that is right already keeps its bytes, a missing one is added.
Result<void> tag_subject(HeaderBlock* header, std::string_view tag);

// The decoded subject without reply prefixes, for people and for threads.
std::string base_subject(std::string_view value);

}  // namespace essaim::mail
