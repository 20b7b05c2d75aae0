#include "lists/site_texts.h"

#include <algorithm>
#include <functional>
#include <set>
#include <variant>

#include "core/base/text.h"
#include "lists/blocklist.h"
#include "lists/domain_alone.h"
#include "lists/names.h"
#include "lists/policies.h"
#include "lists/scenario/filter.h"
#include "lists/scenario/parse.h"
#include "lists/scenario/shipped.h"
#include "lists/scenario/source_filter.h"
#include "lists/templates/catalogue.h"
#include "lists/templates/messages.h"
#include "lists/templates/mustache.h"
#include "lists/templates/phrases.h"
#include "storage/directory_store.h"

namespace essaim::lists {
namespace {

using storage::Connection;
using storage::TextKind;
using storage::TextRecord;
using storage::TextStore;

const char* level_of(Id owner, const storage::ListRecord& place) {
  if (owner == 0) return "site";
  return owner == place.id ? "list" : "domain";
}

bool is_plain(std::string_view name) {
  return !name.empty() && name.size() <= 100 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

// "welcome.fr" -> the message, and its language ("" for any).
const Message* message_named(const std::string& name, std::string* language) {
  const auto dot = name.rfind('.');
  if (dot == name.npos) return find_message(name);
  *language = name.substr(dot + 1);
  return find_message(std::string_view(name).substr(0, dot));
}

std::vector<std::string> variables_of(const Message& message) {
  std::vector<std::string> out;
  for (const std::string_view one : split(message.variables, ' ')) {
    if (!one.empty()) out.emplace_back(one);
  }
  for (const char* common : {"list", "local", "domain", "description", "owner", "robot", "leave"}) {
    if (std::find(out.begin(), out.end(), common) == out.end()) out.emplace_back(common);
  }
  return out;
}

// What is included must not spoil a scenario that can be used now: one that includes itself through it, say.
Result<void> check_including(Connection& connection, const storage::ListRecord& place,
                             const TextInstead& instead) {
  auto stored = TextStore(connection).names(TextKind::kScenario, scope_of(place));
  if (!stored.ok()) return stored.error();
  std::vector<std::string> files;
  for (const TextRecord& one : *stored) {
    if (!one.name.starts_with("include.")) files.push_back(one.name);
  }
  for (const scenario::Function& function : scenario::functions()) {
    if (instead.file == "include." + std::string(function.name) + ".header")
      files.push_back(std::string(function.name) + "." + std::string(function.default_name));
  }
  for (const std::string& file : files) {
    const auto dot = file.find('.');
    const std::string function = file.substr(0, dot), name = file.substr(dot + 1);
    const auto with = compile_for(connection, place, function, name, false, &instead);
    if (with.ok()) continue;
    if (compile_for(connection, place, function, name, false).ok())
      return Error{with.error().code, "with it " + file + " cannot be used: " + with.error().message};
  }
  return {};
}

// The lists that may see a text of the place.
Result<void> for_each_below(Connection& connection, const storage::ListRecord& place,
                            const std::function<Result<void>(const storage::ListRecord&)>& each) {
  if (place.id != 0) return each(place);
  return storage::DirectoryStore(connection).for_each_list(place.domain, each);
}

// Where the texts of a list are looked for: lists without any of their own have all that their domain has.
Id texts_begin_at(const storage::ListRecord& list) {
  return list.policy == 0 ? list.domain_id : list.id;
}

// What may make a list use the scenario of a function: of two that have the same, and the same texts, one tells for both.
struct Use {
  std::string function, name;
  bool blocklist_first = false;
  friend auto operator<=>(const Use&, const Use&) = default;
};

// Those of the list by which its rules may search a filter. `files`: the scenarios whose texts name it.
std::vector<Use> uses_of(const storage::ListRecord& list, const std::vector<TextRecord>& files) {
  std::vector<Use> out;
  for (const scenario::Function& known : scenario::functions()) {
    Use use{std::string(known.name), scenario_name(list, known.name), uses_blocklist(list, known.name)};
    const std::string file = use.function + "." + use.name;
    if (std::any_of(files.begin(), files.end(), [&file](const TextRecord& one) {
          return one.name == file || one.name.starts_with("include.");
        }))
      out.push_back(std::move(use));
  }
  return out;
}

// The one whose rules search the filter; null if none does.
const Use* use_that_searches(Connection& connection, const storage::ListRecord& list,
                             const std::string& filter, const std::vector<Use>& uses) {
  for (const Use& use : uses) {
    const auto compiled = compile_for(connection, list, use.function, use.name, false);
    if (!compiled.ok()) continue;  // it cannot be used as it is
    const std::vector<std::string>& filters = (*compiled)->filters;
    if (std::find(filters.begin(), filters.end(), filter) != filters.end()) return &use;
  }
  return nullptr;
}

// A post that was confirmed goes out, is refused or is kept; it is passed on by no rule, as it is by `editor` alone.
Result<void> check_confirmations(const scenario::ParsedText& parsed) {
  for (const auto& line : parsed.lines) {
    const auto* rule = std::get_if<scenario::Rule>(&line);
    if (rule != nullptr && rule->action.then == scenario::ActionKind::kEditor)
      return Error{ErrorCode::kInvalid, rule->file + ", line " + std::to_string(rule->line) +
                                            ": a post that was confirmed is not passed on to the editors; "
                                            "request_auth,editorkey keeps it until one of them answers"};
  }
  return {};
}

// "send.mine", "include.x", "friends.txt", "welcome.fr" by kind. kInvalid says what is wrong with the name.
Result<void> check_text_name(TextKind kind, const std::string& name) {
  const std::string shown = "'" + escaped_for_display(name, 120) + "'";
  if (!is_plain(name))
    return Error{ErrorCode::kInvalid, shown + " is no name: letters, digits, \"_\", \"-\" and \".\""};
  if (kind == TextKind::kFilter) {
    const auto dot = name.rfind('.');
    if (kind_of_scenario_file(name) == TextKind::kFilter && dot > 0) return {};
    return Error{ErrorCode::kInvalid, "a filter is named like friends.txt, friends.sql or friends.ldap"};
  }
  if (kind == TextKind::kScenario) {
    const auto dot = name.find('.');
    const std::string function = name.substr(0, dot);
    if (dot == name.npos || dot + 1 == name.size())
      return Error{ErrorCode::kInvalid,
                   shown + " is no scenario: it is named FUNCTION.NAME, as send.mine, or include.NAME"};
    if (function == "include" || scenario::find_function(function) != nullptr) return {};
    std::vector<std::string> known;
    for (const scenario::Function& one : scenario::functions()) known.emplace_back(one.name);
    const std::string near = nearest(function, known);
    return Error{ErrorCode::kInvalid, "there is no function '" + function + "'" +
                                          (near.empty() ? "" : "; did you mean '" + near + "'?")};
  }
  std::string language;
  if (message_named(name, &language) == nullptr) {
    std::vector<std::string> known;
    for (const Message& one : messages()) known.emplace_back(one.name);
    const std::string near = nearest(name.substr(0, name.find('.')), known);
    return Error{ErrorCode::kInvalid,
                 "there is no message " + shown + (near.empty() ? "" : "; did you mean '" + near + "'?")};
  }
  if (!language.empty() && !is_language(language))
    return Error{ErrorCode::kInvalid, "'" + language + "' is none of the languages that are offered"};
  return {};
}

}  // namespace

std::vector<std::string> rejections_without_words(const std::string& name, const std::string& text) {
  std::vector<std::string> out;
  const auto parsed = scenario::parse(text, name);
  if (!parsed.ok()) return out;
  for (const auto& line : parsed->lines) {
    const auto* rule = std::get_if<scenario::Rule>(&line);
    if (rule == nullptr) continue;
    const scenario::Action& action = rule->action;
    // A reason is words, unless it looks like the name of some.
    const std::string& words = action.reason.empty() ? action.reject_template : action.reason;
    if (!action.reason.empty() && (words.find('_') == words.npos || words.find(' ') != words.npos)) continue;
    if (!words.empty() && !is_reason(words) && std::find(out.begin(), out.end(), words) == out.end())
      out.push_back(words);
  }
  return out;
}

Result<std::vector<std::string>> missing_filters(Connection& connection, const storage::ListRecord& place,
                                                 const std::string& file) {
  std::vector<std::string> out;
  const auto dot = file.find('.');
  const std::string function = file.substr(0, dot);
  if (dot == file.npos || scenario::find_function(function) == nullptr) return out;
  const auto compiled = compile_for(connection, place, function, file.substr(dot + 1), false);
  if (!compiled.ok()) return compiled.error();
  for (const std::string& filter : (*compiled)->filters) {
    if (filter == kBlocklist) continue;
    auto there = TextStore(connection).nearest(TextKind::kFilter, filter, scope_of(place));
    if (!there.ok()) return there.error();
    if (!there->has_value()) out.push_back(filter);
  }
  return out;
}

Result<void> check_searchers(Connection& connection, const storage::ListRecord& place,
                             const std::string& filter) {
  if (filter == kBlocklist) return {};
  TextStore texts(connection);
  auto files = texts.with_word(TextKind::kScenario, filter);
  if (!files.ok()) return files.error();
  if (files->empty()) return {};
  std::set<std::pair<Id, std::vector<Use>>> looked_at;
  return for_each_below(connection, place, [&](const storage::ListRecord& list) -> Result<void> {
    const std::vector<Use> uses = uses_of(list, *files);
    if (uses.empty() || !looked_at.emplace(texts_begin_at(list), uses).second) return {};
    const Use* const use = use_that_searches(connection, list, filter, uses);
    if (use == nullptr) return {};
    auto other = texts.nearest(TextKind::kFilter, filter, scope_of(list));
    if (!other.ok()) return other.error();
    if (other->has_value()) return {};
    return Error{ErrorCode::kConflict, list.address() + " searches " + filter + " in " + use->function + "." +
                                           use->name + ": change that first"};
  });
}

Result<void> check_users(Connection& connection, const storage::ListRecord& place, const std::string& file) {
  const auto dot = file.find('.');
  const std::string function = file.substr(0, dot), name = file.substr(dot + 1);
  std::set<std::pair<Id, bool>> looked_at;
  return for_each_below(connection, place, [&](const storage::ListRecord& list) -> Result<void> {
    if (scenario_name(list, function) != name ||
        !looked_at.emplace(texts_begin_at(list), uses_blocklist(list, function)).second)
      return {};
    const auto compiled = compile_for(connection, list, function, name, false);
    if (compiled.ok()) return {};
    return Error{ErrorCode::kConflict,
                 list.address() + " uses " + file + ": set its " + function + " to another scenario first"};
  });
}

Result<storage::ListRecord> record_of(Connection& connection, const TextPlace& place) {
  storage::DirectoryStore directory(connection);
  storage::ListRecord out;
  if (!place.list.empty()) {
    const auto address = checked_list(place.list);
    if (!address.ok()) return address.error();
    auto list = directory.find_list(address->local, address->domain);
    if (!list.ok()) return list.error();
    if (!list->has_value()) return Error{ErrorCode::kNotFound, "there is no list " + address->to_string()};
    return std::move(**list);
  }
  if (place.domain.empty()) return out;
  const auto name = checked_domain(place.domain);
  if (!name.ok()) return name.error();
  auto domain = directory.find_domain(*name);
  if (!domain.ok()) return domain.error();
  if (!domain->has_value()) return Error{ErrorCode::kNotFound, "there is no domain " + *name};
  return domain_alone(**domain);
}

TextKind kind_of_scenario_file(const std::string& name) {
  return name.ends_with(".txt") || scenario::is_source_filter(name) ? TextKind::kFilter : TextKind::kScenario;
}

Result<void> check_text(Connection& connection, const storage::ListRecord& place, TextKind kind,
                        const std::string& name, const std::string& text) {
  ESSAIM_TRY(check_text_name(kind, name));
  if (kind == TextKind::kFilter) {
    // Rules that say so search blocklist.txt: what is kept under the old name, nobody would ask.
    if (name == "blacklist.txt")
      return Error{ErrorCode::kInvalid, "blacklist.txt is called blocklist.txt: set it under that name"};
    if (scenario::is_source_filter(name)) {
      const auto filter = scenario::SourceFilter::parse(text, name);
      return filter.ok() ? Result<void>() : filter.error();
    }
    const auto filter = scenario::TextFilter::parse(text, name);
    return filter.ok() ? Result<void>() : filter.error();
  }
  if (kind == TextKind::kTemplate) {
    std::string language;
    const Message* message = message_named(name, &language);
    auto checked = check_template(text, variables_of(*message));
    if (!checked.ok()) return Error{checked.error().code, name + ": " + checked.error().message};
    return {};
  }
  const auto parsed = scenario::parse(text, name);
  if (!parsed.ok()) return parsed.error();
  if (name.starts_with("send.")) ESSAIM_TRY(check_confirmations(*parsed));
  const auto dot = name.find('.');
  const TextInstead instead{name, text};
  if (name.starts_with("include.")) return check_including(connection, place, instead);
  const auto compiled =
      compile_for(connection, place, name.substr(0, dot), name.substr(dot + 1), true, &instead);
  return compiled.ok() ? Result<void>() : compiled.error();
}

SiteTexts::SiteTexts(storage::Database& database, const Clock& clock) : database_(database), clock_(clock) {
  services_.database = &database_;
  services_.clock = &clock_;
}

Result<Change> SiteTexts::ask(const TextPlace& place, Request request) {
  Change done = Change::kAlready;
  ESSAIM_TRY(database_.write_now(storage::Durability::kAccept, [&](Connection& connection) -> Result<void> {
    auto record = record_of(connection, place);
    if (!record.ok()) return record.error();
    request.list = *std::move(record);
    WriteContext context{services_, connection, clock_.wall_now(), 0};
    const auto response = carry_out_for_operator(context, request);
    if (!response.ok()) return response.error();
    done = response->status == Response::Status::kDone ? Change::kDone : Change::kAlready;
    return {};
  }));
  return done;
}

Result<Change> SiteTexts::set(const TextPlace& place, TextKind kind, const std::string& name,
                              const std::string& text) {
  Request request;
  request.verb = Verb::kSetText;
  request.kind = kind;
  request.name = name;
  request.text = text;
  return ask(place, std::move(request));
}

Result<Change> SiteTexts::remove(const TextPlace& place, TextKind kind, const std::string& name) {
  Request request;
  request.verb = Verb::kDeleteText;
  request.kind = kind;
  request.name = name;
  return ask(place, std::move(request));
}

Result<SiteTexts::Shown> SiteTexts::show(const TextPlace& place, TextKind kind, const std::string& name) {
  ESSAIM_TRY(check_text_name(kind, name));
  Shown out;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    auto record = record_of(connection, place);
    if (!record.ok()) return record.error();
    auto stored = TextStore(connection).nearest(kind, name, scope_of(*record));
    if (!stored.ok()) return stored.error();
    if (stored->has_value()) {
      out = {(*stored)->text, level_of((*stored)->owner, *record)};
      return {};
    }
    if (kind == TextKind::kScenario) {
      const auto dot = name.find('.');
      if (const auto text = scenario::shipped_text(name.substr(0, dot), name.substr(dot + 1))) {
        out = {std::string(*text), "shipped"};
        return {};
      }
    }
    if (kind == TextKind::kTemplate) {
      std::string language;
      const Message* message = message_named(name, &language);
      out = {"Subject: " + std::string(translated(language, message->subject)) + "\n\n" +
                 std::string(translated(language, message->text)),
             "shipped"};
      return {};
    }
    return Error{ErrorCode::kNotFound, "there is no " + name};
  }));
  return out;
}

