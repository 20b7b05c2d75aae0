#include "lists/commands/parse.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/base/text.h"
#include "core/mail/readable.h"
#include "core/mail/subject.h"
#include "core/smtp/address.h"
#include "core/smtp/idn.h"
#include "lists/templates/spoken.h"

namespace essaim::lists {
namespace {

enum class Form {
  kNone,
  kList,
  kListName,
  kListEmail,
  kListEmailName,
  kListOption,
  kKey,
  kListKey,
  kListRest
};

struct Row {
  std::string_view name;  // with what may be left out in brackets: "SUB[SCRIBE]"
  CommandKind kind;
  Form form;
  std::string_view usage;
};

constexpr std::array kRows = {
    Row{"sub[scribe]", CommandKind::kSubscribe, Form::kListName, "SUBSCRIBE list [name]"},
    Row{"sig[noff]", CommandKind::kUnsubscribe, Form::kListEmail, "SIGNOFF list [address]"},
    Row{"uns[ub]", CommandKind::kUnsubscribe, Form::kListEmail, "UNSUBSCRIBE list [address]"},
    Row{"unsubscribe", CommandKind::kUnsubscribe, Form::kListEmail, "UNSUBSCRIBE list [address]"},
    Row{"add", CommandKind::kAdd, Form::kListEmailName, "ADD list address [name]"},
    Row{"del[ete]", CommandKind::kDelete, Form::kListEmailName, "DEL list address"},
    Row{"inv[ite]", CommandKind::kInvite, Form::kListEmailName, "INVITE list address [name]"},
    Row{"set", CommandKind::kSet, Form::kListOption, "SET list option"},
    Row{"rev[iew]", CommandKind::kReview, Form::kList, "REVIEW list"},
    Row{"who", CommandKind::kReview, Form::kList, "REVIEW list"},
    Row{"inf[o]", CommandKind::kInfo, Form::kList, "INFO list"},
    Row{"sta[ts]", CommandKind::kStats, Form::kList, "STATS list"},
    Row{"rem[ind]", CommandKind::kRemind, Form::kList, "REMIND list"},
    Row{"mod[index]", CommandKind::kModIndex, Form::kList, "MODINDEX list"},
    Row{"modind", CommandKind::kModIndex, Form::kList, "MODINDEX list"},
    Row{"whi[ch]", CommandKind::kWhich, Form::kNone, "WHICH"},
    Row{"status", CommandKind::kWhich, Form::kNone, "WHICH"},
    Row{"lis[ts]", CommandKind::kLists, Form::kNone, "LISTS"},
    Row{"list", CommandKind::kLists, Form::kNone, "LISTS"},
    Row{"hel[p]", CommandKind::kHelp, Form::kNone, "HELP"},
    Row{"sos", CommandKind::kHelp, Form::kNone, "HELP"},
    Row{"ver[ify]", CommandKind::kVerify, Form::kList, "VERIFY list"},
    Row{"con[firm]", CommandKind::kConfirm, Form::kKey, "CONFIRM key"},
    Row{"auth", CommandKind::kConfirm, Form::kKey, "AUTH key"},
    Row{"decline", CommandKind::kDecline, Form::kKey, "DECLINE key"},
    Row{"dis[tribute]", CommandKind::kDistribute, Form::kListKey, "DISTRIBUTE list key [key ...]"},
    Row{"rej[ect]", CommandKind::kReject, Form::kListKey, "REJECT list key [key ...] [reason]"},
    Row{"get", CommandKind::kArchive, Form::kListRest, "GET list file"},
    Row{"las[t]", CommandKind::kArchive, Form::kListRest, "LAST list"},
    Row{"ind[ex]", CommandKind::kArchive, Form::kListRest, "INDEX list"},
};

constexpr int kMostMarks = 3;  // before the command in a subject

// People look for these before they have read anything of ours; the others are in the answer to HELP.
constexpr std::array kTranslated = {
    std::pair{Spoken::kHelp, std::string_view("help")},
    std::pair{Spoken::kSubscribe, std::string_view("subscribe")},
    std::pair{Spoken::kUnsubscribe, std::string_view("unsubscribe")},
};

constexpr std::array<std::string_view, 6> kEnds = {"qui", "quit", "end", "stop", "--", "-"};

// "sub[scribe]" gives "sub" and "subscribe".
std::vector<std::string> spellings(std::string_view pattern) {
  const auto open = pattern.find('[');
  if (open == pattern.npos) return {std::string(pattern)};
  std::string shortest(pattern.substr(0, open));
  std::string whole = shortest + std::string(pattern.substr(open + 1, pattern.size() - open - 2));
  return {std::move(shortest), std::move(whole)};
}

bool names(std::string_view pattern, std::string_view word) {
  for (const std::string& spelling : spellings(pattern)) {
    if (word == spelling) return true;
  }
  return false;
}

std::string_view take_word(std::string_view* rest) {
  *rest = trimmed(*rest);
  const auto end = rest->find_first_of(" \t");
  const std::string_view word = rest->substr(0, end);
  *rest = end == rest->npos ? std::string_view() : trimmed(rest->substr(end));
  return word;
}

// "<a@b.example>", "mailto:a@b.example", and what mail programs put behind: "a@b.example<mailto:a@b.example>".
std::string bare_address(std::string_view word) {
  if (const auto open = word.find('<'); open != word.npos && open > 0) word = word.substr(0, open);
  if (word.starts_with('<')) word.remove_prefix(1);
  if (word.ends_with('>')) word.remove_suffix(1);
  if (starts_with_ignoring_case(word, "mailto:")) word.remove_prefix(7);
  return std::string(word);
}

bool is_address(const std::string& text) {
  return smtp::parse_mailbox(text, smtp::LocalPart::kUtf8).ok();
}

bool is_option(std::string_view word) {
  const auto& known = set_options();
  return std::find(known.begin(), known.end(), word) != known.end();
}

// False: it is badly written.
bool read_arguments(Form form, std::string_view rest, Command* out) {
  if (form == Form::kNone) return true;
  if (form == Form::kKey) {
    out->key = ascii_lowered(take_word(&rest));
    out->name = std::string(rest);
    return !out->key.empty();
  }
  out->list = smtp::kept_address(bare_address(take_word(&rest)));
  if (out->list.empty()) return false;
  switch (form) {
    case Form::kList:
      return rest.empty();
    case Form::kListName:
      out->name = std::string(rest);
      return true;
    case Form::kListEmail:
      out->email = bare_address(take_word(&rest));
      return rest.empty() && (out->email.empty() || is_address(out->email));
    case Form::kListEmailName:
      out->email = bare_address(take_word(&rest));
      out->name = std::string(rest);
      return is_address(out->email);
    case Form::kListOption:
      out->option = ascii_lowered(take_word(&rest));
      return rest.empty() && is_option(out->option);
    case Form::kListKey:
      out->key = ascii_lowered(take_word(&rest));
      if (out->key.ends_with(',')) out->key.pop_back();
      out->name = std::string(rest);
      return !out->key.empty();
    default:
      return true;
  }
}

std::string_view without_quote_marks(std::string_view line) {
  line = trimmed(line);
  while (!line.empty() && (line.front() == '>' || line.front() == '|')) line = trimmed(line.substr(1));
  return line;
}

const Row* row_named(std::string_view word) {
  std::string name = ascii_lowered(word);
  for (const auto& [meaning, english] : kTranslated) {
    if (says(word, meaning)) name = english;
  }
  for (const Row& row : kRows) {
    if (names(row.name, name)) return &row;
  }
  return nullptr;
}

}  // namespace

std::vector<std::vector<std::string>> command_names() {
  std::vector<std::vector<std::string>> out;
  out.reserve(std::size(kRows));
  for (const Row& row : kRows) out.push_back(spellings(row.name));
  return out;
}

const std::vector<std::string_view>& set_options() {
  static const std::vector<std::string_view> all = {
      "mail",    "nomail", "normal", "each", "eachmail", "nodigest", "digest",  "digestplain",
      "summary", "notice", "not_me", "txt",  "html",     "urlize",   "conceal", "noconceal"};
  return all;
}

Command parse_command(std::string_view line) {
  Command out;
  std::string_view rest = trimmed(line);
  out.line = std::string(rest.substr(0, 300));
  std::string_view word = take_word(&rest);
  if (equals_ignoring_case(word, "quiet")) {
    out.quiet = true;
    word = take_word(&rest);
  }
  const Row* row = row_named(word);
  if (row == nullptr) return out;
  out.kind = row->kind;
  out.word = std::string(row->usage.substr(0, row->usage.find(' ')));
  if (!read_arguments(row->form, rest, &out)) {
    out.kind = CommandKind::kBadlyWritten;
    out.usage = row->usage;
    return out;
  }
  if (out.list == "*") {
    switch (out.kind) {
      case CommandKind::kUnsubscribe:
        out.kind = CommandKind::kUnsubscribeAll;
        break;
      case CommandKind::kSet:
        out.kind = CommandKind::kSetAll;
        break;
      case CommandKind::kRemind:
        out.kind = CommandKind::kRemindAll;
        break;
      default:
        out.kind = CommandKind::kBadlyWritten;
        out.usage = row->usage;
    }
  }
  return out;
}

Commands parse_commands(std::string_view subject, std::string_view text, std::string_view own_list) {
  Commands out;
  const auto complete = [&](std::string_view line) {
    std::string whole(line);
    std::string_view rest = line;
    const std::string_view word = take_word(&rest);
    const Row* row = own_list.empty() || !rest.empty() ? nullptr : row_named(word);
    if (row != nullptr && (row->kind == CommandKind::kSubscribe || row->kind == CommandKind::kUnsubscribe))
      whole += " " + std::string(own_list);
    return parse_command(whole);
  };
  std::string bare = mail::with_plain_blanks(mail::base_subject(subject));
  Command first = complete(bare);
  // Servers mark what comes from elsewhere, and the mark stays in an answer: "RE: [EXTERNAL] DISTRIBUTE dev KEY".
  for (int marks = 0; marks < kMostMarks && first.kind == CommandKind::kUnknown && bare.starts_with('[');
       ++marks) {
    const auto end = bare.find(']');
    if (end == bare.npos) break;
    bare = mail::base_subject(trimmed(std::string_view(bare).substr(end + 1)));
    first = complete(bare);
  }
  if (first.kind != CommandKind::kUnknown) {
    out.commands.push_back(std::move(first));
    return out;
  }
  for (const std::string_view raw : split(text, '\n')) {
    if (raw == "-- " || raw == "-- \r") break;
    const std::string_view line = without_quote_marks(raw);
    if (line.empty() || line.front() == '#') continue;
    const std::string lower = ascii_lowered(line);
    bool end = false;
    for (const std::string_view word : kEnds) end = end || lower == word;
    if (end) break;
    if (out.commands.size() >= kMostCommands) {
      out.more = true;
      break;
    }
    out.commands.push_back(complete(line));
    if (out.commands.back().kind == CommandKind::kUnknown) break;
  }
  return out;
}

}  // namespace essaim::lists
