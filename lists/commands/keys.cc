// Answers by mail to what waits: confirm+KEY, approve+KEY, reject+KEY, ban+KEY, answer+KEY. The key is the authority: who has
// it may answer, from whatever address. A machine's answer counts for nothing.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/base/counters.h"
#include "core/base/text.h"
#include "core/mail/readable.h"
#include "core/smtp/local_key.h"
#include "lists/commands/answer_limit.h"
#include "lists/commands/parse.h"
#include "lists/commands/robot.h"
#include "lists/held/answer.h"
#include "lists/held/prepare.h"
#include "lists/refusal.h"
#include "lists/rules/checks.h"
#include "storage/held_store.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kLongestReason = 500;
constexpr std::string_view kConfirm = "confirm+";  // the address of questions to one person

// What mail programs write under a text, or over one that they quote ("On ..., Ann <ann@x.example>", folded before the
// "wrote:") or pass on ("From: Ann", as a header).
bool is_of_the_program(std::string_view line) {
  for (const std::string_view start :
       {"Sent from my ", "Sent from Outlook", "Envoyé de mon ", "Envoyé depuis ", "Get Outlook for ",
        "Obtenir Outlook pour ", "Télécharger Outlook pour ", "Von meinem ", "Gesendet von mein",
        "Gesendet von Mail für ", "Gesendet von Outlook", "Gesendet mit ", "Diese Nachricht wurde von mein",
        "Enviado desde mi ", "Inviato da "}) {
    if (starts_with_ignoring_case(line, start)) return true;
  }
  for (const std::string_view field : {"From: ", "Von: ", "De : ", "De: "}) {
    if (line.starts_with(field)) return true;
  }
  const bool may_quote = line.starts_with("On ") || line.starts_with("Le ") || line.starts_with("Am ");
  return may_quote && (line.ends_with('<') || (line.ends_with('>') && line.find('@') != line.npos));
}

// The first line that the answerer wrote: not quoted, not the line that announces a quotation, not the signature.
std::string first_line(const std::string& text) {
  for (const std::string_view raw : split(text, '\n')) {
    if (raw == "-- " || raw == "-- \r") break;
    const std::string_view line = trimmed(raw);
    if (line.empty()) continue;
    if (line.front() == '>' || line.front() == '|' || line.ends_with(':') || line.starts_with("-----")) break;
    if (is_of_the_program(line)) break;
    return std::string(line.substr(0, kLongestReason));
  }
  return "";
}

// French puts a no-break space before "!" and ":".
std::string with_plain_blanks(std::string text) {
  for (const std::string_view blank : {"\u00A0", "\u202F"}) replace_all(&text, blank, " ");
  return text;
}

// What stands around words in other languages, as words_in() and asks() know it: "¡No!", "« non »", "いいえ。".
std::string with_plain_marks(std::string text) {
  for (const std::string_view mark : {"\u00A1", "\u00AB", "\u00BB", "\u00BF", "\u2013", "\u2014", "\u201C",
                                      "\u201D", "\u201E", "\u2026", "\u3001", "\u3002", "\uFF01", "\uFF0C"})
    replace_all(&text, mark, ".");
  for (const std::string_view mark : {"\u061F", "\uFF1F"}) replace_all(&text, mark, "?");
  return text;
}

constexpr std::string_view kPunctuation = " \t.,:;!-()\"'";

std::string_view bare(std::string_view text) {
  const auto begin = text.find_first_not_of(kPunctuation);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kPunctuation) + 1 - begin);
}

bool is_courtesy(std::string_view text) {
  for (const std::string_view one :
       {"thanks", "thank you", "many thanks", "thx", "please", "merci", "merci beaucoup"}) {
    if (equals_ignoring_case(text, one)) return true;
  }
  return false;
}

enum class Behind { kNothing, kThanks, kReason };  // what may stand behind a word, besides punctuation
struct Word {
  std::string_view word;
  Verdict verdict;
  Behind behind;
  bool ban = false;
};