Result<std::vector<SiteTexts::Named>> SiteTexts::names(const TextPlace& place, TextKind kind) {
  std::vector<Named> out;
  ESSAIM_TRY(database_.read_now([&](Connection& connection) -> Result<void> {
    auto record = record_of(connection, place);
    if (!record.ok()) return record.error();
    auto stored = TextStore(connection).names(kind, scope_of(*record));
    if (!stored.ok()) return stored.error();
    for (const TextRecord& one : *stored) out.push_back({one.name, level_of(one.owner, *record), ""});
    if (kind == TextKind::kScenario) {
      for (const scenario::Shipped& one : scenario::shipped()) {
        const auto parsed = scenario::parse(one.text, "shipped");
        const bool titled = parsed.ok() && parsed->titles.contains("en");
        out.push_back({std::string(one.function) + "." + std::string(one.name), "shipped",
                       titled ? parsed->titles.at("en") : ""});
      }
    } else if (kind == TextKind::kTemplate) {
      for (const Message& one : messages())
        out.push_back({std::string(one.name), "shipped", std::string(one.help)});
    }
    return {};
  }));
  return out;
}

Result<Change> SiteTexts::block(const TextPlace& place, const std::string& pattern) {
  Request request;
  request.verb = Verb::kBlock;
  request.name = pattern;
  return ask(place, std::move(request));
}

Result<Change> SiteTexts::unblock(const TextPlace& place, const std::string& pattern) {
  Request request;
  request.verb = Verb::kUnblock;
  request.name = pattern;
  return ask(place, std::move(request));
}

}  // namespace essaim::lists
