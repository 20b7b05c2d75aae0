// What the running server does for the command line, see admin/protocol.h. Handlers run on loop 0; what
// blocks goes to the operator's executor.
#include <algorithm>
#include <atomic>
#include <future>
#include <limits>
#include <tuple>

#include "core/base/json.h"
#include "core/base/log.h"
#include "core/base/text.h"
#include "core/smtp/idn.h"
#include "smtpd/daemon/server.h"
#include "smtpd/operate/post_retry.h"
#include "smtpd/operate/queue_ops.h"

namespace essaim::smtpd {
namespace {

using admin::Request;
using ResponderPtr = std::shared_ptr<admin::Responder>;

constexpr Duration kRecallPatience = std::chrono::seconds(30);

Result<std::string> message(const std::string& words) {
  return json_text({{"message", words}});
}

Json as_json(const delivery::DestinationStatus& d) {
  return {{"domain", d.domain},
          {"key", d.key},
          {"settings", d.rule},
          {"together", d.group},
          {"destinations", d.destinations},
          {"hosts", d.hosts},
          {"connections", d.connections},
          {"limit", d.limit},
          {"waiting", d.waiting},
          {"state", d.state},
          {"last_replies", d.last_replies}};
}

// Where most waits, and then where something is going on, comes first; no more than `most`: there may be thousands.
Json list_json(std::vector<delivery::DestinationStatus> all, std::uint64_t most) {
  const auto suspended = std::count_if(all.begin(), all.end(), [](const delivery::DestinationStatus& d) {
    return d.state.find("suspended") != std::string::npos;
  });
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(most, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const auto& a, const auto& b) {
    return std::tie(b.waiting, b.connections, a.domain) < std::tie(a.waiting, a.connections, b.domain);
  });
  Json list = Json::array();
  for (auto d = all.begin(); d != end; ++d) list.push_back(as_json(*d));
  return {{"destinations", std::move(list)}, {"all", all.size()}, {"suspended", suspended}};
}

}  // namespace

