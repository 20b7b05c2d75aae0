#include <algorithm>

#include "core/base/json.h"
#include "smtpd/daemon/statistics.h"

namespace essaim::smtpd {
namespace {

Json milliseconds(const std::optional<Duration>& d) {
  if (!d) return nullptr;
  return static_cast<double>(std::chrono::duration_cast<std::chrono::microseconds>(*d).count()) / 1000.0;
}

Json as_json(const storage::QueueLoad& load, WallTime now) {
  Json states = Json::object(), lists = Json::array();
  for (const auto& s : load.states) {
    Json& state = states[to_string(s.queue)];
    state = {{"batches", s.batches},
             {"recipients", s.recipients},
             {"oldest", nullptr},
             {"oldest_seconds", nullptr}};
    if (s.oldest == WallTime{}) continue;
    state["oldest"] = format_iso8601(s.oldest);
    state["oldest_seconds"] =
        std::max<std::int64_t>(0, std::chrono::duration_cast<std::chrono::seconds>(now - s.oldest).count());
  }
  for (const auto& l : load.lists)
    lists.push_back({{"list", l.address}, {"posts", l.posts}, {"recipients", l.recipients}});
  return {{"states", states}, {"unexpanded", load.unexpanded}, {"lists", lists}};
}

Json as_json(const delivery::DestinationStatus& d) {
  return {{"domain", d.domain}, {"connections", d.connections},
          {"limit", d.limit},   {"waiting", d.waiting},
          {"state", d.state},   {"last_reply", d.last_replies.empty() ? std::string() : d.last_replies[0]}};
}

}  // namespace

std::string to_json(const Snapshot& snapshot) {
  Json counters = Json::object();
  for (std::size_t i = 0; i < kCounters; ++i)
    counters[to_string(static_cast<Counter>(i))] = snapshot.counters[i];
  Json loops = Json::array();
  for (std::size_t i = 0; i < snapshot.loops.size(); ++i) {
    const auto& [name, lag] = snapshot.loops[i];
    const std::vector<int>& sockets = snapshot.facts.sockets;
    loops.push_back(
        {{"name", name}, {"lag_ms", milliseconds(lag)}, {"sockets", i < sockets.size() ? sockets[i] : 0}});
  }
  Json destinations = Json::array();
  for (const auto& d : snapshot.busiest) destinations.push_back(as_json(d));
  const Json out{
      {"time", format_iso8601(snapshot.time)},
      {"uptime_seconds", std::chrono::duration_cast<std::chrono::seconds>(snapshot.uptime).count()},
      {"node", snapshot.facts.node},
      {"counters", counters},
      {"sessions", snapshot.facts.sessions},
      {"connections_out", snapshot.engine.connections},
      {"sending_paused", snapshot.sending_paused},
      {"loops", loops},
      {"database",
       {{"healthy", snapshot.database_healthy},
        {"answer_ms", milliseconds(snapshot.database_answer)},
        {"commits", snapshot.database.commits},
        {"durable_commits", snapshot.database.durable_commits},
        {"failed_commits", snapshot.database.failed_commits}}},
      {"destinations", destinations},
      {"queue", snapshot.queue ? as_json(*snapshot.queue, snapshot.time) : Json(nullptr)}};
  return json_text(out);
}

}  // namespace essaim::smtpd
