#include "lists/templates/spoken.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "lists/templates/catalogue.h"

namespace essaim::lists {
namespace {

#define N_(text) text

// Of languages that we do not speak, and that people answer in whatever they are asked in. Lower case.
constexpr std::array kOfOthers = {
    std::pair{Spoken::kApprove,
              std::string_view("approvare, approvato, goedkeuren, goedgekeurd, aprovar, aprovado, "
                               "godk\303\244nn")},
    std::pair{Spoken::kApproveOnly, std::string_view("s\303\254, sim")},
    std::pair{Spoken::kReject, std::string_view("rifiutare, afwijzen, rejeitar, avsl\303\245")},
    std::pair{Spoken::kRejectOnly, std::string_view("nee, nej, n\303\243o")},
    std::pair{Spoken::kThanks, std::string_view("grazie, bedankt, tack")},
};

using Meanings = std::unordered_map<std::string, std::vector<Spoken>>;

void add(Meanings* meanings, std::string_view words, Spoken meaning) {
  for (const std::string_view word : split(words, ',')) {
    // A word of two languages, as "non", is one.
    std::vector<Spoken>& of = (*meanings)[smtp::local_key_of(trimmed(word))];
    if (std::find(of.begin(), of.end(), meaning) == of.end()) of.push_back(meaning);
  }
}

Meanings meanings_of_all() {
  Meanings out;
  for (const SpokenWords& row : spoken_words())
    for (const std::string& language : languages()) add(&out, translated(language, row.english), row.meaning);
  for (const auto& [meaning, words] : kOfOthers) add(&out, words, meaning);
  return out;
}

}  // namespace

// Answers are read as people write them to people: "OK, I look at it tomorrow", "No objection". What goes to a list cannot be
// called back, so words of everyday decide only if nothing else is said, and only what the question names takes a reason.
const std::vector<SpokenWords>& spoken_words() {
  static const std::vector<SpokenWords> table = {
      {Spoken::kApprove, N_("approve, approved, distribute")},
      {Spoken::kApproveOnly, N_("accept, ok, yes")},
      {Spoken::kReject, N_("reject")},
      {Spoken::kRejected, N_("rejected")},
      {Spoken::kRejectOnly, N_("decline, refuse, no")},
      {Spoken::kBan, N_("ban, block")},
      {Spoken::kThanks, N_("thanks, thank you, many thanks, thx, please")},
      {Spoken::kHelp, N_("help")},
      {Spoken::kSubscribe, N_("subscribe")},
      {Spoken::kUnsubscribe, N_("unsubscribe")},
  };
  return table;
}

#undef N_

bool says(std::string_view words, Spoken meaning) {
  static const Meanings all = meanings_of_all();
  const auto found = all.find(smtp::local_key_of(words));
  return found != all.end() &&
         std::find(found->second.begin(), found->second.end(), meaning) != found->second.end();
}

}  // namespace essaim::lists
