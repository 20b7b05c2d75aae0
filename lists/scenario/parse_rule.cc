#include "lists/scenario/parse_rule.h"

#include <array>

#include "core/base/text.h"

namespace essaim::lists::scenario {
namespace {

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

std::optional<Complaint> read_auths(Cursor* cursor, AuthSet* auths) {
  for (;;) {
    cursor->skip_space();
    if (cursor->line.substr(cursor->at).starts_with("->")) break;
    const std::size_t at = cursor->at;
    const auto word = cursor->take_while(is_name);
    if (word.empty()) return Complaint{at, "\"->\" and an action are expected behind condition and levels"};
    const auto auth = parse_auth(word);
    if (!auth)
      return Complaint{at, "there is no authentication level '" + std::string(word) +
                               "'; there are: smtp, dkim, md5, smtp_auth, smime"};
    auths->add(*auth);
    cursor->skip_space();
    cursor->take(',');
  }
  if (auths->empty()) auths->add(Auth::kSmtp);
  return std::nullopt;
}

constexpr std::array kKinds = {ActionKind::kDoIt,       ActionKind::kReject,    ActionKind::kRequestAuth,
                               ActionKind::kOwner,      ActionKind::kEditorKey, ActionKind::kEditor,
                               ActionKind::kListmaster, ActionKind::kHam,       ActionKind::kSpam,
                               ActionKind::kUnsure};

std::optional<ActionKind> kind_named(std::string_view word) {
  for (const ActionKind kind : kKinds) {
    if (equals_ignoring_case(word, to_string(kind))) return kind;
  }
  return std::nullopt;
}

bool may_follow_confirmation(ActionKind kind) {
  return kind == ActionKind::kOwner || kind == ActionKind::kEditor || kind == ActionKind::kEditorKey ||
         kind == ActionKind::kListmaster || kind == ActionKind::kDoIt;
}

// One parameter: value or name=value, quoted or not.
std::optional<Complaint> read_parameter(Cursor* cursor, Action* action) {
  cursor->skip_space();
  const std::size_t at = cursor->at;
  const auto value_here = [cursor](std::string* out) -> std::optional<Complaint> {
    cursor->skip_space();
    const char quote = cursor->peek();
    if (quote == '\'' || quote == '"') {
      ++cursor->at;
      *out = std::string(cursor->take_while([quote](char c) { return c != quote; }));
      if (!cursor->take(quote)) return Complaint{cursor->at, "the closing quote is missing"};
      return std::nullopt;
    }
    *out = std::string(trimmed(cursor->take_while([](char c) { return c != ',' && c != ')' && c != '#'; })));
    return std::nullopt;
  };
  std::string name;
  Cursor ahead = *cursor;
  const auto word = ahead.take_while(is_name);
  ahead.skip_space();
  if (!word.empty() && ahead.take('=')) {
    name = ascii_lowered(word);
    *cursor = ahead;
  }
  std::string value;
  if (auto complaint = value_here(&value)) return complaint;
  if (action->kind == ActionKind::kReject) {
    if (name == "reason") {
      action->reason = value;
    } else if (name == "tt2" || name.empty()) {
      if (value.ends_with(".tt2")) value.resize(value.size() - 4);
      action->reject_template = value;
    } else {
      return Complaint{at, "reject takes reason='...' or tt2='...'"};
    }
    if (value.empty()) return Complaint{at, "the reason is empty"};
    return std::nullopt;
  }
  if (action->kind == ActionKind::kRequestAuth && name.empty()) {
    if (value == "[email]" || value == "email") {
      action->confirmed_by_email = true;
      return std::nullopt;
    }
    if (value == "[sender]" || value == "sender" || value.empty()) return std::nullopt;
    return Complaint{at, "request_auth asks [sender] or [email]"};
  }
  if (value.empty() && name.empty()) return std::nullopt;
  return Complaint{at, std::string(to_string(action->kind)) + " takes no parameters"};
}

std::optional<Complaint> read_action(Cursor* cursor, Action* action) {
  cursor->skip_space();
  const std::size_t at = cursor->at;
  const auto word = cursor->take_while(is_name);
  const auto kind = kind_named(word);
  if (!kind) {
    std::string known;
    for (const ActionKind one : kKinds) known += (known.empty() ? "" : ", ") + std::string(to_string(one));
    return Complaint{at, word.empty()
                             ? "an action is expected: " + known
                             : "there is no action '" + std::string(word) + "'; there are: " + known};
  }
  action->kind = *kind;
  if (cursor->take('(')) {
    do {
      if (auto complaint = read_parameter(cursor, action)) return complaint;
      cursor->skip_space();
    } while (cursor->take(','));
    if (!cursor->take(')')) return Complaint{cursor->at, "a closing parenthesis is expected"};
  }
  for (;;) {
    cursor->skip_space();
    if (!cursor->take(',')) return std::nullopt;
    cursor->skip_space();
    const std::size_t here = cursor->at;
    const std::string modifier = ascii_lowered(cursor->take_while(is_name));
    if (modifier == "notify") {
      action->notify = true;
    } else if (modifier == "quiet") {
      action->quiet = true;
    } else if (const auto then = kind_named(modifier); then && action->kind == ActionKind::kRequestAuth &&
                                                       may_follow_confirmation(*then) && !action->then) {
      action->then = *then;
    } else {
      return Complaint{
          here, "'" + modifier + "' cannot stand behind " + to_string(action->kind) +
                    ": notify, quiet, and behind request_auth one of owner, editor, editorkey, listmaster"};
    }
  }
}

}  // namespace

std::optional<Complaint> read_rule(std::string_view line, Rule* rule) {
  Cursor cursor{line};
  if (auto complaint = read_condition(&cursor, &rule->condition)) return complaint;
  if (auto complaint = read_auths(&cursor, &rule->auths)) return complaint;
  cursor.take("->");
  if (auto complaint = read_action(&cursor, &rule->action)) return complaint;
  cursor.skip_space();
  rule->text = std::string(trimmed(line.substr(0, cursor.at)));
  if (!cursor.end() && cursor.peek() != '#') return Complaint{cursor.at, "nothing may follow the action"};
  return std::nullopt;
}

}  // namespace essaim::lists::scenario
