// Of Server: this node among those that share its database (storage/cluster/membership.h).
#include "core/base/log.h"
#include "smtpd/daemon/notify.h"
#include "smtpd/daemon/server.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/open_database.h"
#include "storage/retry_calls.h"

namespace essaim::smtpd {
namespace {

// Another node may begin for the first time at the same moment and take the number.
constexpr int kBeginTries = 5;
constexpr Duration kLookEvery = std::chrono::milliseconds(500);

}  // namespace

bool Server::shares_database() const {
  return settings_.database_file().empty();
}

// A server that was killed had its row at work and begins anew at once, from its own state directory. Whoever comes from
// another one may have been given the name by mistake, and would end a server that lives: it watches first.
Result<void> Server::begin_epoch() {
  const WallTime now = system_clock().wall_now();
  storage::NodeStore::Ended ended;
  ended.started = state_->last_start();
  Result<void> begun;
  for (int i = 0; i < kBeginTries; ++i) {
    begun = database_->write_now(storage::Durability::kAccept, [&](storage::Connection& c) -> Result<void> {
      auto node = storage::NodeStore(c).begin_epoch(settings_.hostname, now, settings_.cluster_lease,
                                                    ESSAIM_VERSION, shares_database() ? &ended : nullptr);
      if (!node.ok()) return node.error();
      node_ = *node;
      if (shares_database()) return {};
      // Nobody looks at it on a file, and from there it must not come to a cluster: older commands took the wish.
      const auto serves = storage::NodeStore(c).want(node_.number, false);
      return serves.ok() ? Result<void>() : serves.error();
    });
    if (begun.ok()) break;
    if (shares_database() && begun.error().code == ErrorCode::kConflict) {
      auto silent = watch_for_beats();
      if (!silent.ok()) return silent.error();
      ended = *silent;
    } else if (begun.error().code != ErrorCode::kExists) {
      break;
    }
  }
  if (begun.ok()) state_->note_start(now);
  return begun;
}

// Until a server that lives would have beaten: the time between two beats, and that which the database may take for one.
// kConflict: it has.
Result<storage::NodeStore::Ended> Server::watch_for_beats() {
  std::optional<storage::NodeSight> first, seen;
  const auto look = [&](storage::Connection& c) -> Result<void> {
    auto found = storage::NodeStore(c).find(settings_.hostname);
    if (!found.ok()) return found.error();
    seen = *std::move(found);
    return {};
  };
  for (MonoTime until{};;) {
    const MonoTime asked = system_clock().mono_now();
    ESSAIM_TRY(database_->look_now(look));
    if (!seen || !seen->at_work()) return storage::NodeStore::Ended{};  // nobody's any more
    if (!first) {
      first = seen;
      storage::Membership::Options of_it;
      if (seen->lease > Duration::zero()) of_it.lease = seen->lease;
      const Duration patience = of_it.beat_every() + of_it.beat_patience();
      until = system_clock().mono_now() + patience;
      log::info("host-name-watched",
                {{"hostname", settings_.hostname}, {"epoch", seen->epoch}, {"for", patience}});
      notify_manager("STATUS=looking whether another server runs under the host name " + settings_.hostname);
    } else if (seen->epoch != first->epoch || seen->beat != first->beat) {
      return end_for_the_other();
    } else if (asked >= until) {
      return storage::NodeStore::Ended{{}, seen->epoch, seen->beat};
    }
    notify_manager("WATCHDOG=1");
    if (control_.wait(kLookEvery) == Control::Event::kTerminate)
      return Error{ErrorCode::kCancelled, "told to end before it had begun"};
  }
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
  options.reply_timeout = membership.beat_patience();
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

// Before the first look has shown who is at work, all that the database knows may begin at the same moment as this one: of what
// they share it takes no more than it may take with them.
void Server::expect_others() {
  if (!shares_database()) return;
  const auto known = database_->look_now([](storage::Connection& c) { return storage::NodeStore(c).all(); });
  if (!known.ok() || known->size() < 2) return;
  shares_budgets_ = true;
  engine_->set_demands({}, static_cast<int>(known->size()));
}

void Server::share_budgets(const storage::ClusterView& view) {
  if (view.at_work.size() < 2) {
    if (shares_budgets_) engine_->set_demands({}, 1);
    shares_budgets_ = false;
    return;
  }
  shares_budgets_ = true;
  delivery::Demands others;
  for (const storage::NodeSight& node : view.nodes)
    if (node.at_work() && node.number != node_.number)
      delivery::add_demands(node.number, node.demand, &others);
  engine_->set_demands(std::move(others), static_cast<int>(view.at_work.size()));
  engine_->demands([this](const std::vector<delivery::OwnDemand>& own) {
    membership_->set_demand(delivery::encode_demands(own));
  });
}

// What its commands left held goes on.
void Server::on_taken_over(int) {
  control_.post([this] {
    if (jobs_) jobs_->run_soon(operate::kDeletionsJob);
  });
}

void Server::on_lease_again() {
  if (delivers_.load()) engine_->lease_again();
}

void Server::on_fenced(bool dead) {
  // Two servers under one name would end each other for ever. (The other began behind this one's own last start: its state
  // directory is a copy.)
  if (!dead) end_for_the_other();
  control_.restart();
}

Error Server::end_for_the_other() {
  const std::lock_guard lock(told_mutex_);
  fatal_ = "another server runs under the host name " + settings_.hostname +
           ": \"hostname\" tells nodes apart, and each has its own";
  return {ErrorCode::kConflict, fatal_};
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
  if (engine_->paused_long()) return not_ready("sending is paused: the database does not take outcomes");
  if (engine_->stands_still()) return not_ready("delivery stands still: the database is damaged");
  return {};
}

}  // namespace essaim::smtpd
