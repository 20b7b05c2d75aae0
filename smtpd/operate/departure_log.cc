#include "smtpd/operate/departure_log.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "lists/names.h"
#include "lists/requests/request.h"

namespace essaim::smtpd::operate {
namespace {

using Fields = std::map<std::string, std::string>;
using lists::Verb;

constexpr std::size_t kTime = 24;  // "2026-11-22T18:52:04.123Z"

bool is_time(std::string_view text) {
  constexpr std::string_view kShape = "0000-00-00T00:00:00.000Z";
  if (text.size() != kShape.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kShape[i] == '0' ? !digit : text[i] != kShape[i]) return false;
  }
  return true;
}

// Takes "value" or value from the front. Of what is quoted only a quotation mark is escaped (core/base/log.cc).
std::string take_value(std::string_view* rest) {
  std::string value;
  if (!rest->starts_with('"')) {
    value = rest->substr(0, rest->find(' '));
    rest->remove_prefix(value.size());
    return value;
  }
  std::size_t i = 1;
  for (; i < rest->size() && (*rest)[i] != '"'; ++i) {
    if ((*rest)[i] == '\\' && i + 1 < rest->size() && (*rest)[i + 1] == '"') ++i;
    value += (*rest)[i];
  }
  rest->remove_prefix(std::min(rest->size(), i + 1));
  return value;
}

// "request verb=add ..." behind the time; the first of two fields of one name counts.
Fields fields_of(std::string_view text) {
  Fields out;
  const auto event = text.substr(0, text.find(' '));
  out["event"] = event;
  text.remove_prefix(event.size());
  while (!text.empty()) {
    if (text.front() == ' ') {
      text.remove_prefix(1);
      continue;
    }
    const std::size_t equals = text.find('=');
    if (equals == text.npos) break;
    std::string name(text.substr(0, equals));
    text.remove_prefix(equals + 1);
    out.emplace(std::move(name), take_value(&text));
  }
  return out;
}

// Without `event` it is no line of the log.
Fields read_line(std::string_view line) {
  if (line.starts_with('{')) {
    Fields out;
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (!json.is_object()) return out;
    for (const auto& [name, value] : json.items())
      if (value.is_string()) out[name] = value.get<std::string>();
    return is_time(out["time"]) ? out : Fields{};
  }
  if (line.size() < kTime + 2 || !is_time(line.substr(0, kTime)) || line[kTime] != ' ') return {};
  Fields out = fields_of(line.substr(kTime + 1));
  out["time"] = line.substr(0, kTime);
  return out;
}

std::string value_of(const Fields& fields, const char* name) {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

}  // namespace

DepartureLog::DepartureLog(WallTime since) : since_(format_iso8601(since)) {}

void DepartureLog::take(std::string_view line) {
  const Fields fields = read_line(line);
  const std::string event = value_of(fields, "event");
  if (event.empty()) return;
  ++lines_;
  const std::string when = value_of(fields, "time");
  if (when < since_) return;
  // What a command did, as it told the server.
  const Fields did = event == "shell" ? fields_of(value_of(fields, "did")) : fields;
  if (value_of(did, "event") == "person" && value_of(did, "verb") == "erase") {
    // Also one that stopped on its way: erasing again does what is left to do.
    if (auto address = value_of(did, "address"); !address.empty()) erased_.insert(std::move(address));
    return;
  }
  take_request(did, when);
}

std::string DepartureLog::name_then(const std::string& list) const {
  const auto known = called_then_.find(list);
  return known == called_then_.end() ? list : known->second;
}

// `to` is an address, or a local part in the same domain (lists/requests/renaming.h). A list that is made later under the old name
// is none of those that the backup has.
void DepartureLog::take_rename(const std::string& from, const std::string& to) {
  const bool within = to.find('@') == to.npos;
  const auto now = lists::checked_list(within ? to + from.substr(std::min(from.find('@'), from.size())) : to);
  if (!now.ok()) return;
  std::string then = name_then(from);
  called_then_[from] = "";
  called_then_[now->to_string()] = std::move(then);
}

void DepartureLog::take_request(const Fields& fields, const std::string& when) {
  if (value_of(fields, "event") != "request" || value_of(fields, "result") != "done") return;
  const auto verb = lists::verb_named(value_of(fields, "verb"));
  if (verb == Verb::kRename) take_rename(value_of(fields, "list"), value_of(fields, "what"));
  if (verb == Verb::kMoveUser) ++moved_;
  const bool left = verb == Verb::kUnsubscribe || verb == Verb::kDelete;
  const bool joined = verb == Verb::kSubscribe || verb == Verb::kAdd;
  // `what` is the role of others than members.
  if ((!left && !joined) || !value_of(fields, "what").empty()) return;
  const std::string list = name_then(value_of(fields, "list"));
  if (list.empty()) return;
  auto address = smtp::parse_mailbox(value_of(fields, "email"), smtp::LocalPart::kUtf8);
  if (!address.ok()) {
    ++(left ? unread_ : together_);
    if (joined) added_together_[list] = lines_;  // "12 people"
    return;
  }
  Person person{list, *std::move(address), when};
  std::string key = person.list + " " + person.address.local_key() + "@" + person.address.domain;
  people_[std::move(key)] = {std::move(person), left, lines_};
}

std::vector<DepartureLog::Person> DepartureLog::left() const {
  std::vector<Person> out;
  for (const auto& [key, state] : people_) {
    if (!state.left) continue;
    out.push_back(state.person);
    const auto added = added_together_.find(state.person.list);
    out.back().perhaps_back = added != added_together_.end() && added->second > state.line;
  }
  return out;
}

}  // namespace essaim::smtpd::operate
