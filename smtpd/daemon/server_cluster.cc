// Of Server: this node among those that share its database (storage/cluster/membership.h).
#include "core/base/log.h"
#include "smtpd/daemon/server.h"
#include "smtpd/operate/open_database.h"
#include "storage/retry_calls.h"

namespace essaim::smtpd {
namespace {

// Another node may begin for the first time at the same moment and take the number.
constexpr int kBeginTries = 5;
constexpr std::size_t kDemandsTold = 100;  // destinations: the busiest

}  // namespace

bool Server::shares_database() const {
  return settings_.database_file().empty();
}

Result<void> Server::begin_epoch() {
  Result<void> begun;
  for (int i = 0; i < kBeginTries; ++i) {
    begun =
        database_->write_now(storage::Durability::kAccept, [this](storage::Connection& c) -> Result<void> {
          auto node = storage::NodeStore(c).begin_epoch(settings_.hostname, system_clock().wall_now(),
                                                        settings_.cluster_lease, ESSAIM_VERSION);
          if (!node.ok()) return node.error();
          node_ = *node;
          return {};
        });
    if (begun.ok() || begun.error().code != ErrorCode::kExists) break;
  }
  return begun;
}

Result<void> Server::join_cluster(const std::string& password) {
  lease_ = std::make_unique<storage::NodeLease>(system_clock());
  if (!shares_database()) {
    lease_->hold_for_ever();
    return {};
  }
  storage::DatabaseOptions options = operate::database_options(settings_, password, 1);
  storage::Membership::Options membership;
  membership.lease = settings_.cluster_lease;
  options.reply_timeout = std::max<Duration>(membership.beat_every(), std::chrono::seconds(1));
  auto database = storage::Database::open(options);
  if (!database.ok()) return database.error();
  beat_database_ = *std::move(database);
  membership_ =
      std::make_unique<storage::Membership>(*beat_database_, system_clock(), node_, *lease_, membership,
                                            static_cast<storage::Membership::Listener&>(*this));
  ESSAIM_TRY(membership_->start());
  log::info("node-begun", {{"node", node_.number},
                           {"hostname", settings_.hostname},
                           {"epoch", node_.epoch},
                           {"lease", settings_.cluster_lease}});
  return {};
}

void Server::on_view(const storage::ClusterView& view) {
  if (!delivers_.load()) return;  // not yet, or not any more
  if (view.at_work != seen_at_work_) {
    seen_at_work_ = view.at_work;
    std::string numbers;
    for (const int number : view.at_work) numbers += (numbers.empty() ? "" : ", ") + std::to_string(number);
    log::info("nodes-at-work", {{"nodes", numbers}});
  }
  if (view.serving != seen_serving_) {
    seen_serving_ = view.serving;
    engine_->set_nodes(view.serving);
  }
  share_budgets(view);
  if (view.suspensions != seen_suspensions_) {
    seen_suspensions_ = view.suspensions;
    engine_->suspensions_changed();
  }
  if (view.holds != seen_holds_) {
    seen_holds_ = view.holds;
    engine_->holds_changed();
  }
  hear_retry_calls(view);
  const bool drain = view.wanted == storage::NodeState::kDraining;
  if (drain != seen_drain_) {
    seen_drain_ = drain;
    control_.post([this, drain] { set_draining(drain); });
  }
  if (!drain && (view.ready || view.due || view.unexpanded)) engine_->ring();
}

// Those of other nodes, and of this one once more. When it starts nothing is dead yet, so what is old does no harm.
void Server::hear_retry_calls(const storage::ClusterView& view) {
  const storage::RetryCalls calls = storage::retry_calls_since(view.retry_calls, seen_retry_calls_);
  seen_retry_calls_ = calls.last;
  if (calls.all) return forget_dead("");
  for (const std::string& domain : calls.domains) forget_dead(domain);
}

void Server::share_budgets(const storage::ClusterView& view) {
  if (view.at_work.size() < 2) {
    if (shares_budgets_) engine_->set_demands({});
    shares_budgets_ = false;
    return;
  }
  shares_budgets_ = true;
  delivery::Demands others;
  for (const storage::NodeSight& node : view.nodes)
    if (node.at_work() && node.number != node_.number)
      delivery::add_demands(node.number, node.demand, &others);
  engine_->set_demands(std::move(others));
  engine_->busiest(kDemandsTold, [this](const std::vector<delivery::DestinationStatus>& busy, const auto&) {
    std::vector<std::pair<std::string, std::int64_t>> own;
    own.reserve(busy.size());
    for (const delivery::DestinationStatus& one : busy)
      own.emplace_back(one.key, one.waiting + one.connections);
    membership_->set_demand(delivery::encode_demands(own));
  });
}

void Server::on_lease_again() {
  if (delivers_.load()) engine_->lease_again();
}

void Server::on_fenced(bool dead) {
  // Two servers under one name would end each other for ever.
  if (!dead) fatal_ = "another server runs under the host name " + settings_.hostname;
  control_.restart();
}

void Server::set_draining(bool on) {
  if (!started_ || gate_.refuses() == on) return;
  log::info(on ? "draining" : "drain-over", {{"node", node_.number}});
  if (!on) {
    gate_.set_refuses(false);
    return engine_->rest(false);
  }
  // First: what is for ourselves would be refused at our own port, and put off.
  engine_->rest(true);
  gate_.set_refuses(true);
  on_each_loop([](Loop& l) { l.inbound->shut_down_sessions(); });
}

Result<void> Server::ready() const {
  const auto not_ready = [](const std::string& why) { return Error{ErrorCode::kTemporary, why}; };
  if (!delivers_.load()) return not_ready("starting or stopping");
  if (gate_.refuses()) return not_ready("draining");
  if (!lease_->holds()) return not_ready("cut off from the database");
  if (!database_->healthy()) return not_ready("the database is in trouble");
  return {};
}

}  // namespace essaim::smtpd
