#include <array>

#include "core/base/text.h"
#include "lists/scenario/parse_rule.h"

namespace essaim::lists::scenario {
namespace {

struct KnownCondition {
  std::string_view name;
  ConditionKind kind;
  std::size_t least, most;  // arguments
};
constexpr std::array kConditions = {
    KnownCondition{"true", ConditionKind::kTrue, 0, 0},
    KnownCondition{"all", ConditionKind::kTrue, 0, 0},
    KnownCondition{"any", ConditionKind::kTrue, 0, 0},
    KnownCondition{"equal", ConditionKind::kEqual, 2, 2},
    KnownCondition{"match", ConditionKind::kMatch, 2, 2},
    KnownCondition{"less_than", ConditionKind::kLessThan, 2, 2},
    KnownCondition{"newer", ConditionKind::kNewer, 2, 2},
    KnownCondition{"older", ConditionKind::kOlder, 2, 2},
    KnownCondition{"is_subscriber", ConditionKind::kIsSubscriber, 2, 2},
    KnownCondition{"is_owner", ConditionKind::kIsOwner, 2, 2},
    KnownCondition{"is_editor", ConditionKind::kIsEditor, 2, 2},
    KnownCondition{"is_listmaster", ConditionKind::kIsListmaster, 1, 1},
    KnownCondition{"search", ConditionKind::kSearch, 1, 2},
    KnownCondition{"verify_netmask", ConditionKind::kNetmask, 1, 1},
};

struct KnownVariable {
  std::string_view name;
  Variable variable;
  bool arrow;  // "->" and a name follow
};
constexpr std::array kVariables = {
    KnownVariable{"sender", Variable::kSender, false},
    KnownVariable{"email", Variable::kEmail, false},
    KnownVariable{"listname", Variable::kListName, false},
    KnownVariable{"domain", Variable::kDomain, false},
    KnownVariable{"robot", Variable::kDomain, false},
    KnownVariable{"host", Variable::kDomain, false},
    KnownVariable{"conf", Variable::kConf, true},
    KnownVariable{"list", Variable::kList, true},
    KnownVariable{"env", Variable::kEnv, true},
    KnownVariable{"user", Variable::kUser, true},
    KnownVariable{"user_attributes", Variable::kUserAttributes, true},
    KnownVariable{"subscriber", Variable::kSubscriber, true},
    KnownVariable{"custom_vars", Variable::kCustomVars, true},
    KnownVariable{"family", Variable::kFamily, true},
    KnownVariable{"msg_header", Variable::kHeader, true},
    KnownVariable{"header", Variable::kHeader, true},
    KnownVariable{"msg_body", Variable::kBody, false},
    KnownVariable{"msg_part", Variable::kPartType, true},  // or kPartBody
    KnownVariable{"msg", Variable::kMessage, true},
    KnownVariable{"is_bcc", Variable::kIsBcc, false},
    KnownVariable{"msg_encrypted", Variable::kEncrypted, false},
    KnownVariable{"topic", Variable::kTopic, false},
    KnownVariable{"topic-auto", Variable::kTopicAuto, false},
    KnownVariable{"topic-sender", Variable::kTopicSender, false},
    KnownVariable{"topic-editor", Variable::kTopicEditor, false},
    KnownVariable{"topic-needed", Variable::kTopicNeeded, false},
    KnownVariable{"topic_auto", Variable::kTopicAuto, false},  // as Sympa itself reads them
    KnownVariable{"topic_sender", Variable::kTopicSender, false},
    KnownVariable{"topic_editor", Variable::kTopicEditor, false},
    KnownVariable{"topic_needed", Variable::kTopicNeeded, false},
    KnownVariable{"topicname", Variable::kTopicName, false},
    KnownVariable{"remote_host", Variable::kRemoteHost, false},
    KnownVariable{"remote_addr", Variable::kRemoteAddress, false},
    KnownVariable{"current_date", Variable::kCurrentDate, false},
    KnownVariable{"execution_date", Variable::kCurrentDate, false},
    KnownVariable{"previous_email", Variable::kPreviousEmail, false},
    KnownVariable{"current_email", Variable::kPreviousEmail, false},
};

template <typename Table>
std::string near_name(std::string_view word, const Table& table) {
  std::vector<std::string> names;
  names.reserve(std::size(table));
  for (const auto& row : table) names.emplace_back(row.name);
  const std::string near = nearest(word, names);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

bool is_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

}  // namespace

std::optional<Complaint> read_variable(Cursor* cursor, Piece* piece) {
  const std::size_t at = cursor->at;
  cursor->take('[');
  // A name may have a "-", so "->" has to be looked out for.
  std::string name;
  while (is_name(cursor->peek()) && !cursor->line.substr(cursor->at).starts_with("->"))
    name.push_back(ascii_lower(cursor->line[cursor->at++]));
  const KnownVariable* known = nullptr;
  for (const KnownVariable& row : kVariables) {
    if (row.name == name) known = &row;
  }
  if (known == nullptr)
    return Complaint{at + 1, "there is no variable '" + name + "'" + near_name(name, kVariables)};
  piece->variable = known->variable;
  if (cursor->take("->")) {
    if (!known->arrow) return Complaint{cursor->at, "[" + name + "] has no parts"};
    piece->text = std::string(cursor->take_while(is_name));
    if (piece->text.empty()) return Complaint{cursor->at, "a name is expected behind \"->\""};
  } else if (known->arrow) {
    return Complaint{cursor->at, "[" + name + "->...] needs the name of a part"};
  }
  if (!cursor->take(']')) return Complaint{cursor->at, "a closing bracket is expected"};
  if (known->variable == Variable::kPartType) {
    if (piece->text == "body") {
      piece->variable = Variable::kPartBody;
    } else if (piece->text != "type") {
      return Complaint{at, "of parts of a message there are [msg_part->type] and [msg_part->body]"};
    }
  }
  Cursor index = *cursor;
  if (!index.take('[')) return std::nullopt;
  const bool negative = index.take('-');
  if (!negative) index.take('+');
  const auto digits = index.take_while([](char c) { return c >= '0' && c <= '9'; });
  const auto value = parse_u64(digits);
  if (!value || *value > 10'000 || !index.take(']'))
    return Complaint{index.at, "an index as [0] or [-1] is expected"};
  if (piece->variable != Variable::kHeader) return Complaint{cursor->at, "only header fields have an index"};
  piece->index = negative ? -static_cast<int>(*value) : static_cast<int>(*value);
  *cursor = index;
  return std::nullopt;
}

namespace {

// Text with variables in it. What only looks like one stands for itself.
Operand pieces_of(std::string_view text) {
  Operand out;
  Cursor cursor{text};
  std::string literal;
  while (!cursor.end()) {
    Piece piece;
    Cursor ahead = cursor;
    if (cursor.peek() == '[' && !read_variable(&ahead, &piece)) {
      if (!literal.empty()) out.push_back({std::nullopt, std::move(literal), std::nullopt});
      literal.clear();
      out.push_back(std::move(piece));
      cursor = ahead;
    } else {
      literal.push_back(text[cursor.at++]);
    }
  }
  if (!literal.empty() || out.empty()) out.push_back({std::nullopt, std::move(literal), std::nullopt});
  return out;
}

struct Argument {
  std::size_t at = 0;
  Operand operand;
  std::string text;  // of what is no variable
  bool expression = false;
  bool variable = false;
};

std::optional<Complaint> read_argument(Cursor* cursor, Argument* out) {
  out->at = cursor->at;
  const char first = cursor->peek();
  if (first == '[') {
    Piece piece;
    if (auto complaint = read_variable(cursor, &piece)) return complaint;
    out->operand = {std::move(piece)};
    out->variable = true;
    return std::nullopt;
  }
  if (first == '\'' || first == '"') {
    ++cursor->at;
    out->text = std::string(cursor->take_while([first](char c) { return c != first; }));
    if (!cursor->take(first)) return Complaint{out->at, "the closing quote is missing"};
    out->operand = pieces_of(out->text);
    return std::nullopt;
  }
  if (first == '/') {
    ++cursor->at;
    out->expression = true;
    while (!cursor->end() && cursor->peek() != '/') {
      if (cursor->peek() == '\\' && cursor->at + 1 < cursor->line.size()) {
        if (cursor->line[cursor->at + 1] != '/') out->text.push_back('\\');
        ++cursor->at;
      }
      out->text.push_back(cursor->line[cursor->at++]);
    }
    if (!cursor->take('/')) return Complaint{out->at, "the closing \"/\" of the expression is missing"};
    return std::nullopt;
  }
  out->text = std::string(cursor->take_while([](char c) {
    return is_name(c) || c == '.' || c == '@' || c == '+' || c == '*' ||
           static_cast<unsigned char>(c) >= 0x80;
  }));
  if (out->text.empty())
    return Complaint{out->at, "an argument is expected: [variable], 'text', /expression/ or a word"};
  out->operand = {{std::nullopt, out->text, std::nullopt}};
  return std::nullopt;
}

std::optional<Complaint> put_expression(const Argument& argument, Condition* condition) {
  condition->pattern = argument.text;
  if (!argument.expression)
    return Complaint{argument.at, "match needs an expression between slashes: /^ann@/"};
  if (argument.text.empty()) return std::nullopt;
  const std::string tried = with_domain(argument.text, "d");
  const bool by_list = tried != argument.text;
  auto regex = Regex::compile(tried);
  if (!regex.ok()) return Complaint{argument.at, "the expression cannot be read: " + regex.error().message};
  if (!by_list) condition->regex = std::move(*regex);
  return std::nullopt;
}

// "192.0.2.0/24", "2001:db8::/32", one address, the old "192.0.2.0:255.255.255.0", default and any.
std::optional<Complaint> put_network(const Argument& argument, Condition* condition) {
  std::string text = argument.text;
  if (text == "default" || text == "any") text = "::/0";
  if (const auto colon = text.find(':');
      colon != text.npos && text.find('.') < colon && text.find('.', colon) != text.npos) {
    const auto mask = parse_network(text.substr(colon + 1));
    if (!mask) return Complaint{argument.at, "'" + argument.text + "' is not a network"};
    int bits = 0;
    bool over = false;
    for (std::size_t i = 12; i < 16; ++i) {
      for (int bit = 7; bit >= 0; --bit) {
        const bool one = (mask->octets[i] >> bit & 1) != 0;
        if (one && over) return Complaint{argument.at, "'" + argument.text + "' has a mask with holes"};
        over = over || !one;
        bits += one ? 1 : 0;
      }
    }
    text = text.substr(0, colon) + "/" + std::to_string(bits);
  }
  condition->network = parse_network(text);
  if (!condition->network)
    return Complaint{argument.at,
                     "'" + argument.text + "' is not a network, as '192.0.2.0/24' or '2001:db8::/32'"};
  return std::nullopt;
}

std::optional<Complaint> put_filter(const Argument& argument, Condition* condition) {
  std::string name = argument.text;
  if (name == "blacklist.txt") name = "blocklist.txt";  // its name before Sympa 6.2.70
  if (argument.expression || argument.variable || name.find('/') != name.npos || name.starts_with(".") ||
      !(name.ends_with(".txt") || name.ends_with(".sql") || name.ends_with(".ldap")))
    return Complaint{argument.at, "search needs the name of a filter that ends in .txt, .sql or .ldap"};
  condition->filter = std::move(name);
  return std::nullopt;
}

}  // namespace

std::optional<Complaint> read_condition(Cursor* cursor, Condition* condition) {
  condition->negated = cursor->take('!');
  cursor->skip_space();
  const std::size_t at = cursor->at;
  const std::string name = ascii_lowered(cursor->take_while([](char c) { return is_name(c) || c == ':'; }));
  if (name.starts_with("customcondition::"))
    return Complaint{at,
                     "conditions written in Perl are not run here; a named filter can take their place: "
                     "search(NAME.sql,[sender])"};
  const KnownCondition* known = nullptr;
  for (const KnownCondition& row : kConditions) {
    if (row.name == name) known = &row;
  }
  if (known == nullptr) {
    if (name.empty()) return Complaint{at, "a condition is expected"};
    return Complaint{at, "there is no condition '" + name + "'" + near_name(name, kConditions)};
  }
  condition->kind = known->kind;
  cursor->skip_space();
  if (!cursor->take('(')) return Complaint{cursor->at, "an opening parenthesis is expected behind " + name};
  std::vector<Argument> arguments;
  for (;;) {
    cursor->skip_space();
    if (cursor->take(')')) break;
    if (cursor->end()) return Complaint{cursor->at, "a closing parenthesis is expected"};
    Argument argument;
    if (auto complaint = read_argument(cursor, &argument)) return complaint;
    arguments.push_back(std::move(argument));
    cursor->skip_space();
    cursor->take(',');
    if (arguments.size() > known->most) break;
  }
  if (known->kind == ConditionKind::kMatch && arguments.size() > 2 && arguments[1].expression)
    return Complaint{arguments[2].at,
                     "nothing may follow the expression; upper and lower case are one in it"};
  if (arguments.size() < known->least || arguments.size() > known->most) {
    std::string wanted = std::to_string(known->least);
    if (known->most != known->least) wanted += " or " + std::to_string(known->most);
    return Complaint{at, name + " takes " + wanted + (wanted == "1" ? " argument" : " arguments")};
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const Argument& argument = arguments[i];
    std::optional<Complaint> complaint;
    if (known->kind == ConditionKind::kMatch && i == 1) {
      complaint = put_expression(argument, condition);
    } else if (known->kind == ConditionKind::kSearch && i == 0) {
      complaint = put_filter(argument, condition);
    } else if (known->kind == ConditionKind::kNetmask) {
      complaint = put_network(argument, condition);
    } else if (argument.expression) {
      complaint = Complaint{argument.at, "an expression can only be the second argument of match"};
    } else {
      condition->operands.push_back(argument.operand);
    }
    if (complaint) return complaint;
  }
  return std::nullopt;
}

}  // namespace essaim::lists::scenario