// Answers are read as people write them to people: "OK, I look at it tomorrow", "No objection". What goes to a list cannot be
// called back, so words of everyday decide only if nothing else is said, and only what the question names takes a reason.
constexpr std::array kWords = {
    Word{"approve", Verdict::kApprove, Behind::kThanks},
    Word{"approved", Verdict::kApprove, Behind::kThanks},
    Word{"distribute", Verdict::kApprove, Behind::kThanks},
    Word{"approuver", Verdict::kApprove, Behind::kThanks},
    Word{"approuvé", Verdict::kApprove, Behind::kThanks},
    Word{"accepter", Verdict::kApprove, Behind::kThanks},
    Word{"accept", Verdict::kApprove, Behind::kNothing},
    Word{"ok", Verdict::kApprove, Behind::kNothing},
    Word{"yes", Verdict::kApprove, Behind::kNothing},
    Word{"oui", Verdict::kApprove, Behind::kNothing},
    Word{"reject", Verdict::kReject, Behind::kReason},
    Word{"rejeter", Verdict::kReject, Behind::kReason},
    Word{"refuser", Verdict::kReject, Behind::kReason},
    Word{"rejected", Verdict::kReject, Behind::kThanks},
    Word{"decline", Verdict::kReject, Behind::kNothing},
    Word{"refuse", Verdict::kReject, Behind::kNothing},
    Word{"no", Verdict::kReject, Behind::kNothing},
    Word{"non", Verdict::kReject, Behind::kNothing},
    Word{"ban", Verdict::kReject, Behind::kThanks, true},
    Word{"block", Verdict::kReject, Behind::kThanks, true},
    Word{"bloquer", Verdict::kReject, Behind::kThanks, true},
};

// The line for the command robot, which stands in the question as well: "DISTRIBUTE dev KEY".
std::optional<Answer> command_in(std::string_view line, std::string_view key) {
  const Command command = parse_command(line);
  if (command.key != key) return std::nullopt;
  Answer answer;
  answer.quiet = command.quiet;
  switch (command.kind) {
    case CommandKind::kDistribute:
    case CommandKind::kConfirm:
      return command.name.empty() ? std::optional(answer) : std::nullopt;
    case CommandKind::kReject:
    case CommandKind::kDecline:
      answer.verdict = Verdict::kReject;
      answer.reason = command.name;
      return answer;
    default:
      return std::nullopt;
  }
}

// Of the first line of an answer to answer+`key`.
std::optional<Answer> answer_in(std::string line, std::string_view key) {
  line = with_plain_blanks(std::move(line));
  if (auto answer = command_in(line, key)) return answer;
  const std::string_view all = line;
  const auto end = std::min(all.find_first_of(" \t.,:;!"), all.size());
  const std::string_view rest = bare(all.substr(end));
  for (const Word& known : kWords) {
    if (!equals_ignoring_case(all.substr(0, end), known.word)) continue;
    Answer answer;
    answer.verdict = known.verdict;
    answer.ban = known.ban;
    if (rest.empty() || (known.behind != Behind::kNothing && is_courtesy(rest))) return answer;
    if (known.behind != Behind::kReason || rest.front() == '?') return std::nullopt;
    const std::string_view reason = trimmed(all.substr(end));
    answer.reason = std::string(reason.substr(reason.find_first_not_of(" \t.,:;!-")));
    return answer;
  }
  return std::nullopt;
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
constexpr auto kYes = std::to_array<std::string_view>(
    {"yes",       "yep",           "y",         "ok",      "okay",     "oké",    "sure",
     "agreed",    "confirm",       "confirmed", "approve", "approved", "accept", "oui",
     "confirme",  "confirmé",      "accepté",   "ja",      "jo",       "gern",   "gerne",
     "bestätigt", "bestätige",     "si",        "sì",      "sí",       "vale",   "claro",
     "certo",     "sim",           "tak",       "ano",     "áno",      "da",     "igen",
     "kyllä",     "jah",           "evet",      "да",      "так",      "ναι",    "نعم",
     "כן",        "einverstanden", "हाँ",        "是",      "是的",     "好",     "好的",
     "同意",      "确认",          "確認",      "はい",    "네",       "예",     "👍"});
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
    {"delete", "cancel", "wrong", "mistake", "scam", "annuler", "annulez", "erreur", "irrtum", "falsch"});
// It is longer than this, it is about messages, and nobody in it says "I".
constexpr std::size_t kLittle = 8;  // words
constexpr auto kMessages = std::to_array<std::string_view>(
    {"message", "messages", "email", "e-mail", "emails", "e-mails", "mail", "courriel", "courriels",
     "nachricht", "mitteilung", "confidential", "confidentiel", "confidentielle", "vertraulich",
     "vertrauliche", "recipient", "destinataire", "empfänger"});
constexpr auto kOneself =
    std::to_array<std::string_view>({"i", "me", "my", "mine", "je", "moi", "mon", "ma", "mes", "ich", "mir",
                                     "mich", "mein", "meine", "meinen", "meiner"});
constexpr auto kLeaving =
    std::to_array<std::string_view>({"stop", "remove", "delete", "cancel", "unsubscribe", "leave", "signoff",
                                     "désabonner", "abmelden", "austragen"});
