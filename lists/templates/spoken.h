// Words that people write to us, in their languages: those of moderators, and names of commands by mail. Translators give
// those of their language, by commas; each is understood whatever language the question was in. A constant table; any thread.
#pragma once

#include <string_view>
#include <vector>

namespace essaim::lists {

enum class Spoken {
  kApprove,      // thanks may stand behind it
  kApproveOnly,  // a word of everyday, which decides alone
  kReject,       // the reason may stand behind it
  kRejected,
  kRejectOnly,
  kBan,
  kThanks,
  kHelp,
  kSubscribe,
  kUnsubscribe,
};

struct SpokenWords {
  Spoken meaning;
  std::string_view english;  // "approve, approved"
};
const std::vector<SpokenWords>& spoken_words();

// In any language; case does not matter.
bool says(std::string_view words, Spoken meaning);

}  // namespace essaim::lists
