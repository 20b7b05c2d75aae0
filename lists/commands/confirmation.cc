#include "lists/commands/confirmation.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "lists/commands/closings.h"

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

// What stands around words in other languages, as words_in() and asks() know it: "¡No!", "« non »", "いいえ。".
std::string with_plain_marks(std::string text) {
  for (const std::string_view mark : {"\u00A1", "\u00AB", "\u00BB", "\u00BF", "\u2013", "\u2014", "\u201C",
                                      "\u201D", "\u201E", "\u2026", "\u3001", "\u3002", "\uFF01", "\uFF0C"})
    replace_all(&text, mark, ".");
  for (const std::string_view mark : {"\u061F", "\uFF1F"}) replace_all(&text, mark, "?");
  return text;
}

// Words in lower case, without punctuation.
std::vector<std::string> words_in(std::string_view text) {
  constexpr std::string_view kBetween = " \t\r\n.,:;!?()\"*";
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(kBetween, at), text.size());
    if (end > at) out.push_back(smtp::local_key_of(text.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

template <std::size_t N>
bool is_among(const std::array<std::string_view, N>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// People answer in their own language whatever they are asked in. These say yes or no in most that are written in mail; what is
// a word of everyday in another language ("nu" in Dutch, "ei" in German) counts only at the beginning.
constexpr auto kYes = std::to_array<std::string_view>({"yes",       "yep",     "y",
                                                       "ok",        "okay",    "oké",
                                                       "sure",      "agreed",  "confirm",
                                                       "confirmed", "approve", "approved",
                                                       "accept",    "oui",     "confirme",
                                                       "confirmé",  "accepté", "ja",
                                                       "gern",      "gerne",   "bestätigt",
                                                       "bestätige", "sì",      "sí",
                                                       "vale",      "claro",   "certo",
                                                       "sim",       "áno",     "igen",
                                                       "kyllä",     "jah",     "evet",
                                                       "да",        "так",     "ναι",
                                                       "نعم",       "כן",      "einverstanden",
                                                       "हाँ",        "是",      "是的",
                                                       "好",        "好的",    "同意",
                                                       "确认",      "確認",    "はい",
                                                       "네",        "예"});
// Of one or two words. "Da hat jemand", "Si vous" begin otherwise.
constexpr auto kShortYes = std::to_array<std::string_view>({"da", "jo", "si", "tak", "ano"});
// "I accept nothing" is no yes; the Institute of Nothing may sign one.
constexpr auto kNothing = std::to_array<std::string_view>({"nothing", "nobody", "none"});
constexpr auto kNo = std::to_array<std::string_view>(
    {"no",    "nope",  "non",   "nein", "niet", "nee", "nej", "não", "nie", "nem", "hayır", "hayir",
     "tidak", "bukan", "không", "нет",  "ні",   "όχι", "οχι", "لا",  "نه",  "לא",  "नहीं"});
constexpr auto kFirstNo = std::to_array<std::string_view>({"ne", "nei", "nu", "ei", "nē"});
constexpr auto kNegations = std::to_array<std::string_view>(
    {"not",     "never", "cannot", "pas",     "jamais", "rien", "aucun", "aucune", "nicht", "nichts",
     "niemals", "kein",  "keine",  "keinen",  "keiner", "geen", "nooit", "inte",   "ikke",  "ekki",
     "aldrig",  "aldri", "nunca",  "jamás",   "nigdy",  "není", "nije",  "nisam",  "nisem", "nincs",
     "değil",   "degil", "не",     "никогда", "δεν",    "ليس",  "لم",    "نیست"});
// Of languages without blanks between words.
constexpr auto kNegatingParts = std::to_array<std::string_view>(
    {"不", "没", "沒", "いいえ", "ません", "ではな", "じゃな", "違い", "아니", "않", "ไม่"});
constexpr auto kRefusals =
    std::to_array<std::string_view>({"decline", "declined", "refuse", "refused", "reject", "rejected", "stop",
                                     "remove", "spam", "refuser", "rejeter", "unsubscribe"});
// But not of what mail servers write under a text: that who got this message by mistake is to delete it.
constexpr auto kMistakes = std::to_array<std::string_view>(
    {"delete",    "cancel",   "wrong",     "mistake",   "scam",    "annuler",       "annulez",  "erreur",
     "irrtum",    "falsch",   "fake",      "forged",    "forgery", "fraud",         "phishing", "betrug",
     "fälschung", "abmelden", "abmeldung", "austragen", "löschen", "désinscription"});
// It is longer than this, it is about messages, and nobody in it says "I".
constexpr std::size_t kLittle = 8;  // words
constexpr auto kMessages = std::to_array<std::string_view>(
    {"message", "messages", "email", "e-mail", "emails", "e-mails", "mail", "courriel", "courriels",
     "nachricht", "mitteilung", "confidential", "confidentiel", "confidentielle", "vertraulich",
     "vertrauliche", "recipient", "destinataire", "empfänger"});
constexpr auto kOneself =
    std::to_array<std::string_view>({"i", "me", "my", "mine", "je", "moi", "mon", "ma", "mes", "ich", "mir",
                                     "mich", "mein", "meine", "meinen", "meiner"});
constexpr auto kLeaving = std::to_array<std::string_view>(
    {"stop", "remove", "delete", "cancel", "unsubscribe", "leave", "signoff", "désabonner", "abmelden",
     "abmeldung", "austragen", "löschen", "désinscription"});
// "I did not ask for it", "Not me", "That was not mine".
constexpr auto kAsking = std::to_array<std::string_view>(
    {"ask", "asked", "request", "requested", "wrote", "write", "demandé", "verlangt", "geschrieben"});
constexpr auto kMyself = std::to_array<std::string_view>({"me", "mine", "moi", "ich", "mich", "i"});
constexpr auto kGreetings = std::to_array<std::string_view>(
    {"hello", "hi",    "hey",    "dear",     "good",  "bonjour", "bonsoir", "salut",
     "cher",  "chère", "madame", "monsieur", "hallo", "guten",   "liebe",   "lieber",
     "sehr",  "moin",  "servus", "hola",     "ciao",  "olá"});
// Behind them, other than names.
constexpr auto kGreeted = std::to_array<std::string_view>(
    {"all",       "everybody",  "everyone", "there",   "team",     "list", "owner",    "owners",
     "moderator", "moderators", "sir",      "madam",   "and",      "or",   "again",    "morning",
     "afternoon", "evening",    "day",      "geehrte", "geehrter", "und",  "zusammen", "et",
     "à",         "tous",       "toutes",   "a",       "todos",    "tutti"});

bool negates(std::string_view word) {
  return is_among(kNegations, word) || word.ends_with("n't") || word.ends_with("n\u2019t");
}

bool refuses(std::string_view word) {
  return is_among(kNo, word) || is_among(kRefusals, word) || negates(word) ||
         std::any_of(kNegatingParts.begin(), kNegatingParts.end(),
                     [word](std::string_view part) { return word.find(part) != word.npos; });
}

// "No problem", "no mistake": what says no in them says nothing of the question.
constexpr auto kNoMatter = std::to_array<std::string_view>({"no problem",
                                                            "no worries",
                                                            "no objection",
                                                            "pas de problème",
                                                            "aucun problème",
                                                            "kein problem",
                                                            "geen probleem",
                                                            "no hay problema",
                                                            "nie ma problemu",
                                                            "нет проблем",
                                                            "問題ありません",
                                                            "問題ございません",
                                                            "問題はありません",
                                                            "問題ないです",
                                                            "間違いありません",
                                                            "間違いございません",
                                                            "間違いないです",
                                                            "構いません",
                                                            "かまいません",
                                                            "差し支えありません",
                                                            "没问题",
                                                            "没有问题",
                                                            "沒問題",
                                                            "沒有問題",
                                                            "没错",
                                                            "沒錯"});
// "Is there a problem?", with or without a mark.
constexpr auto kWhether = std::to_array<std::string_view>({"有没有", "有沒有"});

std::string without_no_matter(std::string_view text) {
  std::string out = smtp::local_key_of(text);
  for (const std::string_view asked : kWhether)
    if (out.find(asked) != out.npos) return out;
  for (const std::string_view one : kNoMatter) replace_all(&out, one, ".");
  return out;
}

bool is_disclaimer(const std::vector<std::string>& words) {
  const auto any = [&words](const auto& of) {
    return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return is_among(of, word); });
  };
  return words.size() > kLittle && any(kMessages) && !any(kOneself);
}

bool any_refuses(const std::vector<std::string>& words) {
  const bool mistakes_count = !is_disclaimer(words);
  return std::any_of(words.begin(), words.end(), [mistakes_count](std::string_view word) {
    return refuses(word) || (mistakes_count && is_among(kMistakes, word));
  });
}

bool begins_with_no(const std::vector<std::string>& words) {
  return !words.empty() && (is_among(kNo, words.front()) || is_among(kFirstNo, words.front()));
}

// Not of what has a question mark within, as links do.
bool asks(std::string_view text) {
  for (auto at = text.find('?'); at != text.npos; at = text.find('?', at + 1)) {
    if (at + 1 == text.size() || std::string_view(" \t\r\n?!)\"*").find(text[at + 1]) != text.npos)
      return true;
  }
  return false;
}

bool any_nothing(const std::vector<std::string>& words) {
  return std::any_of(words.begin(), words.end(),
                     [](std::string_view word) { return is_among(kNothing, word); });
}

// A thumb comes in several colours.
bool begins_with_yes(const std::vector<std::string>& words) {
  if (words.empty() || any_nothing(words)) return false;
  return is_among(kYes, words.front()) || words.front().starts_with("👍") ||
         (words.size() <= 2 && is_among(kShortYes, words.front()));
}

// "Yes", "Ja, gerne!"
bool says_yes(std::string_view line) {
  const auto words = words_in(line);
  return words.size() <= 3 && begins_with_yes(words) && !asks(line) && !any_refuses(words);
}

// Behind a closing at the beginning of the line; all of it where there is none.
std::string_view behind_closing(std::string_view line, bool* closes) {
  for (const std::string_view one : kClosings) {
    // Lower case of ASCII and of Latin letters is as long as the other.
    if (line.size() < one.size() || smtp::local_key_of(line.substr(0, one.size())) != one) continue;
    const std::string_view rest = line.substr(one.size());
    if (!rest.empty() && std::string_view(" ,.!;:").find(rest.front()) == std::string_view::npos) continue;
    *closes = true;
    return rest;
  }
  return line;
}

bool begins_with_capital(std::string_view word) {
  const auto begin = word.find_first_not_of("(\"'");
  if (begin == word.npos) return true;
  word.remove_prefix(begin);
  // Of a letter in several octets the first two tell it from its small one, where there is one.
  const std::size_t letter = static_cast<unsigned char>(word.front()) < 0x80 ? 1 : 2;
  return smtp::local_key_of(word).substr(0, letter) != word.substr(0, letter);
}

// Whether nothing but whom it greets is behind the first word.
bool greets(std::string_view line) {
  bool greeting = true;
  for (const std::string_view word : split(line, ' ')) {
    const auto plain = words_in(word);
    if (plain.empty()) continue;
    if (greeting ? !is_among(kGreetings, plain.front())
                 : !is_among(kGreeted, plain.front()) && !begins_with_capital(word))
      return false;
    greeting = false;
  }
  return !greeting;
}

// "Hello", "Dear owners,", "Ann,", "To whom it may concern:". What stands behind it counts. "Leave me alone!" is none.
bool is_salutation(std::string_view line) {
  const auto words = words_in(line);
  bool closes = false;
  behind_closing(line, &closes);
  if (closes || words.empty() || words.size() > 5 || begins_with_no(words) || any_refuses(words) ||
      asks(line))
    return false;
  if (line.ends_with(':')) return true;
  const bool ends = line.ends_with(',') || line.ends_with('!');
  if (is_among(kGreetings, words.front())) return (ends || words.size() <= 3) && greets(line);
  return line.ends_with(',') && words.size() <= 2;
}

// "Yes" of "Hello owners, yes"; of a salutation nothing.
std::string_view behind_salutation(std::string_view line) {
  for (auto comma = line.find(','); comma != line.npos; comma = line.find(',')) {
    if (!greets(line.substr(0, comma)) || !is_salutation(line.substr(0, comma + 1))) break;
    line = trimmed(line.substr(comma + 1));
  }
  return is_salutation(line) ? std::string_view() : line;
}

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

std::string with_plain_blanks(std::string text) {
  for (const std::string_view blank : {"\u00A0", "\u202F"}) replace_all(&text, blank, " ");
  return text;
}

bool confirms(const std::string& text, std::string_view author) {
  const std::string words = first_words(text);
  return !says_no_or_asks(words) && (is_yes_or_signature(words, author) || is_yes_alone(words, author));
}

bool confirms_leaving(const std::string& text, std::string_view author) {
  return !stays_or_asks(first_words(text), author);
}

}  // namespace essaim::lists
