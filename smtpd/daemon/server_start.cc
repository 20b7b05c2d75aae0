#include <future>
#include <map>

#include <unistd.h>

#include "core/base/log.h"
#include "core/config/values.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/daemon/passed_sockets.h"
#include "smtpd/daemon/server.h"
#include "smtpd/operate/database_password.h"
#include "smtpd/operate/deletion_marks.h"
#include "smtpd/operate/dns_options.h"
#include "smtpd/operate/jobs.h"
#include "smtpd/operate/open_database.h"
#include "smtpd/operate/restore.h"
#include "smtpd/operate/user.h"
#include "smtpd/settings/listen_table.h"
#include "storage/copied_away.h"
#include "storage/directory_store.h"
#include "storage/post_store.h"
#include "storage/probe.h"
#include "storage/schema.h"

namespace essaim::smtpd {
namespace {

constexpr std::size_t kPoliciesAtOnce = 256;  // of MTA-STS, from servers that may be slow
constexpr int kOperators = 4;  // whoever deletes and waits keeps nobody from holding something else

}  // namespace

Server::Server(std::string config_file, LoadedSettings loaded, Control& control, Lasting& lasting)
    : config_file_(std::move(config_file)),
      values_(std::move(loaded.values)),
      settings_(std::move(loaded.settings)),
      control_(control),
      lasting_(lasting) {
  gate_.set_limit(Gate::sockets_for(settings_.limits.connections));
}

Server::~Server() {
  stop();
}

Result<void> Server::start() {
  auto user = operate::user_to_become(settings_.user);
  if (!user.ok()) return user.error();
  auto state = StateDirectory::open(settings_);
  if (!state.ok()) return state.error();
  state_ = *std::move(state);
  ESSAIM_TRY(bind_listeners());
  auto password = operate::database_password(settings_);
  if (!password.ok()) return password.error();
  auto options = account_options(settings_);
  if (!options.ok()) return options.error();
  account_options_ = *std::move(options);
  if (user->has_value()) ESSAIM_TRY(operate::become(**user));
  start_status();
  raise_descriptor_limit(Gate::sockets_for(settings_.limits.connections) +
                         settings_.delivery.connections_total + static_cast<int>(settings_.http.connections) +
                         static_cast<int>(kPoliciesAtOnce));

  ESSAIM_TRY(open_storage(*password));
  ESSAIM_TRY(start_loops());
  started_ = true;
  serving_since_ = system_clock().mono_now();
  ESSAIM_TRY(start_delivery());
  ESSAIM_TRY(start_inbound());
  start_web();
  start_jobs();
  watch_status();
  return {};
}

Result<std::vector<std::shared_ptr<net::TlsServerContext>>> load_certificates(const Settings& settings) {
  std::vector<std::shared_ptr<net::TlsServerContext>> out;
  for (const ListenSettings& l : settings.listen) {
    if (l.certificates().empty()) {
      out.push_back(nullptr);
      continue;
    }
    auto context = net::TlsServerContext::load(net::TlsServerOptions{l.certificates(), l.client_ca});
    if (!context.ok()) return Error{ErrorCode::kInvalid, "\"certificate\": " + context.error().message};
    out.push_back(*std::move(context));
  }
  return out;
}

// That mail waits would be worse. What makes keys refuses it.
void warn_of_open_secret(const Settings& settings) {
  if (const auto closed = operate::require_private(settings.authentication.key_file, settings.user);
      !closed.ok())
    log::error("secret-open-to-all", {{"error", closed.error().message}});
}

// For mail to ourselves: any free port, and nothing of what protects from strangers.
ListenSettings listen_to_ourselves() {
  ListenSettings out;
  out.address = "127.0.0.1:0";
  out.role = ListenerRole::kOurselves;
  return out;
}

Result<void> Server::bind_listeners() {
  settings_.listen.push_back(listen_to_ourselves());
  auto certificates = load_certificates(settings_);
  if (!certificates.ok()) return certificates.error();
  certificates_ = *std::move(certificates);
  sockets_ = lasting_.sockets;
  if (sockets_.empty()) ESSAIM_TRY(make_sockets());
  own_port_ = sockets_.back()->address().port();
  return {};
}

Result<void> Server::make_sockets() {
  auto passed = take_passed_sockets();
  if (!passed.ok()) return passed.error();
  auto assigned = assign_sockets(settings_.listen, *passed);
  if (!assigned.ok()) return assigned.error();
  for (std::size_t i = 0; i < settings_.listen.size(); ++i) {
    if ((*assigned)[i] != nullptr) {
      sockets_.push_back((*assigned)[i]);
      continue;
    }
    const ListenSettings& l = settings_.listen[i];
    auto address = net::SocketAddress::parse(l.address);
    if (!address.ok()) return address.error();
    auto socket = net::ListenSocket::bind(*address);
    if (!socket.ok()) return socket.error();
    sockets_.push_back(*std::move(socket));
  }
  lasting_.sockets = sockets_;
  return {};
}

std::vector<net::SocketAddress> Server::listening_at() const {
  std::vector<net::SocketAddress> out;
  out.reserve(sockets_.size());
  for (const auto& socket : sockets_) out.push_back(socket->address());
  return out;
}

namespace {
// One that is new, or not the one that is meant.
Result<void> warn_without_domains(storage::Database& database, const std::string& url) {
  const auto any =
      database.read_now([](storage::Connection& c) { return storage::DirectoryStore(c).any_domain(); });
  if (!any.ok()) return any.error();
  if (*any) return {};
  log::warning("no-domains",
               {{"database", url},
                {"advice",
                 "recipients get 451 until `essaim domain create`; if there were domains, this is "
                 "not their database: see storage.url, and whether its volume is mounted"}});
  return {};
}
}  // namespace

Result<void> Server::open_storage(const std::string& password) {
  auto restored = operate::finish_restore(settings_);
  if (!restored.ok()) return restored.error();
  for (const std::string& aside : *restored) log::warning("restore-finished", {{"aside", aside}});
  auto database = operate::open_database(settings_, password, settings_.database_readers);
  if (!database.ok()) return database.error();
  database_ = *std::move(database);
  // What nobody promised here can still be lost elsewhere: it is the operator's choice, and not a quiet one.
  if (const auto safe = database_->check_settings(); !safe.ok() && safe.error().code == ErrorCode::kInvalid)
    log::error("database-unsafe", {{"error", safe.error().message}});
  auto version = storage::schema_version(*database_);
  if (!version.ok()) return version.error();
  if (*version != storage::newest_schema_version()) {
    ESSAIM_TRY(storage::migrate(*database_));
    log::info("schema-migrated", {{"from", *version}, {"to", storage::newest_schema_version()}});
  }
  ESSAIM_TRY(storage::require_newest(*database_));
  ESSAIM_TRY(storage::require_not_copied_away(*database_));
  ESSAIM_TRY(warn_without_domains(*database_, settings_.database_url));
  ESSAIM_TRY(begin_epoch());
  if (node_.number < 1 || node_.number >= kMaxNodes)
    return Error{ErrorCode::kExhausted,
                 "the database knows too many nodes: this one is number " + std::to_string(node_.number)};
  ids_ = std::make_unique<IdGenerator>(system_clock(), node_.number);
  // Nobody else is at work on a file: what a killed `queue delete` left held goes out at once. Else the job sees to it.
  if (!shares_database())
    if (const auto freed = operate::release_abandoned_deletions(*database_, system_clock().wall_now(), true);
        !freed.ok())
      log::warning("deletion-marks-unread", {{"error", freed.error().message}});
  // While nobody waits for it: with a million posts that are not settled it takes seconds of the one who writes. Else the first
  // message tries it again.
  const auto known = database_->write_now(storage::Durability::kProgress, [](storage::Connection& c) {
    return storage::PostStore(c).know_keys();
  });
  if (!known.ok()) log::warning("known-messages-unread", {{"error", known.error().message}});
  auto tokens = lists::Tokens::load(*database_);
  if (!tokens.ok()) return tokens.error();
  tokens_ = *std::move(tokens);
  auto seal = operate::open_seal(settings_);
  if (!seal.ok()) return seal.error();
  warn_of_open_secret(settings_);
  keys_ = std::make_unique<KeyRing>(*database_, *std::move(seal));
  ESSAIM_TRY(keys_->load());
  return join_cluster(password);
}

Result<void> Server::start_loops() {
  const std::size_t count = settings_.loops > 0 ? static_cast<std::size_t>(settings_.loops)
                                                : std::max(1U, std::thread::hardware_concurrency());
  loops_.resize(count);
  gate_.set_loops(count);
  for (std::size_t i = 0; i < count; ++i) {
    loops_[i].loop = std::make_unique<net::EventLoop>("loop" + std::to_string(i));
    auto resolver = dns::make_resolver(*loops_[i].loop, operate::dns_options(settings_));
    if (!resolver.ok()) return Error{ErrorCode::kInvalid, "[dns]: " + resolver.error().message};
    loops_[i].resolver = *std::move(resolver);
  }
  for (Loop& l : loops_) {
    l.thread = std::thread([loop = l.loop.get()] {
      name_this_thread(loop->name());
      loop->run();
    });
  }
  return {};
}

void Server::on_each_loop(const std::function<void(Loop&)>& task) {
  std::vector<std::future<void>> done;
  for (Loop& l : loops_) {
    auto promise = std::make_shared<std::promise<void>>();
    done.push_back(promise->get_future());
    l.loop->post([&task, &l, promise] {
      task(l);
      promise->set_value();
    });
  }
  for (auto& d : done) d.wait();
}

Result<void> Server::start_delivery() {
  services_.database = database_.get();
  services_.clock = &system_clock();
  services_.ids = ids_.get();
  services_.tokens = tokens_.get();
  services_.policies = &policies_;
  services_.sources = &sources_;
  services_.site.hostname = settings_.hostname;
  services_.site.postmaster = settings_.postmaster;
  services_.site.base_url = settings_.http.base_url;
  services_.rank = [this] { return engine_->current_rank(); };
  services_.bell = [this] { engine_->ring(); };
  services_.signing_keys = [this](const std::string& domain) { return keys_->keys_for(domain); };
  minter_ = std::make_unique<ListTokens>(*tokens_);
  services_.reporting = settings_.reporting;
  reporter_ = std::make_unique<Reporter>(services_);
  failures_ = std::make_unique<ListFailures>(services_, [this] { reporter_->soon(); });

  std::vector<net::EventLoop*> loops;
  std::vector<dns::Resolver*> resolvers;
  for (const Loop& l : loops_) {
    loops.push_back(l.loop.get());
    resolvers.push_back(l.resolver.get());
  }
  auto authorities = net::TlsClientContext::with_authorities(settings_.delivery.ca_file);
  if (!authorities.ok()) {
    // A machine without the usual file delivers all the same; a file that was named must be there.
    if (settings_.delivery.ca_file != kAuthorities)
      return Error{ErrorCode::kInvalid, "delivery.ca_file: " + authorities.error().message};
    log::warning("no-authorities", {{"error", std::string_view(authorities.error().message)}});
    authorities = net::TlsClientContext::opportunistic();
  }
  http_ = std::make_unique<http::HttpClient>(kPoliciesAtOnce);
  auto engine = delivery::Engine::make(
      {*database_, node_, system_clock(), loops, resolvers, *authorities, *minter_, *failures_,
       shares_database() ? lease_.get() : nullptr, http_.get(), services_.signing_keys},
      engine_settings(settings_, own_addresses(settings_, listening_at()), own_port_));
  if (!engine.ok()) return engine.error();
  engine_ = *std::move(engine);
  expect_others();
  ESSAIM_TRY(engine_->start());
  delivers_.store(true);
  return {};
}

Environments Server::make_environments(const Settings& settings) const {
  Environments out;
  for (std::size_t i = 0; i < settings.listen.size(); ++i) {
    const ListenSettings& l = settings.listen[i];
    if (!speaks_smtp(l.role)) {
      out.emplace_back();
      continue;
    }
    auto environment = std::make_shared<SessionEnvironment>();
    environment->settings = session_settings(settings, l);
    environment->tls = certificates_[i];
    environment->authenticator = accounts_.get();
    environment->intake = intake_.get();
    environment->budget = budget_.get();
    environment->guard = guard_.get();
    environment->ids = ids_.get();
    environment->clock = &system_clock();
    environment->role = l.role;
    out.push_back({std::move(environment), {l.proxies, settings.balancer.proxy_timeout}});
  }
  return out;
}

void Server::watch_certificates() {
  std::vector<net::CertificateInfo> all;
  for (const auto& context : certificates_) {
    if (context != nullptr)
      all.insert(all.end(), context->certificates().begin(), context->certificates().end());
  }
  std::map<std::string, WallTime> ends;
  for (const net::CertificateInfo& one : all) ends[one.file] = one.not_after;
  std::vector<NodeFacts::Certificate> told;
  told.reserve(ends.size());
  for (const auto& [file, not_after] : ends) told.push_back({file, not_after});
  {
    const std::lock_guard lock(told_mutex_);
    told_certificates_ = std::move(told);
  }
  net::EventLoop& first = *loops_.front().loop;
  first.run_and_wait([&] {
    if (!certificate_watch_) certificate_watch_ = std::make_unique<CertificateWatch>(first, system_clock());
    certificate_watch_->set(all);
  });
}

Result<void> Server::start_inbound() {
  budget_ =
      std::make_unique<smtp::MemoryBudget>(settings_.limits.memory / 2, settings_.limits.octets_in_files());
  budget_->set_least_free(settings_.limits.clients.min_free_octets);
  guard_ = std::make_unique<guard::Guard>(
      settings_.limits.clients, settings_.hostname, system_clock(), budget_.get(), guard::descriptors_in_use,
      [places = settings_.message_places()] { return guard::free_octets(places); });
  auto secret = load_login_secret(*database_);
  if (!secret.ok()) return secret.error();
  accounts_ =
      std::make_unique<AccountService>(*database_, system_clock(), *std::move(secret), account_options_);
  std::vector<Verification::Place> places;
  const AuthenticationSettings& a = settings_.authentication;
  if (a.verify || a.protect_authors) {
    for (const Loop& l : loops_) places.push_back({l.loop.get(), l.resolver.get()});
  }
  std::vector<net::EventLoop*> loops;
  for (const Loop& l : loops_) loops.push_back(l.loop.get());
  filters_ =
      std::make_unique<Filters>(std::move(loops), 2 * settings_.limits.message_size, settings_.filters);
  intake_ = std::make_unique<ListIntake>(
      services_, settings_.hostname, settings_.limits.memory / 4,
      std::make_unique<Verification>(std::move(places), VerificationOptions{a.patience, a.verify, a.relays}),
      settings_.authserv_id(), a.trusted_sealers, shares_database() ? lease_.get() : nullptr,
      settings_.submission.hide_client, filters_.get());
  operator_ = std::make_unique<Executor>("operator", kOperators);
  auto admin_socket = net::ListenSocket::bind_unix(settings_.admin_socket(), 0660);
  if (!admin_socket.ok()) return admin_socket.error();
  admin_socket_ = *std::move(admin_socket);
  const Environments environments = make_environments(settings_);
  on_each_loop([&](Loop& l) {
    const auto number = static_cast<std::size_t>(&l - loops_.data());
    l.inbound = std::make_unique<Inbound>(
        *l.loop, number, *l.resolver, gate_,
        [this](std::size_t to, const Inbound::Accepted& accepted) { pass_on(to, accepted); });
    l.inbound->set_environments(environments);
    if (&l != loops_.data()) return;
    admin_ = std::make_unique<admin::Server>(*l.loop, admin_socket_, admin_verbs());
    key_refresh_ = std::make_unique<KeyRefresh>(*l.loop, *database_, *tokens_, *keys_);
  });
  on_each_loop([&](Loop& l) { l.inbound->listen(sockets_); });
  watch_certificates();
  log::info("own-port", {{"port", static_cast<std::int64_t>(own_port_)}});
  for (std::size_t i = 0; i < sockets_.size(); ++i) {
    if (settings_.listen[i].role == ListenerRole::kOurselves) continue;
    log::info("listening", {{"address", sockets_[i]->address().to_string()},
                            {"role", to_string(settings_.listen[i].role)},
                            {"starttls", certificates_[i] != nullptr &&
                                             settings_.listen[i].role != ListenerRole::kSubmissions}});
  }
  return {};
}

void Server::pass_on(std::size_t loop, const Inbound::Accepted& accepted) {
  loops_[loop].loop->post([this, loop, accepted] {
    if (loops_[loop].inbound) return loops_[loop].inbound->take(accepted);
    close(accepted.fd);
    gate_.leave(loop);
  });
}

std::vector<WebServer::Listener> Server::web_listeners() const {
  std::vector<WebServer::Listener> out;
  for (std::size_t i = 0; i < sockets_.size(); ++i)
    if (settings_.listen[i].role == ListenerRole::kHttp)
      out.push_back({sockets_[i], certificates_[i], settings_.listen[i].proxies});
  return out;
}

void Server::start_web() {
  const auto listeners = web_listeners();
  if (listeners.empty()) return;
  web_ = std::make_unique<WebServer>(
      services_, settings_.http, settings_.limits.clients.ipv6_client_bits,
      [this] { return lease_->holds(); }, listeners);
}

void Server::start_status() {
  if (lasting_.status) return;
  std::vector<std::shared_ptr<net::ListenSocket>> sockets;
  for (std::size_t i = 0; i < sockets_.size(); ++i)
    if (settings_.listen[i].role == ListenerRole::kStatus) sockets.push_back(sockets_[i]);
  if (!sockets.empty()) lasting_.status = std::make_unique<StatusServer>(sockets);
}

// Whether the database takes writes, and is the one that is meant.
Result<void> Server::probe_database(storage::Connection& connection) {
  ESSAIM_TRY(storage::probe_write(connection, node_.number));
  auto any = storage::DirectoryStore(connection).any_domain();
  if (!any.ok()) return any.error();
  no_domains_.store(!*any);
  return {};
}

void Server::watch_status() {
  if (!lasting_.status) return;
  lasting_.status->watch({pulses(),
                          [this](std::function<void(Result<void>)> done) {
                            // Who reads has pages of his own, and may meet damage that who writes does not see.
                            const auto read = [this, done](const Result<void>& written) {
                              if (!written.ok()) return done(written);
                              database_->look(
                                  [](storage::Connection& c) -> Result<void> {
                                    const auto any = storage::DirectoryStore(c).any_domain();
                                    return any.ok() ? Result<void>() : any.error();
                                  },
                                  done);
                            };
                            database_->write(
                                storage::Durability::kProgress,
                                [this](storage::Connection& c) { return probe_database(c); }, read);
                          },
                          [this] { return why_not(); }},
                         statistics_parts());
  lasting_.status->set_listening(true);
}

Health::Reasons Server::why_not() const {
  Health::Reasons reasons;
  if (const auto it_is = ready(); !it_is.ok()) reasons.push_back(it_is.error().message);
  if (no_domains_.load()) reasons.emplace_back("no domains yet");
  if (gate_.count() >= gate_.limit()) reasons.emplace_back("short of sockets");
  // What newcomers are refused for, and new mail.
  if (guard_->full()) reasons.emplace_back("short of connections, memory or descriptors");
  if (guard_->disk_short()) reasons.emplace_back("short of disk");
  return reasons;
}

void Server::start_jobs() {
  jobs_ = std::make_unique<storage::JobRunner>(*database_, system_clock(), node_.number,
                                               shares_database() ? lease_.get() : nullptr);
  for (auto& job : operate::make_jobs(settings_, system_clock(), &services_)) jobs_->add(std::move(job));
  // A server that was killed has left marks of its last epoch. Those on a file are taken back by now.
  if (shares_database()) jobs_->run_soon(operate::kDeletionsJob);
  jobs_->start();
}

}  // namespace essaim::smtpd
