// essaim node: the nodes that share the database, what each owns, and taking one out of service.
#include <algorithm>
#include <map>

#include <CLI/CLI.hpp>

#include "core/base/log.h"
#include "core/base/text.h"
#include "smtpd/admin/client.h"
#include "smtpd/cli/commands.h"
#include "smtpd/cli/json_text.h"
#include "smtpd/cli/site.h"
#include "storage/batch_store.h"
#include "storage/node_removal.h"
#include "storage/node_store.h"

namespace essaim::smtpd::cli {
namespace {

using storage::NodeSight;
using storage::NodeState;

struct Nodes {
  std::vector<NodeSight> all;
  std::map<int, storage::BatchStore::Owned> owned;
};

Result<Nodes> read_nodes(Site& site) {
  Nodes nodes;
  ESSAIM_TRY(site.read([&nodes](storage::Connection& c) -> Result<void> {
    auto all = storage::NodeStore(c).all();
    if (!all.ok()) return all.error();
    auto owned = storage::BatchStore(c).owned_by_node();
    if (!owned.ok()) return owned.error();
    nodes = {*std::move(all), *std::move(owned)};
    return {};
  }));
  return nodes;
}

// Who has a file of its own changes nothing in its row when it ends: it is at work when it answers.
void ask_who_runs(const Result<std::string>& answer, const Json& json, Nodes* nodes) {
  const bool none = !answer.ok() && answer.error().code == ErrorCode::kNotFound &&
                    answer.error().message.starts_with("no server");
  if (!none && !json.contains("node")) return;
  const int running = none ? 0 : json["node"].get<int>();
  for (NodeSight& node : nodes->all) {
    if (node.at_work() && node.number != running) node.state = NodeState::kStopped;
  }
}

// What the server on this machine has seen of the others' beats: number -> milliseconds of silence. Nothing without one.
std::map<int, std::int64_t> silences(Site& site, Nodes* nodes) {
  std::map<int, std::int64_t> out;
  auto answer = admin::call(site.settings().admin_socket(), {"nodes", {}}, std::chrono::seconds(5));
  const Json json = answer.ok() ? Json::parse(*answer, nullptr, false) : Json();
  if (!site.settings().database_file().empty()) ask_who_runs(answer, json, nodes);
  if (!json.contains("silent_ms")) return out;
  for (const auto& [number, ms] : json["silent_ms"].items())
    out[std::atoi(number.c_str())] = ms.get<std::int64_t>();
  return out;
}

Json as_json(const NodeSight& node, const Nodes& nodes, const std::map<int, std::int64_t>& silent) {
  const auto owned = nodes.owned.find(node.number);
  const auto quiet = silent.find(node.number);
  return {{"number", node.number},
          {"hostname", node.hostname},
          {"state", to_string(node.state)},
          {"drains", node.drains},
          {"epoch", node.epoch},
          {"started", format_iso8601(node.started)},
          {"version", node.version},
          {"lease_ms", std::chrono::duration_cast<std::chrono::milliseconds>(node.lease).count()},
          {"silent_ms", quiet == silent.end() ? Json(nullptr) : Json(quiet->second)},
          {"batches", owned == nodes.owned.end() ? 0 : owned->second.batches},
          {"recipients", owned == nodes.owned.end() ? 0 : owned->second.recipients}};
}

// Of one that is down it is told what it will do when it is back.
std::string state_text(const NodeSight& node) {
  return std::string(to_string(node.state)) + (node.drains && !node.at_work() ? ", drains" : "");
}

std::string silence_text(const Json& node) {
  if (node["silent_ms"].is_null()) return "";
  return format_duration(std::chrono::seconds(node["silent_ms"].get<std::int64_t>() / 1000));
}

int list(const Shell& shell, Site& site) {
  auto nodes = read_nodes(site);
  if (!nodes.ok()) return shell.fail(nodes.error());
  const auto silent = silences(site, &*nodes);
  Json json = Json::array();
  Table table({"NODE", "HOST", "STATE", "SILENT", "EPOCH", "SINCE", "BATCHES", "RECIPIENTS", "VERSION"});
  for (const NodeSight& node : nodes->all) {
    Json one = as_json(node, *nodes, silent);
    table.add({std::to_string(node.number), node.hostname, state_text(node), silence_text(one),
               std::to_string(node.epoch), show_time(node.started), one["batches"].dump(),
               one["recipients"].dump(), node.version});
    json.push_back(std::move(one));
  }
  if (shell.json) return print_json(json);
  if (table.empty())
    print_line("no nodes yet: no server has begun on this database");
  else
    print(table.text());
  return kOk;
}

// By number or host name.
Result<NodeSight> find(const Nodes& nodes, const std::string& name) {
  std::vector<std::string> names;
  for (const NodeSight& node : nodes.all) {
    if (node.hostname == name || std::to_string(node.number) == name) return node;
    names.push_back(node.hostname);
  }
  const std::string meant = nearest(name, names);
  return Error{ErrorCode::kNotFound,
               "no node \"" + name + "\"" +
                   (meant.empty() ? "; see: essaim node list" : "; did you mean \"" + meant + "\"?")};
}

int show(const Shell& shell, Site& site, const std::string& name) {
  auto nodes = read_nodes(site);
  if (!nodes.ok()) return shell.fail(nodes.error());
  const auto beats = silences(site, &*nodes);
  auto node = find(*nodes, name);
  if (!node.ok()) return shell.fail(node.error());
  const Json json = as_json(*node, *nodes, beats);
  if (shell.json) return print_json(json);
  print_line("node        " + std::to_string(node->number) + ", " + for_display(node->hostname));
  print_line("state       " + state_text(*node));
  if (const std::string silent = silence_text(json); !silent.empty()) print_line("silent for  " + silent);
  print_line("lease       " + format_duration(node->lease));
  print_line("epoch       " + std::to_string(node->epoch) + ", since " + show_time(node->started));
  print_line("version     " + for_display(node->version));
  print_line("owns        " + plural(json["batches"].get<std::int64_t>(), "batch") + " with " +
             plural(json["recipients"].get<std::int64_t>(), "recipient") + " to go");
  return kOk;
}

// A server with a file of its own does not look at its row: nobody would take its work up.
int want(const Shell& shell, Site& site, const std::string& name, bool drains) {
  if (drains && !site.settings().database_file().empty())
    return shell.fail(
        Error{ErrorCode::kConflict,
              "a node with an SQLite database is alone, and nobody takes its work: "
              "\"essaim drain\" ends its server in order (with essaim.socket stop that first)"});
  auto nodes = read_nodes(site);
  if (!nodes.ok()) return shell.fail(nodes.error());
  auto node = find(*nodes, name);
  if (!node.ok()) return shell.fail(node.error());
  const auto written =
      site.database().write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
        auto matched = storage::NodeStore(c).want(node->number, drains);
        if (!matched.ok()) return matched.error();
        if (*matched) return {};
        return Error{ErrorCode::kNotFound, "the row of node " + node->hostname + " is gone"};
      });
  if (!written.ok()) return shell.fail(written.error());
  log::info("node", {{"verb", drains ? "drain" : "undrain"}, {"node", node->hostname}});
  const NodeState state = !node->at_work() ? node->state
                          : drains         ? NodeState::kDraining
                                           : NodeState::kServing;
  const std::string effect = !node->at_work() ? " is " + std::string(to_string(state)) + ", and will " +
                                                    (drains ? "drain" : "serve") + " when it is back"
                             : drains ? " drains: it takes nothing new and gives back what it has"
                                      : " serves again";
  return shell.done(node->hostname + effect,
                    json_text({{"node", node->number}, {"state", to_string(state)}, {"drains", drains}}));
}