std::map<std::string, admin::Verb> Server::admin_verbs() {
  std::map<std::string, admin::Verb> verbs;
  verbs["ping"] = {
      {}, [this](const Request&, const ResponderPtr& r) {
        r->answer(
            json_text({{"node", node_.number}, {"epoch", node_.epoch}, {"sessions", guard_->connections()}}));
      }};
  verbs["nodes"] = {{}, [this](const Request&, const ResponderPtr& r) {
                      Json silent = Json::object();
                      if (membership_)
                        for (const auto& [number, time] : membership_->silences())
                          silent[std::to_string(number)] =
                              std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
                      const auto state = ready();
                      r->answer(json_text({{"node", node_.number},
                                           {"ready", state.ok()},
                                           {"why", state.ok() ? "" : state.error().message},
                                           {"silent_ms", silent}}));
                    }};
  verbs["noted"] = {{"lines"}, [](const Request& q, const ResponderPtr& r) {
                      const std::string lines = q.argument("lines");
                      for (const std::string_view line : split(lines, '\n'))
                        if (!line.empty()) log::info("shell", {{"did", line}});
                      r->answer(message("noted"));
                    }};
  verbs["ring"] = {{}, [this](const Request&, const ResponderPtr& r) {
                     engine_->ring();
                     r->answer(message("rung"));
                   }};
  verbs["destinations"] = {
      {"most"}, [this](const Request& q, const ResponderPtr& r) {
        const std::string words = q.argument("most");
        const auto most = words.empty() ? std::numeric_limits<std::uint64_t>::max() : parse_u64(words);
        if (!most)
          return r->answer(
              Error{ErrorCode::kInvalid, "\"most\" is no number of destinations: \"" + words + "\""});
        engine_->destinations([r, most = *most](std::vector<delivery::DestinationStatus> all) {
          r->answer(json_text(list_json(std::move(all), most)));
        });
      }};
  verbs["explain"] = {
      {"domain"}, [this](const Request& q, const ResponderPtr& r) {
        engine_->explain(
            q.argument("domain"), [r](const delivery::DestinationStatus& d, const std::string& words) {
              r->answer(json_text({{"running", true}, {"destination", as_json(d)}, {"text", words}}));
            });
      }};
  verbs["suspensions"] = {{"domain"}, [this](const Request& q, const ResponderPtr& r) {
                            engine_->suspensions_changed();
                            if (!q.argument("domain").empty())
                              engine_->retry_destination(q.argument("domain"));
                            r->answer(message("read again"));
                          }};
  verbs["counters"] = {{}, [this](const Request&, const ResponderPtr& r) {
                         const auto c = database_->counters();
                         r->answer(json_text({{"statements", c.statements},
                                              {"reads", c.reads},
                                              {"commits", c.commits},
                                              {"durable_commits", c.durable_commits},
                                              {"failed_commits", c.failed_commits}}));
                       }};
  verbs["log-level"] = {
      {"level"}, [](const Request& q, const ResponderPtr& r) {
        const std::string name = q.argument("level");
        const auto level = log::level_named(name);
        if (!level)
          return r->answer(
              Error{ErrorCode::kInvalid, "\"" + name + "\" is not a level: debug, info, warning or error"});
        log::set_level(*level);
        r->answer(message("level is " + name));
      }};
  verbs["reload"] = {{}, [this](const Request&, const ResponderPtr& r) {
                       control_.post([this, r] {
                         auto done = reload();
                         r->answer(done.ok() ? message(*done) : Result<std::string>(done.error()));
                       });
                     }};
  verbs["drain"] = {{}, [this](const Request&, const ResponderPtr& r) {
                      log::info("drain-asked");
                      r->answer(message("draining"));
                      control_.terminate();
                    }};
  verbs["top"] = {{}, [this](const Request&, const ResponderPtr& r) {
                    if (!statistics_)
                      statistics_ = std::make_unique<Statistics>(*loops_.front().loop, statistics_parts(),
                                                                 Statistics::Depth{});
                    statistics_->ask([r](const Snapshot& snapshot) { r->answer(to_json(snapshot)); });
                  }};
  verbs["trace"] = {{"peer", "destination", "list"},
                    [this](const Request& q, const ResponderPtr& r) { trace(q, r); }};
  for (const auto action : {operate::QueueAction::kHold, operate::QueueAction::kRelease,
                            operate::QueueAction::kDelete, operate::QueueAction::kRetry}) {
    const std::string name = operate::to_string(action);
    admin::Verb verb = {{"ids", "list", "recipient", "domain", "sender", "subject", "account", "client",
                         "message_id", "since", "until", "larger_than", "state", "why", "reason"},
                        [this, name](const Request& q, const ResponderPtr& r) { change_queue(name, q, r); }};
    if (action == operate::QueueAction::kDelete) verb.arguments.insert("recipients");
    verbs["queue-" + name] = std::move(verb);
  }
  verbs["post-retry"] = {{"ids", "list", "recipient", "domain", "since", "until", "why", "forgive", "reason"},
                         [this](const Request& q, const ResponderPtr& r) { retry_posts(q, r); }};
  return verbs;
}

Statistics::Parts Server::statistics_parts() {
  std::vector<net::EventLoop*> loops;
  loops.reserve(loops_.size());
  for (const Loop& l : loops_) loops.push_back(l.loop.get());
  return {*database_, *engine_, std::move(loops), [this] { return facts(); }, serving_since_};
}

NodeFacts Server::facts() const {
  NodeFacts out;
  out.node = node_.number;
  out.sessions = static_cast<int>(guard_->connections());
  out.sockets = gate_.by_loop();
  out.shedding = guard_->full();
  if (membership_) out.nodes_at_work = 1 + static_cast<int>(membership_->silences().size());
  out.keys_unusable = static_cast<int>(keys_->unusable());
  out.message_memory = budget_->used();
  out.message_memory_limit = budget_->limit();
  if (intake_) {
    const ListIntake::Waiting waiting = intake_->waiting();
    out.large_waiting = waiting.large;
    out.small_waiting = waiting.small;
  }
  out.disk_left = guard_->disk_left();
  if (guard_->disk_short()) out.shedding = true;  // new mail
  const std::lock_guard lock(told_mutex_);
  out.certificates = told_certificates_;
  return out;
}

void Server::change_queue(const std::string& action, const Request& request, const ResponderPtr& responder) {
  auto selection = operate::QueueSelection::from_arguments(request.arguments);
  if (!selection.ok()) return responder->answer(selection.error());
  operate::QueueRequest work;
  for (const auto known : {operate::QueueAction::kHold, operate::QueueAction::kRelease,
                           operate::QueueAction::kDelete, operate::QueueAction::kRetry})
    if (action == operate::to_string(known)) work.action = known;
  work.selection = *selection;
  work.reason = request.argument("reason");
  work.node = node_;
  const bool taken = operator_->submit([this, work, responder] {
    const auto recall = [this](const std::vector<Id>& posts) { recall_now(posts); };
    if (work.action == operate::QueueAction::kRetry) forget_dead(work.selection.filter.domain);
    auto change =
        operate::change_queue(*database_, system_clock(), work, recall, [this] { return !delivers_.load(); });
    engine_->ring();
    if (!change.ok()) return responder->answer(change.error());
    responder->answer(operate::to_json(*change));
  });
  if (!taken) responder->answer(Error{ErrorCode::kCancelled, "the server is shutting down"});
}

