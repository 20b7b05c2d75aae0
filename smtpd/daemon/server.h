// The composition root: owns every part, in the order in which they may go away. Only it knows all concrete
// classes.
//
//   start()          sockets and certificates (as root) -> user -> status -> database -> beats -> loops -> lists
//                    -> delivery -> inbound
//   announce_drain() not ready; everything goes on
//   stop()           inbound -> sessions -> what was submitted -> delivery -> beats -> loops
//
// Thread: the main thread; what comes from elsewhere goes through Control::post().
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "core/base/executor.h"
#include "core/base/id.h"
#include "core/http/http_client.h"
#include "core/smtp/message_buffer.h"
#include "delivery/engine.h"
#include "lists/services.h"
#include "smtpd/accounts/account_service.h"
#include "smtpd/admin/server.h"
#include "smtpd/daemon/bindings.h"
#include "smtpd/daemon/certificate_watch.h"
#include "smtpd/daemon/control.h"
#include "smtpd/daemon/gate.h"
#include "smtpd/daemon/inbound.h"
#include "smtpd/daemon/key_refresh.h"
#include "smtpd/daemon/lasting.h"
#include "smtpd/daemon/pulse.h"
#include "smtpd/daemon/reporter.h"
#include "smtpd/daemon/state_directory.h"
#include "smtpd/daemon/statistics.h"
#include "smtpd/daemon/web_server.h"
#include "smtpd/guard/guard.h"
#include "smtpd/intake/list_intake.h"
#include "smtpd/operate/key_ring.h"
#include "smtpd/operate/rule_sources.h"
#include "smtpd/settings/settings.h"
#include "storage/cluster/membership.h"
#include "storage/job_runner.h"

namespace essaim::smtpd {

class Server final : private storage::Membership::Listener {
 public:
  // `lasting` outlives it; what is not there yet is made.
  Server(std::string config_file, LoadedSettings loaded, Control& control, Lasting& lasting);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Result<void> start();
  // Says that connections should go elsewhere, and serves on; stop() follows, when it had time to be heard.
  void announce_drain();
  void stop();
  // Refuses a bad file and keeps what is. Gives what to tell the operator.
  Result<std::string> reload();
  // Loops and threads that do not answer in time.
  std::vector<std::string> silent_parts(Duration patience) const;
  std::string status() const;  // a line for the service manager
  Duration drain_notice() const { return settings_.balancer.drain_notice; }
  // For those who ask whether mail is to be sent here: an error says why not. Thread-safe.
  Result<void> ready() const;
  // Why another epoch would be of no use: another server has this one's name. "" if it would. After start(), or
  // Control::Event::kRestart.
  std::string fatal() const {
    const std::lock_guard lock(told_mutex_);
    return fatal_;
  }

 private:
  struct Loop {
    std::unique_ptr<net::EventLoop> loop;
    std::unique_ptr<dns::Resolver> resolver;
    std::unique_ptr<Inbound> inbound;
    std::thread thread;
  };

  // server_start.cc
  Result<void> bind_listeners();
  Result<void> make_sockets();
  std::vector<net::SocketAddress> listening_at() const;
  Result<void> open_storage(const std::string& password);
  Result<void> start_loops();
  Result<void> start_delivery();
  Result<void> start_inbound();
  void pass_on(std::size_t loop, const Inbound::Accepted& accepted);
  void start_web();
  std::vector<WebServer::Listener> web_listeners() const;
  void start_jobs();
  void start_status();
  void watch_status();
  Result<void> probe_database(storage::Connection& connection);
  std::vector<Pulse> pulses() const;
  Health::Reasons why_not() const;
  Environments make_environments(const Settings& settings) const;
  void watch_certificates();
  void on_each_loop(const std::function<void(Loop&)>& task);  // and waits

  // server_cluster.cc
  bool shares_database() const;
  Result<void> begin_epoch();
  Result<storage::NodeStore::Ended> watch_for_beats();
  Error end_for_the_other();  // for the server under this name
  Result<void> join_cluster(const std::string& password);
  void set_draining(bool on);
  void expect_others();
  void share_budgets(const storage::ClusterView& view);
  void hear_retry_calls(const storage::ClusterView& view);
  void on_view(const storage::ClusterView& view) override;
  void on_taken_over(int node) override;
  void on_lease_again() override;
  void on_fenced(bool dead) override;

