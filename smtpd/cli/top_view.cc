#include "smtpd/cli/top_view.h"

#include <algorithm>
#include <cstdio>

#include "core/base/text.h"
#include "smtpd/cli/json_text.h"

namespace essaim::smtpd::cli {
namespace {

constexpr int kListsShown = 5;

// At most `columns` characters, without cutting one of UTF-8 in two.
std::string cut(const std::string& line, int columns) {
  if (columns <= 0) return line;
  int shown = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(line[i]) & 0xC0) != 0x80;
    if (begins && ++shown > columns) return line.substr(0, i);
  }
  return line;
}

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10 ? "%.1f" : "%.0f", value);
  return text;
}

std::string rate(const Json& snapshot, const char* name) {
  const Json rates = snapshot.value("rates", Json::object());
  return rates.contains(name) ? number(rates[name].get<double>()) : "-";
}

std::string text_of(const Json& json, const char* name) {
  return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : std::string();
}

std::string age_of(const Json& state) {
  if (!state.contains("oldest_seconds") || !state["oldest_seconds"].is_number()) return "-";
  const auto age = std::chrono::seconds(state["oldest_seconds"].get<std::int64_t>());
  const WallTime now = system_clock().wall_now();
  return show_age(now - age, now);
}

std::string latency(const Json& json, const char* name) {
  if (!json.contains(name) || !json[name].is_number()) return "late";
  return number(json[name].get<double>()) + " ms";
}

void add_table(const Table& table, int columns, std::vector<std::string>* lines) {
  const std::string text = table.text();  // split() gives views of it
  for (std::string_view line : split(text, '\n'))
    if (!line.empty()) lines->push_back(cut(std::string(line), columns));
}

std::vector<std::string> head(const Json& s) {
  std::vector<std::string> lines;
  const std::string time = text_of(s, "time");
  const auto uptime = std::chrono::seconds(s.value("uptime_seconds", std::int64_t{0}));
  lines.push_back("essaim top - " + for_display(time.substr(0, 19)) + " UTC, up " + format_duration(uptime) +
                  ", node " + std::to_string(s.value("node", 0)));
  lines.push_back(
      "in    " + rate(s, "connections_in") + " connections/s, " + rate(s, "messages_in") + " messages/s, " +
      (s.contains("rates") ? bytes_for_display(s["rates"].value("octets_in", 0.0)) : "-") + "/s, " +
      rate(s, "rejections") + " refusals/s; " + std::to_string(s.value("sessions", 0)) + " sessions");
  lines.push_back("out   " + rate(s, "delivered") + " delivered/s, " + rate(s, "deferred") + " deferred/s, " +
                  rate(s, "failed") + " failed/s; " + std::to_string(s.value("connections_out", 0)) +
                  " connections");
  std::string loops = "loops";
  for (const Json& loop : s.value("loops", Json::array())) loops += "  " + latency(loop, "lag_ms");
  const Json database = s.value("database", Json::object());
  lines.push_back(loops + "; database " + latency(database, "answer_ms") + ", " + rate(s, "commits") +
                  " commits/s (" + rate(s, "durable_commits") + " durable)" +
                  (database.value("healthy", true) && !s.value("sending_paused", false)
                       ? ""
                       : ", IN TROUBLE: delivery is paused"));
  return lines;
}

void add_queue(const Json& s, std::vector<std::string>* lines) {
  const Json queue = s.contains("queue") ? s["queue"] : Json();
  if (!queue.is_object()) {
    lines->push_back("queue  not known yet");
    return;
  }
  std::string line = "queue";
  const Json states = queue.value("states", Json::object());  // items() does not keep it alive
  for (const auto& [name, state] : states.items()) {
    const auto recipients = state.value("recipients", std::int64_t{0});
    line += "  " + name + " " + std::to_string(recipients);
    if (recipients > 0) line += " (oldest " + age_of(state) + ")";
  }
  if (const auto open = queue.value("unexpanded", std::int64_t{0}); open > 0)
    line += "; " + plural(open, "post") + " being expanded";
  lines->push_back(line);
}

}  // namespace

Result<std::string> with_rates(const std::string& now, const std::string& before, double seconds) {
  Json json = Json::parse(now, nullptr, false);
  if (!json.is_object() || !json.contains("counters") || !json["counters"].is_object())
    return Error{ErrorCode::kInvalid, "the server's answer cannot be understood: is it of another version?"};
  const Json old = Json::parse(before, nullptr, false);
  if (!old.is_object() || seconds <= 0 || !old.contains("counters")) return json_text(json);
  const auto uptime = [](const Json& j) { return j.value("uptime_seconds", std::int64_t{0}); };
  if (uptime(old) > uptime(json)) return json_text(json);
  Json rates = Json::object();
  const auto add = [&](const Json& a, const Json& b) {
    for (const auto& [name, value] : a.items()) {
      if (!value.is_number_unsigned() || !b.contains(name) || !b[name].is_number_unsigned()) continue;
      const auto x = value.get<std::uint64_t>(), y = b[name].get<std::uint64_t>();
      rates[name] = x < y ? 0.0 : static_cast<double>(x - y) / seconds;
    }
  };
  add(json["counters"], old["counters"]);
  add(json.value("database", Json::object()), old.value("database", Json::object()));
  json["rates"] = rates;
  return json_text(json);
}

std::vector<std::string> render_top(const std::string& snapshot, int columns, int rows) {
  const Json s = Json::parse(snapshot, nullptr, false);
  if (!s.is_object()) return {"the server's answer cannot be understood"};
  std::vector<std::string> lines = head(s);
  add_queue(s, &lines);
  for (std::string& line : lines) line = cut(line, columns);

  const Json queue = s.contains("queue") && s["queue"].is_object() ? s["queue"] : Json::object();
  Table lists({"WAITING", "POSTS", "LIST"});
  int shown = 0;
  for (const Json& list : queue.value("lists", Json::array())) {
    if (++shown > kListsShown) break;
    lists.add({std::to_string(list.value("recipients", std::int64_t{0})),
               std::to_string(list.value("posts", std::int64_t{0})), list.value("list", "")});
  }
  if (!lists.empty()) {
    lines.emplace_back();
    add_table(lists, columns, &lines);
  }
  Table destinations({"WAITING", "CONNECTIONS", "DESTINATION", "STATE", "LAST REPLY"});
  for (const Json& d : s.value("destinations", Json::array()))
    destinations.add({std::to_string(d.value("waiting", std::int64_t{0})),
                      std::to_string(d.value("connections", 0)) + "/" + std::to_string(d.value("limit", 0)),
                      d.value("domain", ""), d.value("state", ""), d.value("last_reply", "")});
  if (!destinations.empty()) {
    lines.emplace_back();
    add_table(destinations, columns, &lines);
  }
  if (rows > 0) {
    const auto fit = static_cast<std::size_t>(rows);
    if (lines.size() > fit) lines.resize(fit);
  }
  return lines;
}

}  // namespace essaim::smtpd::cli
