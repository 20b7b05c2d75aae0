#include "lists/commands/confirmation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "lists/commands/answer_words.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kLongestReason = 500;

// How the lines begin that announce what is quoted.
constexpr auto kQuoting =
    std::to_array<std::string_view>({"On ", "Le ", "Am ", "El ", "Il giorno ", "Op ", "Em ", "Den "});

// With a date, or whose it is: "On Monday, Ann <ann@x.example>", and no sentence ("Den har jag", "On no account").
bool may_announce(std::string_view line) {
  return line.find_first_of("0123456789@<") != line.npos &&
         std::any_of(kQuoting.begin(), kQuoting.end(),
                     [line](std::string_view start) { return line.starts_with(start); });
}

// What mail programs write under a text, or over one that they quote ("On ..., Ann <ann@x.example>", folded before the
// "wrote:") or pass on ("From: Ann", as a header).
bool is_of_the_program(std::string_view line) {
  for (const std::string_view start : {"Sent from ",
                                       "Sent with ",
                                       "Sent via ",
                                       "Sent using ",
                                       "Envoyé de mon ",
                                       "Envoyé depuis ",
                                       "Envoyé avec ",
                                       "Envoyé via ",
                                       "Envoyé à partir de ",
                                       "Provenance : ",
                                       "Get Outlook for ",
                                       "Obtenir Outlook pour ",
                                       "Télécharger Outlook pour ",
                                       "Outlook für ",
                                       "Holen Sie sich Outlook",
                                       "Von meinem ",
                                       "Gesendet von mein",
                                       "Gesendet von Mail für ",
                                       "Gesendet von Outlook",
                                       "Gesendet mit ",
                                       "Gesendet über ",
                                       "Diese Nachricht wurde von mein",
                                       "Enviado desde ",
                                       "Enviado do ",
                                       "Inviato da ",
                                       "Verzonden vanaf ",
                                       "Verstuurd vanaf ",
                                       "Skickat från ",
                                       "Sendt fra min ",
                                       "Wysłane z ",
                                       "Odesláno z ",
                                       "Отправлено с ",
                                       "Obtener Outlook para ",
                                       "Ottieni Outlook per ",
                                       "Scarica Outlook per ",
                                       "Virus-free",
                                       "Virenfrei",
                                       "Sans virus",
                                       "Garanti sans virus"}) {
    if (starts_with_ignoring_case(line, start)) return true;
  }
  // Programs that make plain text of bold letters write "*From:* Ann".
  const std::string_view bare = line.starts_with('*') ? line.substr(1) : line;
  for (const std::string_view field :
       {"From:", "Von:", "De :", "De:", "Da:", "Van:", "Fra:", "Från:", "Od:"}) {
    if (bare.starts_with(field)) return true;
  }
  return may_announce(line) && (line.ends_with('<') || (line.ends_with('>') && line.find('@') != line.npos));
}

// What programs put between an answer and what it answers: "-----Original Message-----", or a line of underscores, as Outlook.
// And over a signature, where its "-- " has lost the blank.
bool is_separator(std::string_view line) {
  if (line.size() > 1 && line.find_first_not_of("-_") == line.npos) return true;
  return line.starts_with("-----") || line.starts_with("_____") || line.starts_with("=====");
}

constexpr auto kLeaving = std::to_array<std::string_view>(
    {"stop", "remove", "delete", "cancel", "unsubscribe", "leave", "signoff", "désabonner", "abmelden",
     "abmeldung", "austragen", "löschen", "désinscription"});
// "I did not ask for it", "Not me", "That was not mine".
constexpr auto kAsking = std::to_array<std::string_view>(
    {"ask", "asked", "request", "requested", "wrote", "write", "demandé", "verlangt", "geschrieben"});
constexpr auto kMyself = std::to_array<std::string_view>({"me", "mine", "moi", "ich", "mich", "i"});

bool is_quoted(std::string_view line) {
  return line.starts_with('>') || line.starts_with('|');
}

// Whether a quotation begins behind line `i`, or behind the next one.
bool announces(const std::vector<std::string_view>& lines, std::size_t i) {
  const std::string_view line = trimmed(lines[i]);
  if (is_of_the_program(line)) return true;
  if (!line.ends_with(':')) {
    return may_announce(line) && i + 1 < lines.size() && trimmed(lines[i + 1]).ends_with(':');
  }
  for (const std::string_view by : {"wrote", "schrieb", "écrit", "scritto", "escribi", "schreef",
                                    "geschreven", "escreveu", "skrev", "@"}) {
    if (line.find(by) != line.npos) return true;
  }
  for (++i; i < lines.size(); ++i) {
    if (const std::string_view next = trimmed(lines[i]); !next.empty()) return is_quoted(next);
  }
  return false;
}

// The first paragraph that somebody wrote who answers over or under what is quoted, without a salutation; "" of one who says
// yes. A quotation that is not marked as one ends the search: it says what a question says ("If you did not ask for it").
std::string first_words(const std::string& text) {
  const std::vector<std::string_view> lines = split(text, '\n');
  bool announced = false, quoted = false;
  std::string out;
  for (std::size_t i = 0; i < lines.size() && out.size() < kLongestReason; ++i) {
    const std::string_view line = trimmed(lines[i]);
    if (line.empty() || is_quoted(line)) {
      if (!out.empty()) break;
      quoted |= !line.empty();
      continue;
    }
    if (is_separator(line)) break;
    if (announces(lines, i)) {
      if (!out.empty()) break;
      announced |= !quoted;
      continue;
    }
    if (announced && !quoted) break;
    const std::string plain =
        with_plain_marks(with_plain_blanks(std::string(line.substr(0, kLongestReason))));
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
  bool known = false, first = true, may_open = true;
  for (const std::string_view line : split(text, '\n')) {
    if (trimmed(line).empty()) continue;
    if (!first && !known) return false;
    bool closes = false;
    std::string_view rest = behind_closing(trimmed(line), &closes);
    if (may_open) {
      const bool bare = closes && words_in(rest).empty();
      const std::string closing = smtp::local_key_of(trimmed(line));
      const bool thanks = bare && std::any_of(kThanking.begin(), kThanking.end(), [&](std::string_view part) {
                            return closing.find(part) != closing.npos;
                          });
      if ((bare && !thanks) || is_name_of(rest, names)) return true;
      may_open = thanks;
    }
    known = known || closes;
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
  return known;
}

bool is_yes_or_no_matter(std::string_view text) {
  const auto words = words_in(text);
  if (words.empty() || begins_with_yes(words) || words.front() == "auth") return true;
  if (any_nothing(words)) return false;
  if (words.size() <= kLittle && std::any_of(words.begin(), words.end(), [](std::string_view word) {
        return is_among(kYesAnywhere, word);
      }))
    return true;
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
  for (const std::string_view raw : split(text, '\n')) {
    const std::string_view line = trimmed(raw);
    if (line.empty()) continue;
    if (line.front() == '>' || line.front() == '|' || line.ends_with(':') || is_separator(line)) break;
    if (is_of_the_program(line)) break;
    return std::string(line.substr(0, kLongestReason));
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
