// SPF records (RFC 7208 §4.6, §12) before libspf2 sees them: the grammar is checked here, strictly, and what is passed on
// is reduced to what libspf2 of Debian 12 can be trusted with.
//
// - ip4 and ip6 that do not match the client are left out: they decide nothing, and libspf2 has 511 octets for all
//   mechanisms of a record.
// - exp= and unknown modifiers are left out: we give no explanations.
// - A domain-spec whose parts could come near the end of the buffer they are compiled into is refused: the check there
//   is wrong by the size of a part's head and underflows (CVE-2023-42118, not fixed in 1.2.10-7.2). So are more
//   characters of a macro than any real record has.
// Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"

namespace essaim::mailauth {

inline constexpr std::size_t kMaxSpfRecord = 4096;

// True for texts that are meant as SPF records (§4.5).
bool is_spf_record(std::string_view text);

// kInvalid says what is wrong (permerror). `client`: address of the client, as text.
Result<std::string> reduced_spf_record(std::string_view text, std::string_view client);

}  // namespace essaim::mailauth