  // admin_commands.cc
  std::map<std::string, admin::Verb> admin_verbs();
  Statistics::Parts statistics_parts();
  NodeFacts facts() const;  // thread-safe
  void trace(const admin::Request& request, const std::shared_ptr<admin::Responder>& responder);
  void trace_peer(const std::string& ip, const std::shared_ptr<admin::Responder>& responder);
  void trace_delivery(const admin::Request& request, const std::shared_ptr<admin::Responder>& responder);
  void publish_traces();
  void forget_dead(const std::string& domain);
  void retry_posts(const admin::Request& request, const std::shared_ptr<admin::Responder>& responder);
  void recall_now(const std::vector<Id>& posts);  // blocks, and not for ever
  void change_queue(const std::string& action, const admin::Request& request,
                    const std::shared_ptr<admin::Responder>& responder);

  const std::string config_file_;
  config::Values values_;  // those of settings_
  Settings settings_;
  Control& control_;

  Lasting& lasting_;
  std::vector<Loop> loops_;  // outlive everything that posts to them
  std::unique_ptr<StateDirectory> state_;
  Gate gate_;
  std::unique_ptr<smtp::MemoryBudget> budget_;
  std::unique_ptr<guard::Guard> guard_;
  std::vector<std::shared_ptr<net::ListenSocket>>
      sockets_;                     // of settings_.listen, in its order; the last is ours
  std::uint16_t own_port_ = 0;      // of that one
  AccountOptions account_options_;  // read as root
  std::vector<std::shared_ptr<net::TlsServerContext>> certificates_;  // one for each listener; null: none
  mutable std::mutex told_mutex_;
  std::vector<NodeFacts::Certificate> told_certificates_;  // to those who ask from other threads
  std::string fatal_;                                      // likewise
  std::shared_ptr<net::ListenSocket> admin_socket_;
  std::unique_ptr<Reporter> reporter_;   // outlives what may still tell it something; stopped before
  std::atomic<bool> no_domains_{false};  // the database had none when it was last probed
  std::unique_ptr<storage::Database> database_;
  // For so long its writer may have to wait: for all hosts of the URL, one after the other.
  mutable Movement writer_moves_{std::chrono::minutes(2)};
  std::unique_ptr<KeyRing> keys_;
  storage::NodeStore::Identity node_;
  std::unique_ptr<storage::NodeLease> lease_;
  std::unique_ptr<storage::Database> beat_database_;  // of the membership alone
  std::unique_ptr<storage::Membership> membership_;
  std::atomic<bool> delivers_{false};  // engine_ is there and runs
  // On the membership's threads.
  std::vector<int> seen_at_work_, seen_serving_;
  std::string seen_suspensions_, seen_holds_;
  std::int64_t seen_retry_calls_ = 0;
  bool seen_drain_ = false;
  bool shares_budgets_ = false;
  std::unique_ptr<IdGenerator> ids_;
  std::unique_ptr<lists::Tokens> tokens_;
  lists::Policies policies_;
  operate::RuleSources sources_{system_clock()};
  lists::Services services_;
  std::unique_ptr<ListTokens> minter_;
  std::unique_ptr<ListFailures> failures_;
  std::unique_ptr<http::HttpClient> http_;
  std::unique_ptr<delivery::Engine> engine_;
  std::unique_ptr<AccountService> accounts_;
  std::unique_ptr<Filters> filters_;
  std::unique_ptr<ListIntake> intake_;
  std::unique_ptr<WebServer> web_;  // null: no listener of that role
  std::unique_ptr<storage::JobRunner> jobs_;
  std::unique_ptr<Executor> operator_;  // the operator's requests, which block
  std::unique_ptr<admin::Server> admin_;
  // On loop 0.
  std::unique_ptr<Statistics> statistics_;
  std::unique_ptr<KeyRefresh> key_refresh_;
  std::unique_ptr<CertificateWatch> certificate_watch_;
  std::vector<std::shared_ptr<Trace>> traces_;
  std::shared_ptr<admin::Responder> delivery_watcher_;
  bool started_ = false;
  MonoTime serving_since_{};
};

// One for each listener that has a certificate, null for the others. The error names the file.
Result<std::vector<std::shared_ptr<net::TlsServerContext>>> load_certificates(const Settings& settings);
// In the log, if everybody may read the secret that seals the keys.
void warn_of_open_secret(const Settings& settings);
// The last of the listeners, which no file names.
ListenSettings listen_to_ourselves();

}  // namespace essaim::smtpd
