#include "lists/commands/confirmation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "lists/commands/answer_words.h"
#include "lists/commands/own_lines.h"
#include "lists/person_name.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kLongestReason = 500;

constexpr auto kLeaving = std::to_array<std::string_view>(
    {"stop",           "remove",        "delete",       "cancel",           "unsubscribe",   "leave",
     "signoff",        "désabonner",    "abmelden",     "abmeldung",        "austragen",     "löschen",
     "désinscription", "kündigung",     "kündigen",     "kündige",          "austritt",      "abbestellen",
     "abbestellung",   "désabonnement", "désinscrire",  "désinscrivez-moi", "résilier",      "résiliation",
     "supprimer",      "supprimez",     "baja",         "cancelar",         "eliminar",      "disdetta",
     "cancellare",     "cancellazione", "cancellatemi", "disiscrivere",     "disiscrizione", "opzeggen",
     "opzegging",      "afmelden",      "uitschrijven", "verwijderen",      "cancelamento",  "remover",
     "rezygnacja",     "rezygnuję",     "wypisz",       "wypisać",          "usuń",          "usunąć",
     "avregistrera",   "avsluta",       "uppsägning",   "avprenumerera",    "afmeld",        "avmeld"});
// "I did not ask for it", "Not me", "That was not mine".
constexpr auto kAsking = std::to_array<std::string_view>(
    {"ask", "asked", "request", "requested", "wrote", "write", "demandé", "verlangt", "geschrieben"});
constexpr auto kMyself = std::to_array<std::string_view>({"me", "mine", "moi", "ich", "mich", "i"});

// The first paragraph that somebody wrote, without a salutation; "" of one who says yes.
std::string first_words(const std::string& text) {
  std::string out;
  for (const OwnLine& own : own_lines(text)) {
    if (out.size() >= kLongestReason || (own.begins && !out.empty())) break;
    const std::string plain =
        with_plain_marks(with_plain_blanks(std::string(cut_to(own.words, kLongestReason))));
    const std::string_view words = out.empty() ? behind_salutation(plain) : plain;
    if (out.empty() && (says_yes(plain) || says_yes(words))) break;
    if (words.empty()) continue;
    out.append(words).push_back('\n');
  }
  return out;
}

bool says_no_or_asks(std::string_view text) {
  const auto words = words_in(without_no_matter(text));
  return asks(text) || begins_with_no(words) || any_refuses(words);
}

// Of these one says yes wherever it stands, in a few words of which none says no: "I confirm", "Hiermit bestätige ich es", "With pleasure".
constexpr auto kYesAnywhere =
    std::to_array<std::string_view>({"confirm",    "confirmed",     "confirming", "approve",
                                     "approved",   "accept",        "accepted",   "agree",
                                     "agreed",     "gladly",        "pleasure",   "certainly",
                                     "absolutely", "confirme",      "confirmé",   "confirmer",
                                     "accepte",    "accepté",       "j'accepte",  "j’accepte",
                                     "d'accord",   "d’accord",      "volontiers", "plaisir",
                                     "bestätige",  "bestätigt",     "bestätigen", "gern",
                                     "gerne",      "einverstanden", "natürlich",  "selbstverständlich",
                                     "confermo",   "confirmo",      "bevestig",   "potwierdzam",
                                     "подтверждаю"});
// But wishes begin so, too: "Ich wüsste gern, was das ist".
constexpr auto kWishes = std::to_array<std::string_view>(
    {"wonder", "wissen", "wüsste", "wüßte", "erfahren", "fragen", "savoir", "saber"});
// And these in a line of their own; not of who is asked whether they leave.
constexpr auto kYesAlone = std::to_array<std::string_view>(
    {"it was me", "i wrote it", "i wrote this", "subscribe me", "please subscribe me"});
// Within names of people and of where they work.
constexpr auto kWithinNames = std::to_array<std::string_view>(
    {"of",   "the", "and", "for", "at",  "de",    "du",  "des", "la",  "le",  "les", "et",
     "à",    "en",  "von", "vom", "zu",  "und",   "für", "der", "die", "das", "im",  "in",
     "am",   "an",  "di",  "da",  "del", "della", "e",   "i",   "y",   "van", "dr",  "phd",
     "gmbh", "&",   "|",   "/",   "-",   "–",     "—",   "·",   "•",   "*"});

bool is_number_or_address(std::string_view word) {
  return word.find_first_of("0123456789@") != word.npos || word.find("://") != word.npos ||
         starts_with_ignoring_case(word, "www.");
}

constexpr auto kTitles = std::to_array<std::string_view>(
    {"dr", "prof", "professor", "mr", "mrs", "ms", "m", "mme", "herr", "frau", "ing"});
// Somebody who only thanks may go on with what for.
constexpr auto kThanking = std::to_array<std::string_view>(
    {"thank", "thx", "merci", "dank", "grazie", "gracias", "obrigad", "谢", "謝", "감사", "спасибо"});