void Server::recall_now(const std::vector<Id>& posts) {
  auto back = std::make_shared<std::promise<void>>();
  const auto over = back->get_future();
  // Nobody has it but the engine: one that ends drops it, and that ends the wait as well.
  engine_->recall(posts, [back = std::move(back)] { back->set_value(); });
  over.wait_for(kRecallPatience);
}

void Server::retry_posts(const Request& request, const ResponderPtr& responder) {
  auto selection = operate::QueueSelection::from_arguments(request.arguments);
  if (!selection.ok()) return responder->answer(selection.error());
  const operate::PostRetry work{*selection, request.argument("reason"), node_,
                                request.argument("forgive") == "yes"};
  // A request by an earlier command line names posts; nobody is to mean all of them by an empty one.
  if (work.selection.ids.empty() && work.selection.filter.since == WallTime{})
    return responder->answer(Error{ErrorCode::kInvalid, "neither posts nor a time are named"});
  const bool taken = operator_->submit([this, work, responder] {
    forget_dead(work.selection.filter.domain);
    auto change = operate::retry_posts(
        *database_, system_clock(), work, [this](const std::vector<Id>& posts) { recall_now(posts); },
        [this] { return !delivers_.load(); });
    engine_->ring();
    if (!change.ok()) return responder->answer(change.error());
    responder->answer(operate::to_json(*change));
  });
  if (!taken) responder->answer(Error{ErrorCode::kCancelled, "the server is shutting down"});
}

// Who asks for a retry believes that it works again.
void Server::forget_dead(const std::string& domain) {
  if (!domain.empty()) return engine_->retry_destination(smtp::kept_domain(domain));
  engine_->destinations([this](const std::vector<delivery::DestinationStatus>& all) {
    for (const auto& d : all)
      if (d.state.starts_with("suspended")) engine_->retry_destination(d.domain);
  });
}

void Server::trace(const Request& request, const ResponderPtr& responder) {
  if (request.arguments.size() != 1)
    return responder->answer(Error{ErrorCode::kInvalid, "one of peer, destination and list is to be traced"});
  const std::string peer = request.argument("peer");
  if (peer.empty()) return trace_delivery(request, responder);
  auto address = net::SocketAddress::from_ip(peer, 0);
  if (!address.ok())
    return responder->answer(Error{ErrorCode::kInvalid, "\"" + peer + "\" is not an IP address"});
  trace_peer(address->ip(), responder);
}

void Server::trace_peer(const std::string& ip, const ResponderPtr& responder) {
  auto trace = std::make_shared<Trace>(ip, responder);
  responder->begin_stream([this, weak = std::weak_ptr<Trace>(trace)] {
    std::erase_if(traces_, [&](const auto& t) { return t == weak.lock(); });
    publish_traces();
  });
  traces_.push_back(std::move(trace));
  publish_traces();
  responder->answer(message("tracing"));
}

void Server::publish_traces() {
  const Traces traces = std::make_shared<const std::vector<std::shared_ptr<Trace>>>(traces_);
  for (Loop& l : loops_) {
    l.loop->post([&l, traces] {
      if (l.inbound) l.inbound->set_traces(traces);
    });
  }
}

// Delivery has one trace at a time.
void Server::trace_delivery(const Request& request, const ResponderPtr& responder) {
  if (delivery_watcher_)
    return responder->answer(
        Error{ErrorCode::kConflict, "deliveries are being traced already; end that trace first"});
  delivery_watcher_ = responder;
  responder->begin_stream([this] {
    if (!delivery_watcher_) return;
    delivery_watcher_.reset();
    engine_->set_trace({}, nullptr);
  });
  delivery::Engine::TraceTarget target{smtp::kept_domain(request.argument("destination")),
                                       smtp::kept_address(request.argument("list"))};
  responder->answer(message("tracing"));
  engine_->set_trace(target, [responder](const std::string& line) { responder->line(line); });
}

}  // namespace essaim::smtpd
