#include "lists/commands/answer_words.h"

#include "core/base/text.h"
#include "core/smtp/local_key.h"
#include "lists/commands/closings.h"
#include "lists/templates/spoken.h"

namespace essaim::lists {
namespace {

// People answer in their own language whatever they are asked in. These say yes or no in most that are written in mail; what is
// a word of everyday in another language ("nu" in Dutch, "ei" in German) counts only at the beginning. And what moderators say.
constexpr auto kYes = std::to_array<std::string_view>(
    {"yes",       "yep",           "ok",        "okay",   "oké",  "sure",     "agreed",   "confirm",
     "confirmed", "approve",       "approved",  "accept", "oui",  "confirme", "confirmé", "accepté",
     "ja",        "bestätigt",     "bestätige", "sì",     "sí",   "vale",     "claro",    "certo",
     "sim",       "áno",           "kyllä",     "jah",    "evet", "да",       "ναι",      "نعم",
     "כן",        "einverstanden", "हाँ",        "是",     "是的", "好",       "好的",     "同意",
     "确认",      "確認",          "はい",      "네",     "예"});
// Of one or two words. "Da hat jemand", "Si vous", "Y a un", "Igen får jag" begin otherwise, and "Gern wüsste ich" does.
constexpr auto kShortYes =
    std::to_array<std::string_view>({"da", "jo", "si", "tak", "ano", "y", "igen", "так", "gern", "gerne"});
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
    {"delete",        "cancel",         "wrong",         "mistake",       "scam",
     "annuler",       "annulez",        "erreur",        "irrtum",        "falsch",
     "fake",          "forged",         "forgery",       "fraud",         "phishing",
     "betrug",        "fälschung",      "abmelden",      "abmeldung",     "austragen",
     "löschen",       "désinscription", "abgemeldet",    "kündigung",     "kündigen",
     "kündige",       "stornieren",     "stornierung",   "storno",        "storniert",
     "widerruf",      "widerrufe",      "austritt",      "abbestellen",   "abbestellung",
     "unerwünscht",   "missbrauch",     "irrtümlich",    "versehentlich", "résiliation",
     "résilier",      "désabonner",     "désabonnement", "désinscrire",   "désinscrivez-moi",
     "annulation",    "supprimer",      "supprimez",     "arnaque",       "indésirable",
     "anular",        "cancelar",       "cancelación",   "eliminar",      "equivocado",
     "estafa",        "error",          "disdetta",      "cancellare",    "cancellazione",
     "cancellatemi",  "disiscrivere",   "disiscrizione", "errore",        "sbagliato",
     "truffa",        "opzeggen",       "opzegging",     "afmelden",      "uitschrijven",
     "vergissing",    "verkeerd",       "verwijderen",   "oplichting",    "cancelamento",
     "remover",       "engano",         "golpe",         "fraude",        "rezygnacja",
     "rezygnuję",     "wypisz",         "wypisać",       "usuń",          "usunąć",
     "pomyłka",       "oszustwo",       "avregistrera",  "avsluta",       "uppsägning",
     "avprenumerera", "misstag",        "bedrägeri",     "afmeld",        "avmeld",
     "fejl"});
// It is longer than this, it is about messages, and nobody in it says "I".
constexpr auto kMessages = std::to_array<std::string_view>(
    {"message", "messages", "email", "e-mail", "emails", "e-mails", "mail", "courriel", "courriels",
     "nachricht", "mitteilung", "confidential", "confidentiel", "confidentielle", "vertraulich",
     "vertrauliche", "recipient", "destinataire", "empfänger"});
constexpr auto kOneself =
    std::to_array<std::string_view>({"i", "me", "my", "mine", "je", "moi", "mon", "ma", "mes", "ich", "mir",
                                     "mich", "mein", "meine", "meinen", "meiner"});
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

// "Acepto, muchas gracias"
bool approves(const std::vector<std::string>& words) {
  std::string behind;
  for (std::size_t i = 1; i < words.size(); ++i) behind.append(i > 1 ? " " : "").append(words[i]);
  return (behind.empty() || says(behind, Spoken::kThanks)) &&
         (says(words.front(), Spoken::kApprove) || says(words.front(), Spoken::kApproveOnly));
}

// Servers decline to be liable for what they pass on, too.
bool rejects(std::string_view word) {
  return says(word, Spoken::kReject) || says(word, Spoken::kRejected) || says(word, Spoken::kRejectOnly);
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

}  // namespace

std::string with_plain_marks(std::string text) {
  for (const std::string_view mark : {"\u00A1", "\u00AB", "\u00BB", "\u00BF", "\u2013", "\u2014", "\u201C",
                                      "\u201D", "\u201E", "\u2026", "\u3001", "\u3002", "\uFF01", "\uFF0C"})
    replace_all(&text, mark, ".");
  for (const std::string_view mark : {"\u061F", "\uFF1F"}) replace_all(&text, mark, "?");
  return text;
}

std::string with_plain_blanks(std::string text) {
  for (const std::string_view blank : {"\u00A0", "\u202F"}) replace_all(&text, blank, " ");
  return text;
}

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

bool negates(std::string_view word) {
  return is_among(kNegations, word) || word.ends_with("n't") || word.ends_with("n\u2019t");
}

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
    return refuses(word) || (mistakes_count && (is_among(kMistakes, word) || rejects(word)));
  });
}

bool begins_with_no(const std::vector<std::string>& words) {
  return !words.empty() && (is_among(kNo, words.front()) || is_among(kFirstNo, words.front()));
}

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
         (words.size() <= 2 && is_among(kShortYes, words.front())) ||
         (words.size() <= kLittle && approves(words));
}

bool says_yes(std::string_view line) {
  const auto words = words_in(line);
  return words.size() <= 3 && begins_with_yes(words) && !asks(line) && !any_refuses(words);
}

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

std::string_view behind_salutation(std::string_view line) {
  for (auto comma = line.find(','); comma != line.npos; comma = line.find(',')) {
    if (!greets(line.substr(0, comma)) || !is_salutation(line.substr(0, comma + 1))) break;
    line = trimmed(line.substr(comma + 1));
  }
  return is_salutation(line) ? std::string_view() : line;
}

}  // namespace essaim::lists