bool is_name_of(std::string_view line, const std::vector<std::string>& names) {
  line.remove_prefix(std::min(line.find_first_not_of(" \t,;.:!"), line.size()));
  bool found = false;
  for (const std::string& word : words_in(line.substr(0, line.find_first_of(",|(/")))) {
    const bool known = std::find(names.begin(), names.end(), word) != names.end();
    if (!known && !is_among(kTitles, word)) return false;
    found = found || known;
  }
  return found;
}

// "Best regards", "Ann Author, Institute of Nothing", "+49 123": what stands under all of somebody's mail, and mail programs put
// over what they quote. Behind a closing or the author's name it is whatever it says. Else its first line has a name, a number or
// an address in it, and none is a sentence.
bool is_signature(std::string_view text, std::string_view author) {
  const auto names = words_in(author);
  bool known = false, first = true, may_open = true, only_thanks = true;
  for (const std::string_view line : split(text, '\n')) {
    if (trimmed(line).empty()) continue;
    if (!first && !known && !only_thanks) return false;
    bool closes = false;
    std::string_view rest = behind_closing(trimmed(line), &closes);
    const bool bare = closes && words_in(rest).empty();
    const std::string closing = smtp::local_key_of(trimmed(line));
    const bool thanks = closes && std::any_of(kThanking.begin(), kThanking.end(), [&](std::string_view part) {
                          return closing.find(part) != closing.npos;
                        });
    if (may_open) {
      if ((bare && !thanks) || is_name_of(rest, names)) return true;
      may_open = bare;
    }
    // In some languages any word behind a thank may begin with a capital: "Danke, Kündigung".
    known = known || (closes && !thanks);
    only_thanks = only_thanks && bare && thanks;
    first = false;
    while (!rest.empty()) {
      const auto begin = rest.find_first_not_of(" \t,;.:!()");
      if (begin == rest.npos) break;
      rest.remove_prefix(begin);
      const std::string_view word = rest.substr(0, rest.find_first_of(" \t,;"));
      rest.remove_prefix(word.size());
      const auto plain = words_in(word);
      const bool of_author =
          !plain.empty() && std::all_of(plain.begin(), plain.end(), [&names](const std::string& one) {
            return std::find(names.begin(), names.end(), one) != names.end();
          });
      known = known || of_author || is_number_or_address(word);
      if (of_author || is_number_or_address(word) || plain.empty() || is_among(kWithinNames, plain.front()) ||
          begins_with_capital(word))
        continue;
      return false;
    }
  }
  return known || only_thanks;
}

bool is_yes_or_no_matter(std::string_view text) {
  const auto words = words_in(text);
  if (words.empty() || begins_with_yes(words) || words.front() == "auth") return true;
  if (any_nothing(words)) return false;
  const auto any = [&words](const auto& of) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_among(of, word); });
  };
  if (words.size() <= kLittle && any(kYesAnywhere) && !any(kWishes)) return true;
  return without_no_matter(text) != smtp::local_key_of(text);
}

// Of what does not say no.
bool is_yes_or_signature(std::string_view text, std::string_view author) {
  return is_yes_or_no_matter(text) || is_signature(text, author) || is_disclaimer(words_in(text));
}

bool is_yes_alone(std::string_view text, std::string_view author) {
  const auto end = std::min(text.find('\n'), text.size());
  std::string line;
  for (const std::string& word : words_in(text.substr(0, end)))
    line.append(line.empty() ? "" : " ").append(word);
  const std::string_view behind = trimmed(text.substr(end));
  return is_among(kYesAlone, line) && (behind.empty() || is_signature(behind, author));
}

bool stays_or_asks(std::string_view text, std::string_view author) {
  const auto words = words_in(text);
  if (words.empty()) return false;
  if (begins_with_no(words)) return true;
  bool leaves = false, negated = false, asked = false;
  for (std::size_t i = 0; i < words.size(); ++i) {
    asked = asked || is_among(kAsking, words[i]);
    if (negates(words[i])) {
      negated = true;
      asked = asked || (i + 1 < words.size() && is_among(kMyself, words[i + 1]));
    } else if (is_among(kLeaving, words[i])) {
      // "Do not remove me", "Please don't just remove me".
      for (std::size_t before = i - std::min<std::size_t>(i, 3); before < i; ++before) {
        if (negates(words[before])) return true;
      }
      leaves = true;
    }
  }
  if (negated && asked) return true;
  return !leaves && (asks(text) || any_refuses(words) || !is_yes_or_signature(text, author));
}

}  // namespace

std::string first_line(const std::string& text) {
  for (const OwnLine& own : own_lines(text)) {
    // What a mail server appends is under all of the mail.
    if (greets(own.words) || (own.is_behind && is_disclaimer(words_in(own.words)))) continue;
    return std::string(cut_to(own.words, kLongestReason));
  }
  return "";
}

bool confirms(const std::string& text, std::string_view author) {
  const std::string words = first_words(text);
  return !says_no_or_asks(words) && (is_yes_or_signature(words, author) || is_yes_alone(words, author));
}

bool confirms_leaving(const std::string& text, std::string_view author) {
  return !stays_or_asks(first_words(text), author);
}

}  // namespace essaim::lists