// "I did not ask for it", "Not me", "That was not mine".
constexpr auto kAsking = std::to_array<std::string_view>(
    {"ask", "asked", "request", "requested", "wrote", "write", "demandé", "verlangt", "geschrieben"});
constexpr auto kMyself = std::to_array<std::string_view>({"me", "mine", "moi", "ich", "mich", "i"});
constexpr auto kGreetings = std::to_array<std::string_view>(
    {"hello", "hi", "hey", "dear", "good", "bonjour", "bonsoir", "salut", "hallo", "guten", "liebe"});

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

// "Yes", "Ja, gerne!"
bool says_yes(std::string_view line) {
  const auto words = words_in(line);
  return !words.empty() && words.size() <= 3 && is_among(kYes, words.front()) && !asks(line) &&
         !any_refuses(words);
}

// "Hello", "Dear owners,", "To whom it may concern:". What stands behind it counts.
bool is_salutation(std::string_view line) {
  const auto words = words_in(line);
  if (words.empty() || words.size() > 5 || begins_with_no(words) || any_refuses(words)) return false;
  return line.ends_with(',') || line.ends_with('!') || line.ends_with(':') ||
         (is_among(kGreetings, words.front()) && !asks(line));
}

bool is_quoted(std::string_view line) {
  return line.starts_with('>') || line.starts_with('|');
}

// Whether a quotation begins behind line `i`, or behind the next one.
bool announces(const std::vector<std::string_view>& lines, std::size_t i) {
  const std::string_view line = trimmed(lines[i]);
  if (is_of_the_program(line)) return true;
  if (!line.ends_with(':')) {
    const bool begins = line.starts_with("On ") || line.starts_with("Le ") || line.starts_with("Am ");
    return begins && i + 1 < lines.size() && trimmed(lines[i + 1]).ends_with(':');
  }
  for (const std::string_view by : {"wrote", "schrieb", "écrit", "scritto", "escribi", "schreef", "@"}) {
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
    if (lines[i] == "-- " || lines[i] == "-- \r") break;
    const std::string_view line = trimmed(lines[i]);
    if (line.empty() || is_quoted(line)) {
      if (!out.empty()) break;
      quoted |= !line.empty();
      continue;
    }
    if (line.starts_with("-----")) break;
    if (announces(lines, i)) {
      if (!out.empty()) break;
      announced |= !quoted;
      continue;
    }
    if (announced && !quoted) break;
    const std::string plain =
        with_plain_marks(with_plain_blanks(std::string(line.substr(0, kLongestReason))));
    if (out.empty() && says_yes(plain)) break;
    if (out.empty() && is_salutation(plain)) continue;
    out.append(plain).push_back('\n');
  }
  return out;
}

// Answers to confirm+KEY count without a word, and whatever stands there: mail programs put signatures over what they quote. So do
// words that we do not know: they are signatures, and ways to say yes, more often than a no of one language more.
// But whoever is asked about what somebody else wrote in their name, or wants no invitation, says so as one does to people.
bool says_no_or_asks(std::string_view text) {
  const auto words = words_in(without_no_matter(text));
  return asks(text) || begins_with_no(words) || any_refuses(words);
}

// The same of who is asked whether they leave. "Please stop, I do not want it any more" is how one says yes to that, and "I did
// not ask for this" how one says no. In doubt nobody is taken off.
bool stays_or_asks(std::string_view text) {
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
  return !leaves && (asks(text) || any_refuses(words));
}

class KeyPlan : public Plan {
 public:
  KeyPlan(std::shared_ptr<const Target> target, Answer answer, Requester who, PreparedAnswers prepared)
      : Plan(std::move(target)),
        answer_(std::move(answer)),
        who_(std::move(who)),
        prepared_(std::move(prepared)) {}

  std::vector<Body> bodies() const override { return prepared_.bodies(); }

  Result<Committed> commit(const CommitContext& context) const override {
    Committed out;
    out.event = "answer";
    auto held = storage::HeldStore(context.connection).find(target().held_id);
    if (!held.ok()) return held.error();
    if (!held->has_value()) {
      out.words = "nothing waits under this key any more";
      return out;
    }
    WriteContext write{context.services, context.connection, context.now, context.rank};
    write.require_tls = context.submission.require_tls;
    const PreparedAnswers prepared{prepared_.all, context.staged};
    write.prepared = &prepared;
    auto response = answer_held(write, **held, answer_, who_);
    if (!response.ok()) return response.error();
    // What was done shows by itself; what was not, and lists of members, are told.
    const bool tell =
        response->status != Response::Status::kDone || response->text.find('\n') != std::string::npos;
    if (tell && !who_.address.empty()) ESSAIM_TRY(answer(write, **held, *response));
    out.posted = write.posted;
    out.words = "noted as " + format_id(id());
    out.fields = {
        {"held", format_id((*held)->id)}, {"by", who_.address.to_string()}, {"rule", response->rule}};
    return out;
  }

