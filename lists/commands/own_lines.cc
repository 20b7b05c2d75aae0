#include "lists/commands/own_lines.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "core/base/text.h"
#include "lists/commands/answer_words.h"

namespace essaim::lists {
namespace {

using Lines = std::vector<std::string_view>;

// Of a line that announces what is quoted: more is a paragraph that somebody wrote. Programs fold after 72 to 78 octets.
constexpr std::size_t kMostFolded = 3;

// What people say stands in the first of them; the rest of a long text is not looked at.
constexpr std::size_t kMostOwnLines = 200;

// How such lines begin.
constexpr auto kQuoting = std::to_array<std::string_view>(
    {"On ", "Le ", "Am ", "El ", "Il ", "Op ", "Em ", "Den ", "W dniu ", "Dnia ", "No dia ", "Dne "});
// And who wrote it, in what they say.
constexpr auto kWrote = std::to_array<std::string_view>(
    {"wrote", "schrieb", "écrit",  "scritto", "escribi",   "schreef", "geschreven", "escreveu",
     "skrev", "pisze",   "napisa", "napsa",   "kirjoitti", "írta",    "yazdı",      "a scris",
     "пишет", "написал", "пише",   "έγραψε",  "写道",      "寫道",    "작성",       "書きました"});

constexpr std::string_view kDigits = "0123456789";

bool is_digit(std::string_view text, std::size_t at) {
  return at < text.size() && kDigits.find(text[at]) != kDigits.npos;
}

// A year of this century, or a time of the day: "2026", "18:52".
bool has_date(std::string_view line) {
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (is_digit(line, i) && (line[i + 1 < line.size() ? i + 1 : i] == ':') && is_digit(line, i + 2))
      return true;
    const bool begins = i == 0 || !is_digit(line, i - 1);
    if (begins && line.substr(i).starts_with("20") && is_digit(line, i + 2) && is_digit(line, i + 3) &&
        !is_digit(line, i + 4))
      return true;
  }
  return false;
}

// With a date, or whose it is: "On Monday, Ann <ann@x.example>", and no sentence ("Den har jag", "On no account").
bool may_announce(std::string_view line) {
  return line.find_first_of("0123456789@<") != line.npos &&
         std::any_of(kQuoting.begin(), kQuoting.end(),
                     [line](std::string_view start) { return line.starts_with(start); });
}

bool ends_with_colon(std::string_view line) {
  return line.ends_with(':') || line.ends_with("\uFF1A");
}

bool says_who_wrote(std::string_view line) {
  return line.find('@') != line.npos ||
         std::any_of(kWrote.begin(), kWrote.end(),
                     [line](std::string_view by) { return line.find(by) != line.npos; });
}

constexpr auto kSent = std::to_array<std::string_view>({"Sent from ",
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
                                                        "Von meinem ",
                                                        "Von meiner ",
                                                        "Gesendet von mein",
                                                        "Gesendet von Mail für ",
                                                        "Gesendet von Outlook",
                                                        "Gesendet mit ",
                                                        "Gesendet über ",
                                                        "Gesendet aus ",
                                                        "Diese Nachricht wurde von mein",
                                                        "Enviado desde ",
                                                        "Enviado con ",
                                                        "Enviado do ",
                                                        "Enviado de ",
                                                        "Enviado a partir d",
                                                        "Enviado via ",
                                                        "Enviado pelo ",
                                                        "Enviada do ",
                                                        "Inviato da ",
                                                        "Inviato dal ",
                                                        "Inviato con ",
                                                        "Verzonden vanaf ",
                                                        "Verzonden vanuit ",
                                                        "Verzonden met ",
                                                        "Verzonden via ",
                                                        "Verstuurd vanaf ",
                                                        "Verstuurd met ",
                                                        "Skickat från ",
                                                        "Skickat med ",
                                                        "Skickades från ",
                                                        "Sendt fra ",
                                                        "Sendt med ",
                                                        "Wysłane z ",
                                                        "Wysłano z ",
                                                        "Odesláno z ",
                                                        "Odoslané z ",
                                                        "Lähetetty ",
                                                        "Trimis de pe ",
                                                        "Отправлено с ",
                                                        "Отправлено из ",
                                                        "Надіслано з ",
                                                        "发自我的",
                                                        "發自我的",
                                                        "從我的",
                                                        "나의 iPhone",
                                                        "Virus-free",
                                                        "Virenfrei",
                                                        "Sans virus",
                                                        "Garanti sans virus",
                                                        "Libre de virus",
                                                        "Livre de vírus",
                                                        "Privo di virus",
                                                        "Virusvrij",
                                                        "Wolny od wirusów"});

// Behind what it is sent from, in a few words: "iPhone'umdan gönderildi", "iPhoneから送信".
constexpr auto kSentBehind =
    std::to_array<std::string_view>({"gesendet", "gönderildi", "から送信", "küldve", "보냄", "sent"});

// What mail programs write under a text. A sentence that says no, or asks, is none, however it begins.
bool is_of_the_program(std::string_view line) {
  const auto begins = [line](std::string_view start) { return starts_with_ignoring_case(line, start); };
  const auto names = [line](std::string_view name) { return line.find(name) != line.npos; };
  const auto words = words_in(line);
  const bool is_short = words.size() <= kLittle;
  // "Outlook für iOS beziehen", "Obtener Outlook para Android", "Hämta Outlook för Mac"; "Get BlueMail for Android".
  const bool is_outlook =
      names("Outlook") && (names("iOS") || names("Android") || names("Mac") || names("aka.ms"));
  const bool is_got =
      is_short && (is_outlook || (begins("Get ") && (names(" for Android") || names(" for iOS"))));
  const bool is_device = is_short && (names("iPhone") || names("iPad")) &&
                         std::any_of(kSentBehind.begin(), kSentBehind.end(), names);
  if (!is_got && !is_device && !std::any_of(kSent.begin(), kSent.end(), begins)) return false;
  return !any_refuses(words) && !asks(line);
}

// A field of what is answered, as a header: "From: Ann", in plain text that was bold "*From:* Ann".
bool is_field(std::string_view line) {
  if (line.starts_with('*')) line.remove_prefix(1);
  for (const std::string_view field :
       {"From:",       "Von:",     "De :",       "De:",      "Da:",      "Van:",       "Fra:",
        "Från:",       "Od:",      "Lähettäjä:", "Feladó:",  "Kimden:",  "De la:",     "От:",
        "Від:",        "Από:",     "差出人:",    "发件人:",  "寄件者:",  "보낸 사람:", "差出人：",
        "发件人：",    "寄件者：", "Gesendet:",  "Sent:",    "Envoyé :", "Envoyé:",    "Enviado:",
        "Enviada em:", "Inviato:", "Verzonden:", "Skickat:", "Sendt:",   "Wysłano:",   "Odesláno:"}) {
    if (line.starts_with(field)) return true;
  }
  return false;
}

// What programs put between an answer and what it answers: "-----Original Message-----", or a line of underscores, as Outlook, or
// ">>> Ann <ann@x.example> 22.11.26 18:52 >>>", as GroupWise. And over a signature, where its "-- " has lost the blank.
bool is_separator(std::string_view line) {
  if (line.size() > 1 && line.find_first_not_of("-_") == line.npos) return true;
  if (line.starts_with(">>> ") && line.ends_with(" >>>")) return true;
  return line.starts_with("-----") || line.starts_with("_____") || line.starts_with("=====");
}

bool is_quoted(std::string_view line) {
  return line.starts_with('>') || line.starts_with('|');
}

// What Outlook makes of a picture: "[cid:image001.png@01DC6271.1A2B3C40]", "[Logo]". But "[no]" is none.
bool is_picture(std::string_view line) {
  if (line.size() < 3 || !line.starts_with('[') || line.find(']') != line.size() - 1) return false;
  if (line.starts_with("[cid:") || line.starts_with("[image: ")) return true;
  const auto words = words_in(line.substr(1, line.size() - 2));
  return !words.empty() && !any_refuses(words) && !begins_with_no(words) && !begins_with_yes(words) &&
         !asks(line.substr(1, line.size() - 2)) && begins_with_capital(line.substr(1));
}

// How many lines from line `i` on announce a quotation behind them; 0: none.
std::size_t announcing(const Lines& lines, std::size_t i) {
  const std::string_view line = trimmed(lines[i]);
  if (is_field(line)) return 1;
  if (!ends_with_colon(line)) {
    const bool is_name = line.ends_with('<') || (line.ends_with('>') && line.find('@') != line.npos);
    const bool starts = may_announce(line);
    if (!starts && !has_date(line)) return 0;
    std::string whole(line);
    for (std::size_t next = i + 1; next < std::min(lines.size(), i + kMostFolded); ++next) {
      const std::string_view more = trimmed(lines[next]);
      if (more.empty() || is_quoted(more)) break;
      whole.append(" ").append(more);
      if (!ends_with_colon(more)) continue;
      // "I do not know who wrote:" goes on with words of its author.
      const auto words = words_in(whole);
      if (std::any_of(words.begin(), words.end(), negates)) break;
      // A line that only begins like one, and the next: "Am Montag, 1.12.\nschrieb Ann:".
      if (says_who_wrote(whole) || (starts && next == i + 1)) return next + 1 - i;
      break;
    }
    return starts && is_name ? 1 : 0;
  }
  if (says_who_wrote(line)) return 1;
  for (++i; i < lines.size(); ++i) {
    if (const std::string_view next = trimmed(lines[i]); !next.empty()) return is_quoted(next) ? 1 : 0;
  }
  return 0;
}

}  // namespace

std::vector<OwnLine> own_lines(std::string_view text) {
  const Lines lines = split(text, '\n');
  std::vector<OwnLine> out;
  bool announced = false, quoted = false, begins = true;
  for (std::size_t i = 0; i < lines.size() && out.size() < kMostOwnLines;) {
    const std::string_view line = trimmed(lines[i]);
    if (is_separator(line)) break;
    std::size_t passed = 1;
    if (is_quoted(line)) {
      quoted = true;
    } else if (const std::size_t announcement = announcing(lines, i); announcement > 0) {
      announced |= !quoted;
      passed = announcement;
    } else if (!line.empty() && !is_picture(line) && !is_of_the_program(line)) {
      if (announced && !quoted) break;
      out.push_back({line, begins, quoted});
      begins = false;
      ++i;
      continue;
    }
    begins = true;
    i += passed;
  }
  return out;
}

}  // namespace essaim::lists
