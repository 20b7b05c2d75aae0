#include "lists/policies.h"

#include <mutex>

#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/blocklist.h"
#include "lists/scenario/compile.h"
#include "lists/scenario/shipped.h"

namespace essaim::lists {
namespace {

constexpr std::size_t kMostKept = 20'000;

const std::string* setting(const storage::ListRecord& list, const std::string& name) {
  for (const auto* settings : {&list.settings, &list.domain_settings}) {
    if (const auto found = settings->find(name); found != settings->end()) return &found->second;
  }
  return nullptr;
}

// The setting that scenarios of "send" had before: who may post, in a word.
std::string_view scenario_of_post(std::string_view who) {
  if (who == "anyone") return "public";
  if (who == "owners") return "owneroreditor";
  return who == "nobody" ? "closed" : "private";
}

// A slip of the operator's, which must cost nobody their mail: it waits until the text can be used.
Error unusable(const storage::ListRecord& list, const std::string& what, const Error& error) {
  const std::string place = list.id == 0 ? list.domain : list.address();
  log::error("rules-unusable", {{"list", place}, {"text", what}, {"error", error.message}});
  return {ErrorCode::kTemporary, what + ", which " + place + " uses, cannot be used: " + error.message};
}

// Whom a filter would hold that is nowhere, nobody knows. (A blocklist that nobody has begun blocks nobody.)
Error not_there(const std::string& filter) {
  return {ErrorCode::kNotFound, "there is no " + filter};
}

}  // namespace

std::string scenario_name(const storage::ListRecord& list, std::string_view function) {
  const std::string wanted(function);
  for (const auto* settings : {&list.settings, &list.domain_settings}) {
    if (const auto found = settings->find(wanted); found != settings->end())
      return scenario::canonical_name(function, found->second);
    if (function != "send") continue;
    if (const auto found = settings->find("post"); found != settings->end())
      return std::string(scenario_of_post(found->second));
  }
  const scenario::Function* known = scenario::find_function(function);
  return std::string(known == nullptr ? "closed" : known->default_name);
}

bool uses_blocklist(const storage::ListRecord& list, std::string_view function) {
  const std::string* functions = setting(list, "use_blocklist");
  const std::string_view names =
      functions == nullptr ? std::string_view("send,subscribe,create_list") : *functions;
  for (const std::string_view one : split(names, ',')) {
    if (trimmed(one) == function) return true;
  }
  return false;
}

Result<std::shared_ptr<const scenario::Scenario>> compile_for(storage::Connection& connection,
                                                              const storage::ListRecord& list,
                                                              const std::string& function,
                                                              const std::string& name, bool strict,
                                                              const TextInstead* instead) {
  const scenario::FindText find = [&](const std::string& file) -> Result<std::optional<std::string>> {
    if (instead != nullptr && instead->file == file) return std::optional<std::string>(instead->text);
    auto stored = storage::TextStore(connection).nearest(storage::TextKind::kScenario, file, scope_of(list));
    if (!stored.ok()) return stored.error();
    if (stored->has_value()) return std::optional<std::string>(std::move((*stored)->text));
    const auto dot = file.find('.');
    const auto text = scenario::shipped_text(file.substr(0, dot), file.substr(dot + 1));
    if (!text) return std::optional<std::string>();
    return std::optional<std::string>(*text);
  };
  return scenario::compile(function, name, find, uses_blocklist(list, function),
                           strict ? scenario::Includes::kRequired : scenario::Includes::kTolerated);
}

std::string Policies::key(const storage::ListRecord& list, char kind, std::string_view name) const {
  std::string out;
  out.reserve(40 + name.size());
  out.push_back(kind);
  put_u64(&out, static_cast<std::uint64_t>(list.policy == 0 ? 0 : list.id));
  put_u64(&out, static_cast<std::uint64_t>(list.policy));
  put_u64(&out, static_cast<std::uint64_t>(list.domain_id));
  put_u64(&out, static_cast<std::uint64_t>(list.domain_policy));
  out += name;
  return out;
}

bool Policies::find(const std::string& key, Entry* out) const {
  const std::shared_lock lock(mutex_);
  const auto found = kept_.find(key);
  if (found == kept_.end()) return false;
  *out = found->second;
  return true;
}

void Policies::keep(const std::string& key, Entry entry) {
  const std::unique_lock lock(mutex_);
  if (kept_.size() >= kMostKept) kept_.clear();
  kept_[key] = std::move(entry);
}

Result<Policies::ScenarioPtr> Policies::scenario(storage::Connection* connection,
                                                 const storage::ListRecord& list, std::string_view function) {
  const std::string name = scenario_name(list, function);
  const std::string file = std::string(function) + "." + name;
  const std::string known = key(list, uses_blocklist(list, function) ? 'b' : 's', file);
  Entry entry;
  if (find(known, &entry)) return std::static_pointer_cast<const scenario::Scenario>(entry);
  if (connection == nullptr) return Error{ErrorCode::kConflict, file + " is not at hand"};
  auto compiled = compile_for(*connection, list, std::string(function), name, false);
  if (!compiled.ok()) {
    if (compiled.error().code != ErrorCode::kInvalid && compiled.error().code != ErrorCode::kNotFound)
      return compiled.error();
    return unusable(list, "the scenario " + file, compiled.error());
  }
  keep(known, *compiled);
  return *compiled;
}

namespace {
using FilterPtr = std::shared_ptr<const scenario::TextFilter>;

Result<FilterPtr> shared_filter(const std::string& text, const std::string& name) {
  auto parsed = scenario::TextFilter::parse(text, name);
  if (!parsed.ok()) return parsed.error();
  return FilterPtr(std::make_shared<const scenario::TextFilter>(*std::move(parsed)));
}
}  // namespace

Result<std::shared_ptr<const scenario::TextFilter>> Policies::filter(storage::Connection* connection,
                                                                     const storage::ListRecord& list,
                                                                     const std::string& name) {
  const std::string known = key(list, 'f', name);
  Entry entry;
  if (find(known, &entry)) return std::static_pointer_cast<const scenario::TextFilter>(entry);
  if (connection == nullptr) return Error{ErrorCode::kConflict, name + " is not at hand"};
  auto texts =
      storage::TextStore(*connection).of_all_levels(storage::TextKind::kFilter, name, scope_of(list));
  if (!texts.ok()) return texts.error();
  std::string all;
  for (const storage::TextRecord& one : *texts) all += one.text + "\n";
  if (texts->empty() && name != kBlocklist) return unusable(list, "the filter " + name, not_there(name));
  auto parsed = texts->empty() ? Result<FilterPtr>(FilterPtr()) : shared_filter(all, name);
  if (!parsed.ok()) return unusable(list, "the filter " + name, parsed.error());
  keep(known, *parsed);
  return *parsed;
}

Result<std::shared_ptr<const scenario::SourceFilter>> Policies::source(storage::Connection* connection,
                                                                       const storage::ListRecord& list,
                                                                       const std::string& name) {
  const std::string known = key(list, 'q', name);
  Entry entry;
  if (find(known, &entry)) return std::static_pointer_cast<const scenario::SourceFilter>(entry);
  if (connection == nullptr) return Error{ErrorCode::kConflict, name + " is not at hand"};
  auto stored = storage::TextStore(*connection).nearest(storage::TextKind::kFilter, name, scope_of(list));
  if (!stored.ok()) return stored.error();
  if (!stored->has_value()) return unusable(list, "the filter " + name, not_there(name));
  auto parsed = scenario::SourceFilter::parse((*stored)->text, name);
  if (!parsed.ok()) return unusable(list, "the filter " + name, parsed.error());
  auto out = std::make_shared<const scenario::SourceFilter>(*std::move(parsed));
  keep(known, out);
  return std::shared_ptr<const scenario::SourceFilter>(std::move(out));
}

Result<std::shared_ptr<const std::string>> Policies::text(storage::Connection* connection,
                                                          const storage::ListRecord& list,
                                                          const std::string& name) {
  const std::string known = key(list, 't', name);
  Entry entry;
  if (find(known, &entry)) return std::static_pointer_cast<const std::string>(entry);
  if (connection == nullptr) return Error{ErrorCode::kConflict, name + " is not at hand"};
  auto stored = storage::TextStore(*connection).nearest(storage::TextKind::kTemplate, name, scope_of(list));
  if (!stored.ok()) return stored.error();
  std::shared_ptr<const std::string> out;
  if (stored->has_value()) out = std::make_shared<const std::string>(std::move((*stored)->text));
  keep(known, out);
  return out;
}

}  // namespace essaim::lists