 private:
  Result<void> answer(WriteContext& write, const storage::HeldRecord& held, const Response& response) const {
    auto counted =
        storage::AnswerStore(write.connection).count(ascii_lowered(who_.address.to_string()), write.now);
    if (!counted.ok()) return counted.error();
    if (*counted > kMostAnswers) {
      write.connection.behind_commit([] { count(Counter::kLimitedNotices); });
      return {};
    }
    ServiceMail mail;
    mail.message = "answer";
    mail.list = &target().list;
    mail.language = who_.language;
    mail.to = {recipient_of_mail(who_.address)};
    mail.in_reply_to = who_.in_reply_to;
    auto about = words_about(write, held);
    if (!about.ok()) return about.error();
    mail.values = {{"results", "> " + *about + "\n  " + response.text + "\n"}};
    return send_service_mail(write, mail);
  }

  // What was asked, in the language of who answers.
  Result<std::string> words_about(WriteContext& write, const storage::HeldRecord& held) const {
    if (held.is_post()) return "\"" + escaped_for_display(held.subject, 200) + "\"";
    auto list = list_of(write.connection, held);
    if (!list.ok()) return list.error();
    const auto request = request_of(held.details, *list);
    return request.ok() ? described(*request, who_.language.empty() ? "en" : who_.language) : held.subject;
  }

  Answer answer_;
  Requester who_;
  PreparedAnswers prepared_;
};

Result<PreparedAnswers> prepared_for(const PlanContext& context, const Target& target, const Answer& answer,
                                     const Requester& who) {
  PreparedAnswers out;
  // Those of several would be in memory together.
  if (context.submission.recipients.size() != 1) return out;
  auto held = storage::HeldStore(context.connection).find(target.held_id);
  if (!held.ok()) return held.error();
  if (!held->has_value()) return out;
  WriteContext reading{context.services, context.connection, context.services.clock->wall_now()};
  reading.require_tls = context.submission.require_tls;
  ESSAIM_TRY(prepare_answer(reading, **held, answer, who, &out));
  return out;
}

}  // namespace

Result<Planned> plan_key(const PlanContext& context, std::shared_ptr<const Target> target) {
  // Questions have a null sender and are marked as automatic; a machine that answers them all the same speaks for nobody. It
  // is told by the marks by which commands are refused, those of old answering machines among them.
  if (rules::automatic({context.submission, context.incoming, *target, Facts{}}, "automatic"))
    return Planned{nullptr, refusal(550, "5.7.1", "an automatic answer confirms nothing", "automatic"),
                   "automatic"};
  auto who = requester_of(context, *target);
  if (!who.ok()) return who.error();
  Answer answer;
  const std::string text = mail::main_text(context.incoming.header, context.incoming.body);
  const std::string line = first_line(text);
  switch (target->key_verb) {
    case KeyVerb::kApprove: {
      if (!starts_with_ignoring_case(target->address.local, kConfirm)) break;
      auto held = storage::HeldStore(context.connection).find(target->held_id);
      if (!held.ok()) return held.error();
      const bool to_leave = held->has_value() && verb_named((*held)->detail("verb")) == Verb::kUnsubscribe;
      const std::string words = first_words(text);
      if (!(to_leave ? stays_or_asks(words) : says_no_or_asks(words))) break;
      return Planned{nullptr,
                     refusal(550, "5.6.0",
                             "nothing was confirmed, the answer says no, or asks: to confirm write yes and "
                             "nothing else, or else do nothing",
                             "said-no"),
                     "said-no"};
    }
    case KeyVerb::kReject:
      answer.verdict = Verdict::kReject;
      answer.reason = line;
      break;
    case KeyVerb::kBan:
      answer.verdict = Verdict::kReject;
      answer.ban = true;
      break;
    case KeyVerb::kAnswer: {
      const std::string local = ascii_lowered(target->address.local);
      auto said = answer_in(line, std::string_view(local).substr(local.find('+') + 1));
      if (!said)
        return Planned{
            nullptr,
            refusal(550, "5.6.0", "the first line must be approve, ban, or reject and why", "no-answer"),
            "no-answer"};
      answer = *std::move(said);
      break;
    }
  }
  auto prepared = prepared_for(context, *target, answer, *who);
  if (!prepared.ok()) return prepared.error();
  Planned planned;
  planned.plan =
      std::make_unique<KeyPlan>(std::move(target), std::move(answer), *std::move(who), *std::move(prepared));
  return planned;
}

}  // namespace essaim::lists
