#include "delivery/engine.h"

#include <algorithm>
#include <future>
#include <iterator>
#include <thread>
#include <tuple>

#include "core/base/executor.h"
#include "core/base/log.h"
#include "delivery/destination_policy.h"
#include "delivery/queue_manager.h"
#include "delivery/recovery.h"

namespace essaim::delivery {
namespace {

constexpr Duration kLoopAnswers =
    std::chrono::seconds(5);  // one that takes longer is worth a word in the log

class EngineImpl : public Engine {
 public:
  EngineImpl(const Parts& parts, const EngineSettings& settings)
      : parts_(parts),
        settings_(std::make_shared<const EngineSettings>(settings)),
        loop_(std::make_shared<net::EventLoop>("queue")),
        sync_("journal", 1),
        fabric_{parts.clock, parts.minter, parts.tls, parts.loops, {}, nullptr, {}} {
    if (parts.http != nullptr) {
      sts_ = std::make_unique<StsPolicies>(&parts_.database, parts_.clock, *parts.http);
      fabric_.sts = sts_.get();
    }
    fabric_.set_room(settings);
    fabric_.lease = parts.lease;
    fabric_.node = parts.node.number;
    fabric_.flush_tls_results = [this] { fabric_.tls_results->flush(parts_.database, parts_.node.number); };
    fabric_.keys = parts.keys;
    if (parts.keys)
      fabric_.signers = std::make_unique<Executor>("signer", static_cast<int>(parts.loops.size()));
    fabric_.trace = [this](std::string relay, char side, std::string line) {
      trace_line(std::move(relay), side, std::move(line));
    };
  }

  ~EngineImpl() override { drain(Duration{}); }

  Result<void> start() override {
    ESSAIM_CHECK(!started_);
    ESSAIM_TRY(recover(parts_.database, settings_->journal_directory, parts_.node, parts_.failures));
    if (parts_.lease == nullptr) ESSAIM_TRY(release_others(parts_.database, parts_.node));
    if (sts_ != nullptr) ESSAIM_TRY(sts_->load());
    std::vector<storage::JournalWriter*> journals;
    for (std::size_t i = 0; i < parts_.loops.size(); ++i) {
      storage::JournalWriter::Options options;
      options.directory = settings_->journal_directory;
      options.name = "loop" + std::to_string(i);
      options.epoch = parts_.node.epoch;
      Result<std::unique_ptr<storage::JournalWriter>> journal = storage::JournalWriter::open(options, sync_);
      if (!journal.ok()) return journal.error();
      journals.push_back(journal->get());
      journals_.push_back(std::move(*journal));
    }
    queue_ = std::make_unique<QueueManager>(
        loop_,
        QueueManager::Parts{parts_.database, parts_.node, parts_.clock, fabric_, parts_.failures, journals},
        settings_);
    fabric_.sink = queue_.get();
    for (std::size_t i = 0; i < parts_.loops.size(); ++i)
      fabric_.sides.push_back(
          std::make_shared<LoopSide>(fabric_, i, *parts_.resolvers[i], *journals_[i], settings_));
    started_ = true;
    for (std::size_t i = 0; i < parts_.loops.size(); ++i)
      fabric_.post(i, [](LoopSide& side) { side.begin(); });
    thread_ = std::thread([this] {
      name_this_thread("queue");
      loop_->run();
    });
    on_queue([this] { queue_->begin(); });
    return {};
  }

  void ring() override {
    if (started_) queue_->ring();
  }

  void close_own() override { fabric_.own_closed = true; }

  std::int64_t current_rank() const override { return started_ ? queue_->current_rank() : 0; }

  bool stands_still() const override { return started_ && queue_->stands_still(); }

  bool paused() const override { return fabric_.paused && queue_->pause_told(); }

  bool paused_long() const override { return fabric_.paused && queue_->pause_long(); }

  void drain(Duration grace) override {
    if (!started_ || drained_) return;
    drained_ = true;
    auto done = std::make_shared<std::promise<void>>();
    std::future<void> finished = done->get_future();
    on_queue([this, grace, done] { queue_->drain(grace, [done] { done->set_value(); }); });
    finished.wait_for(grace + std::chrono::seconds(15));
    for (std::size_t i = 0; i < parts_.loops.size(); ++i) {
      auto shut = std::make_shared<std::promise<void>>();
      std::future<void> over = shut->get_future();
      fabric_.post(i, [shut](LoopSide& side) {
        side.shut();
        shut->set_value();
      });
      // What the loop uses must not be destroyed before it has let go of it, however long that takes. A loop
      // that has stopped drops the task, and the promise with it, which ends the wait as well.
      if (over.wait_for(kLoopAnswers) != std::future_status::ready) {
        log::warning("loop-silent", {{"loop", std::string_view(parts_.loops[i]->name())}});
        over.wait();
      }
    }
    if (fabric_.signers) fabric_.signers->stop();
    fabric_.tls_results->flush(parts_.database, parts_.node.number);
    fabric_.tls_results->wait_for_database();
    queue_->wait_for_database();
    auto ended = std::make_shared<std::promise<void>>();
    on_queue([this, ended] {
      queue_->end();
      ended->set_value();
    });
    ended->get_future().wait();
    loop_->stop();
    thread_.join();
    queue_->wait_for_database();
  }