int remove(const Shell& shell, Site& site, const std::string& name) {
  auto nodes = read_nodes(site);
  if (!nodes.ok()) return shell.fail(nodes.error());
  auto node = find(*nodes, name);
  if (!node.ok()) return shell.fail(node.error());
  if (!site.settings().database_file().empty() && node->hostname == site.settings().hostname)
    return shell.fail(
        Error{ErrorCode::kConflict,
              "node " + node->hostname + " is the one that this configuration is for (hostname)"});
  const auto gone = site.database().write_now(
      storage::Durability::kAccept,
      [&](storage::Connection& c) -> Result<void> { return storage::remove_node(c, *node); });
  if (!gone.ok()) return shell.fail(gone.error());
  log::info("node", {{"verb", "delete"}, {"node", node->hostname}});
  const std::string died = node->dead() ? "; it died: if its disk is still there, start it once more under "
                                          "the same host name and state, for its "
                                          "journal tells what it had delivered (it will be a new node then)"
                                        : "";
  return shell.done(node->hostname + " is deleted; its number " + std::to_string(node->number) +
                        " is not given again" + died,
                    json_text({{"node", node->number}, {"hostname", node->hostname}, {"deleted", true}}));
}

}  // namespace

void add_node(Shell& shell) {
  CLI::App* noun = shell.noun("node", "the nodes that share the database");
  shell.verb(noun, "list", "the nodes, whether they serve, and what each owns", "  essaim node list",
             [&shell] { return with_site(shell, [&](Site& site) { return list(shell, site); }); });
  const auto about_one = [&](const char* verb, const char* help,
                             const std::function<int(Site&, const std::string&)>& run) {
    auto name = std::make_shared<std::string>();
    shell
        .verb(noun, verb, help, "  essaim node " + std::string(verb) + " mx2.lists.example.org",
              [&shell, name, run] { return with_site(shell, [&](Site& site) { return run(site, *name); }); })
        ->add_option("NODE", *name, "its host name or number")
        ->required();
  };
  about_one("show", "one node",
            [&shell](Site& site, const std::string& name) { return show(shell, site, name); });
  about_one("drain",
            "take a node of a cluster out of service while it runs: not ready, 421 to clients, its work back "
            "to the "
            "others",
            [&shell](Site& site, const std::string& name) { return want(shell, site, name, true); });
  about_one("undrain", "let it serve again",
            [&shell](Site& site, const std::string& name) { return want(shell, site, name, false); });
  about_one("delete", "forget a node that does not come back: stopped or dead, and owning nothing",
            [&shell](Site& site, const std::string& name) { return remove(shell, site, name); });
}

}  // namespace essaim::smtpd::cli
