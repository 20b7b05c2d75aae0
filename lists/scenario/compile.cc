#include "lists/scenario/compile.h"

#include <algorithm>

#include "lists/scenario/parse.h"

namespace essaim::lists::scenario {
namespace {

constexpr int kMaxDepth = 8;

class Compiler {
 public:
  Compiler(const FindText& find, Includes includes, Scenario* out)
      : find_(find), includes_(includes), out_(out) {}

  Result<void> add(const ParsedText& parsed, int depth) {
    for (const auto& line : parsed.lines) {
      if (const auto* rule = std::get_if<Rule>(&line)) {
        out_->named.add(rule->auths);
        out_->rules.push_back(*rule);
        // Who asks for somebody else must not be able to confirm it. Old files leave the address out (those that Sympa
        // shipped to 6.2.34), and it reads them so, too.
        Action& action = out_->rules.back().action;
        if (of_the_person() && action.kind == ActionKind::kRequestAuth) action.confirmed_by_email = true;
        if (out_->rules.size() > kMaxRules)
          return Error{ErrorCode::kInvalid,
                       out_->file() + ": more than " + std::to_string(kMaxRules) + " rules in all"};
        continue;
      }
      const auto& include = std::get<Include>(line);
      const std::string file = "include." + include.name;
      if (depth >= kMaxDepth)
        return Error{ErrorCode::kInvalid,
                     out_->file() + ": " + file + " is included in a circle, or too deep"};
      auto found = add_file(file, depth + 1);
      if (!found.ok()) return found.error();
      if (!*found && includes_ == Includes::kRequired)
        return Error{ErrorCode::kInvalid,
                     out_->file() + ", line " + std::to_string(include.line) + ": there is no " + file};
    }
    return {};
  }

  bool of_the_person() const { return out_->function == "subscribe" || out_->function == "unsubscribe"; }

  Result<bool> add_file(const std::string& file, int depth) {
    auto text = find_(file);
    if (!text.ok()) return text.error();
    if (!text->has_value()) return false;
    auto parsed = parse(**text, file);
    if (!parsed.ok()) return parsed.error();
    ESSAIM_TRY(add(*parsed, depth));
    return true;
  }

 private:
  const FindText& find_;
  const Includes includes_;
  Scenario* const out_;
};

Rule blocklist_rule() {
  Rule rule;
  rule.condition.kind = ConditionKind::kSearch;
  rule.condition.filter = "blocklist.txt";
  Piece sender;
  sender.variable = Variable::kSender;
  rule.condition.operands = {{sender}};
  for (const Auth auth : {Auth::kSmtp, Auth::kDkim, Auth::kMd5, Auth::kSmtpAuth, Auth::kSmime})
    rule.auths.add(auth);
  rule.action.kind = ActionKind::kReject;
  rule.action.quiet = true;
  rule.action.reason = "blocklist";
  rule.file = "blocklist";
  rule.text = "search(blocklist.txt,[sender])";
  return rule;
}

}  // namespace

Result<std::shared_ptr<const Scenario>> compile(const std::string& function, const std::string& name,
                                                const FindText& find, bool blocklist, Includes includes) {
  auto out = std::make_shared<Scenario>();
  out->function = function;
  out->name = name;
  Compiler compiler(find, includes, out.get());
  ESSAIM_TRY(compiler.add_file("include." + function + ".header", 0));
  auto text = find(out->file());
  if (!text.ok()) return text.error();
  if (!text->has_value()) return Error{ErrorCode::kNotFound, "there is no scenario " + out->file()};
  auto parsed = parse(**text, out->file());
  if (!parsed.ok()) return parsed.error();
  out->titles = parsed->titles;
  ESSAIM_TRY(compiler.add(*parsed, 0));
  // After the others, so that it names no level on behalf of the file.
  if (blocklist) out->rules.insert(out->rules.begin(), blocklist_rule());
  for (const Rule& rule : out->rules) {
    const std::string& filter = rule.condition.filter;
    if (!filter.empty() && std::find(out->filters.begin(), out->filters.end(), filter) == out->filters.end())
      out->filters.push_back(filter);
  }
  return std::shared_ptr<const Scenario>(std::move(out));
}

}  // namespace essaim::lists::scenario