  void reconfigure(const EngineSettings& settings) override {
    auto shared = std::make_shared<const EngineSettings>(settings);
    fabric_.set_room(settings);
    on_queue([this, shared] {
      settings_ = shared;
      queue_->reconfigure(shared);
    });
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [shared](LoopSide& side) { side.reconfigure(shared); });
  }

  void set_nodes(std::vector<int> serving) override {
    on_queue([this, serving = std::move(serving)]() mutable {
      if (queue_) queue_->set_nodes(std::move(serving));
    });
  }

  void set_demands(Demands others, int nodes) override {
    fabric_.demands.set(std::make_shared<const Demands>(std::move(others)), nodes);
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [](LoopSide& side) { side.shares_changed(); });
  }

  void lease_again() override {
    on_queue([this] { queue_->lease_again(); });
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [](LoopSide& side) { side.go_on(); });
  }

  void rest(bool on) override {
    fabric_.own_closed = on;
    on_queue([this, on] { queue_->rest(on); });
    if (on) return;
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [](LoopSide& side) { side.go_on(); });
  }

  void recall(std::vector<Id> posts, std::function<void()> then) override {
    on_queue([this, posts = std::move(posts), then = std::move(then)]() mutable {
      queue_->recall(std::move(posts), std::move(then));
    });
  }

  void holds_changed() override {
    on_queue([this] { queue_->holds_changed(); });
  }

  void destinations(std::function<void(std::vector<DestinationStatus>)> done) override {
    struct Gathered {
      std::vector<DestinationStatus> all;
      std::size_t answers = 0;
    };
    auto gathered = std::make_shared<Gathered>();
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i) {
      fabric_.post(i, [this, gathered, done](LoopSide& side) {
        on_queue([this, gathered, done, some = side.destinations()]() mutable {
          std::move(some.begin(), some.end(), std::back_inserter(gathered->all));
          if (++gathered->answers == fabric_.sides.size()) done(std::move(gathered->all));
        });
      });
    }
  }

  void busiest(std::size_t most,
               std::function<void(std::vector<DestinationStatus>, const EngineLoad& load)> done) override {
    struct Gathered {
      std::vector<DestinationStatus> all;
      EngineLoad load;
      std::size_t answers = 0;
    };
    auto gathered = std::make_shared<Gathered>();
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i) {
      fabric_.post(i, [this, gathered, most, done](LoopSide& side) {
        on_queue([this, gathered, most, done, some = side.busiest(most), load = side.load()] {
          gathered->all.insert(gathered->all.end(), some.begin(), some.end());
          gathered->load.destinations += load.destinations;
          gathered->load.suspended += load.suspended;
          gathered->load.refusing += load.refusing;
          gathered->load.groups_suspended += load.groups_suspended;
          if (++gathered->answers < fabric_.sides.size()) return;
          std::sort(gathered->all.begin(), gathered->all.end(),
                    [](const DestinationStatus& a, const DestinationStatus& b) {
                      return std::tie(b.waiting, b.connections, a.domain) <
                             std::tie(a.waiting, a.connections, b.domain);
                    });
          if (gathered->all.size() > most) gathered->all.resize(most);
          gathered->load.unsaved = queue_->unsaved();
          gathered->load.connections = fabric_.places.used(Standing::kProven);
          gathered->load.trials = fabric_.places.used(Standing::kUnknown);
          gathered->load.most_trials = fabric_.places.limit(Standing::kUnknown);
          done(std::move(gathered->all), gathered->load);
        });
      });
    }
  }

  void demands(std::function<void(std::vector<OwnDemand>)> done) override {
    struct Gathered {
      std::vector<OwnDemand> all;
      std::size_t answers = 0;
    };
    auto gathered = std::make_shared<Gathered>();
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i) {
      fabric_.post(i, [this, gathered, done](LoopSide& side) {
        on_queue([this, gathered, done, some = side.demands()] {
          gathered->all.insert(gathered->all.end(), some.begin(), some.end());
          if (++gathered->answers < fabric_.sides.size()) return;
          keep_told(&gathered->all);
          done(std::move(gathered->all));
        });
      });
    }
  }

  void explain(const std::string& domain,
               std::function<void(DestinationStatus, std::string text)> done) override {
    on_queue([this, domain, done] { explain_on_queue(domain, done); });
  }

  void suspensions_changed() override {
    on_queue([this] { queue_->suspensions_changed(); });
  }

  void retry_destination(const std::string& domain) override {
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [domain](LoopSide& side) { side.retry_destination(domain); });
  }

  void set_trace(TraceTarget target, std::function<void(std::string line)> sink) override {
    on_queue([this, sink = std::move(sink)]() mutable {
      trace_sink_ = std::move(sink);
      traced_.clear();
    });
    for (std::size_t i = 0; i < fabric_.sides.size(); ++i)
      fabric_.post(i, [target](LoopSide& side) { side.set_trace(target); });
  }

 private:
  void on_queue(std::function<void()> task) { loop_->post(std::move(task)); }

  void explain_on_queue(const std::string& domain,
                        const std::function<void(DestinationStatus, std::string text)>& done) {
    const std::string asked = goes_with_all(*settings_, domain) ? std::string() : domain;
    look_up({asked, TlsDemand::kNone}, [this, domain, asked, done](const NextHopPtr& hop) {
      look_up({asked, TlsDemand::kRequired}, [this, domain, hop, done](const NextHopPtr& required) {
        fabric_.post(fabric_.home_of(*hop), [this, domain, hop, required, done](LoopSide& home) {
          DestinationStatus status;
          status.key = hop->key;
          status.state = "idle";
          if (const Destination* destination = home.find_destination(hop->key))
            status = destination->status(home.clock().mono_now(), home.clock().wall_now());
          if (const auto wait = home.fabric().suspended_hosts.of(*hop, home.clock().wall_now()))
            status.state = wait->reply.to_string();
          status.domain = domain;
          if (hop->policy) status.rule = hop->policy->rule;
          std::string text = explanation(domain, *hop, *required, status);
          if (hop->policy) text += home.describe_group(hop->policy->group);
          for (const std::string& line : home.fabric().tls_results->last(domain))
            text += "  TLS " + line + "\n";
          on_queue([done, status, text] { done(status, text); });
        });
      });
    });
  }

  void look_up(const Way& way, std::function<void(NextHopPtr)> done) {
    fabric_.post(fabric_.home_of(way.domain),
                 [way, done = std::move(done)](LoopSide& side) { side.router().look_up(way, done); });
  }

  // In the format of the tests' transcripts; a comment names the connection where another one speaks.
  void trace_line(std::string relay, char side, std::string line) {
    on_queue([this, relay = std::move(relay), side, line = std::move(line)]() mutable {
      if (!trace_sink_) return;
      if (relay != traced_) {
        traced_ = relay;
        trace_sink_("# " + relay);
      }
      trace_sink_(std::string(1, side) + ": " + line);
    });
  }

  static std::string explanation(const std::string& domain, const NextHop& hop, const NextHop& required,
                                 const DestinationStatus& status) {
    std::string text = domain + "\n";
    if (hop.policy) text += delivery::describe(*hop.policy);
    if (hop.tls) text += hop.tls->words;
    if (hop.own) text += "to ourselves: this server is its host\n";
    text += describe_require_tls(required);
    if (hop.kind != NextHop::Kind::kHosts) {
      text += hop.kind == NextHop::Kind::kFail ? "cannot be delivered: " : "cannot be resolved now: ";
      return text + hop.reply.to_string() + "\n";
    }
    for (const NextHop::Host& host : hop.hosts)
      text += "  " + std::to_string(host.preference) + " " + host.candidate.name + " [" +
              host.candidate.address + "]:" + std::to_string(host.candidate.port) + "\n";
    text += "state: " + status.state + "\n";
    text += "connections: " + std::to_string(status.connections) + " of " + std::to_string(status.limit) +
            " allowed\n";
    text += "waiting in memory: " + std::to_string(status.waiting) + " recipients\n";
    for (const std::string& reply : status.last_replies) text += "  " + reply + "\n";
    return text;
  }

  const Parts parts_;
  std::shared_ptr<const EngineSettings> settings_;
  std::shared_ptr<net::EventLoop> loop_;
  Executor sync_;
  std::vector<std::unique_ptr<storage::JournalWriter>> journals_;
  std::unique_ptr<StsPolicies> sts_;
  Fabric fabric_;
  std::unique_ptr<QueueManager> queue_;
  std::thread thread_;
  std::atomic<bool> started_{false};
  std::atomic<bool> drained_{false};
  // On the queue's loop.
  std::function<void(std::string)> trace_sink_;
  std::string traced_;
};

}  // namespace

Result<std::unique_ptr<Engine>> Engine::make(const Parts& parts, const EngineSettings& settings) {
  if (parts.loops.empty() || parts.loops.size() != parts.resolvers.size())
    return Error{ErrorCode::kInvalid, "delivery needs at least one loop, and a resolver for each"};
  if (settings.journal_directory.empty())
    return Error{ErrorCode::kInvalid, "delivery needs a directory for its journal"};
  if (!settings.smarthost.empty()) {
    if (Result<HostPort> parsed = parse_smarthost(settings.smarthost); !parsed.ok()) return parsed.error();
  }
  for (const DestinationRule& rule : settings.destinations) {
    if (!rule.smarthost || rule.smarthost->empty()) continue;
    if (Result<HostPort> parsed = parse_smarthost(*rule.smarthost); !parsed.ok())
      return Error{ErrorCode::kInvalid, rule.name + ": " + parsed.error().message};
  }
  return std::unique_ptr<Engine>(std::make_unique<EngineImpl>(parts, settings));
}

}  // namespace essaim::delivery
