#include "smtpd/operate/departure_log.h"

#include <algorithm>
#include <utility>

#include "lists/names.h"
#include "lists/requests/request.h"
#include "smtpd/operate/log_line.h"

namespace essaim::smtpd::operate {
namespace {

using Fields = LogFields;
using lists::Verb;

}  // namespace

DepartureLog::DepartureLog(WallTime since) : since_(format_iso8601(since)) {}

void DepartureLog::take(std::string_view line) {
  const Fields fields = read_log_line(line);
  const std::string event = value_of(fields, "event");
  if (event.empty()) return;
  ++lines_;
  const std::string when = value_of(fields, "time");
  if (when < since_) return;
  // What a command did, as it told the server.
  const Fields did = event == "shell" ? log_fields(value_of(fields, "did")) : fields;
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
