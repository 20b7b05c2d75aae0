#include "delivery/tls/sts_policies.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/log.h"
#include "core/base/text.h"
#include "storage/sts_store.h"

namespace essaim::delivery {
namespace {

constexpr std::size_t kMostKept = 100'000;
constexpr Duration kReadAgain = std::chrono::seconds(60);  // what other nodes have fetched
constexpr Duration kPatience = std::chrono::minutes(10);   // after a fetch that failed
constexpr Duration kWhateverId = std::chrono::minutes(1);  // of these, for an id that is new each time
constexpr std::chrono::milliseconds kOverlap = std::chrono::minutes(5);  // clocks of nodes differ
constexpr std::chrono::milliseconds kDay = std::chrono::hours(24);
// §3.2: max_age of 0 would end a policy before it is used.
constexpr std::chrono::seconds kShortest{60};

struct Trouble {
  std::string type, text;
};
using Waiter = std::function<void(const Trouble&)>;
constexpr std::size_t kMostWaiters = 100;  // of one domain

}  // namespace

class StsPolicies::State : public std::enable_shared_from_this<State> {
 public:
  struct Kept {
    std::shared_ptr<const StsPolicy> policy;
    std::string id;
    WallTime fetched{}, expires{};
  };

  State(storage::Database* database, const Clock& clock, std::size_t most_fetched)
      : database_(database), clock_(clock), most_fetched_(most_fetched) {}

  std::optional<Kept> kept(const std::string& domain) {
    const std::lock_guard lock(mutex_);
    const auto found = kept_.find(domain);
    if (found == kept_.end()) return std::nullopt;
    if (found->second.expires <= clock_.wall_now()) {
      kept_.erase(found);
      return std::nullopt;
    }
    return found->second;
  }

  std::optional<Trouble> recent_trouble(const std::string& domain, const std::string& id) {
    const std::lock_guard lock(mutex_);
    const auto found = failed_.find(domain);
    if (found == failed_.end()) return std::nullopt;
    if (found->second.until <= clock_.mono_now()) {
      failed_.erase(found);
      return std::nullopt;
    }
    const bool another = found->second.id != id;
    if (another && found->second.until - kPatience + kWhateverId <= clock_.mono_now()) return std::nullopt;
    return found->second.trouble;
  }

  void note_trouble(const std::string& domain, const std::string& id, const Trouble& trouble) {
    log::info("sts-policy-trouble",
              {{"domain", std::string_view(domain)}, {"reason", std::string_view(trouble.text)}});
    const std::lock_guard lock(mutex_);
    if (failed_.size() >= kMostKept) failed_.clear();
    failed_[domain] = {id, trouble, clock_.mono_now() + kPatience};
  }

  // Fetches it, or joins who does already; `waiter` comes on the client's thread. False: too many are fetched, it is not called.
  bool fetch(http::HttpClient& client, const std::string& domain, const std::string& id,
             http::Request request, Waiter waiter) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = fetching_.find(domain);
      if (found != fetching_.end()) {
        if (found->second.size() >= kMostWaiters) return false;
        found->second.push_back(std::move(waiter));
        return true;
      }
      if (fetching_.size() >= most_fetched_) return false;
      fetching_[domain].push_back(std::move(waiter));
    }
    client.fetch(std::move(request),
                 [self = shared_from_this(), domain, id](const Result<http::Response>& response) {
                   const Trouble trouble = self->take(domain, id, response);
                   std::vector<Waiter> waiters;
                   {
                     const std::lock_guard lock(self->mutex_);
                     const auto found = self->fetching_.find(domain);
                     waiters = std::move(found->second);
                     self->fetching_.erase(found);
                   }
                   for (const Waiter& one : waiters) one(trouble);
                 });
    return true;
  }

  // What a policy host answered; an empty trouble when that is a policy, which is kept then.
  Trouble take(const std::string& domain, const std::string& id, const Result<http::Response>& response) {
    Trouble trouble;
    Result<StsPolicy> policy = Error{};
    if (!response.ok()) {
      const bool certificate = response.error().code == ErrorCode::kInvalid;
      trouble = {certificate ? "sts-webpki-invalid" : "sts-policy-fetch-error", response.error().message};
    } else if (response->status != 200) {
      trouble = {"sts-policy-fetch-error",
                 sts_host(domain) + " answered with status " + std::to_string(response->status)};
    } else if (!is_policy_type(response->content_type)) {
      trouble = {"sts-policy-invalid", sts_host(domain) + " sent \"" +
                                           escaped_for_display(response->content_type, 100) +
                                           "\" instead of text/plain"};
    } else if (policy = parse_sts_policy(response->body); !policy.ok()) {
      trouble = {"sts-policy-invalid", sts_host(domain) + ": " + policy.error().message};
    }
    if (!trouble.text.empty()) {
      if (response.ok() || response.error().code != ErrorCode::kCancelled) note_trouble(domain, id, trouble);
      return trouble;
    }
    storage::StsRow row{domain, id, response->body, clock_.wall_now(), {}};
    // A node whose clock is ahead may have fetched the one before.
    if (const auto before = kept(domain))
      row.fetched = std::max(row.fetched, before->fetched + std::chrono::milliseconds(1));
    row.expires = row.fetched + std::max(policy->max_age, kShortest);
    log::info("sts-policy-fetched", {{"domain", std::string_view(domain)},
                                     {"id", std::string_view(id)},
                                     {"mode", to_string(policy->mode)}});
    keep(row, *policy);
    if (database_ != nullptr) {
      database_->write(
          storage::Durability::kProgress,
          [row](storage::Connection& connection) { return storage::StsStore(connection).put(row); },
          [domain](const Result<void>& written) {
            if (!written.ok())
              log::warning("sts-policy-not-kept", {{"domain", std::string_view(domain)},
                                                   {"error", std::string_view(written.error().message)}});
          });
    }
    return trouble;
  }

  Result<void> load() {
    if (database_ == nullptr) return {};
    return database_->read_now([this](storage::Connection& connection) { return read(connection); });
  }

  // From time to time, when somebody asks for a policy.
  void read_again() {
    if (database_ == nullptr) return;
    {
      const std::lock_guard lock(mutex_);
      const MonoTime now = clock_.mono_now();
      if (reading_ || now < read_at_ + kReadAgain) return;
      reading_ = true;
      read_at_ = now;
    }
    database_->read(
        [self = shared_from_this()](storage::Connection& connection) { return self->read(connection); },
        [self = shared_from_this()](const Result<void>&) {
          const std::lock_guard lock(self->mutex_);
          self->reading_ = false;
        });
  }

  WallTime now() const { return clock_.wall_now(); }

 private:
  struct Failed {
    std::string id;
    Trouble trouble;
    MonoTime until{};
  };

  Result<void> read(storage::Connection& connection) {
    WallTime since{};
    {
      const std::lock_guard lock(mutex_);
      since = newest_ - kOverlap;
    }
    auto rows = storage::StsStore(connection).fetched_since(since, clock_.wall_now(), kMostKept);
    if (!rows.ok()) return rows.error();
    for (const storage::StsRow& row : *rows)
      if (auto policy = parse_sts_policy(row.text); policy.ok()) keep(row, *policy);
    return {};
  }

  void keep(const storage::StsRow& row, const StsPolicy& policy) {
    const std::lock_guard lock(mutex_);
    newest_ = std::max(newest_, row.fetched);
    const auto found = kept_.find(row.domain);
    if (found == kept_.end() && kept_.size() >= kMostKept) return;
    // Read again: what went wrong since is as it was.
    if (found != kept_.end() && found->second.fetched >= row.fetched) return;
    failed_.erase(row.domain);
    kept_[row.domain] = {std::make_shared<const StsPolicy>(policy), row.id, row.fetched, row.expires};
  }

  storage::Database* const database_;
  const Clock& clock_;
  const std::size_t most_fetched_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
  std::map<std::string, Failed> failed_;
  std::map<std::string, std::vector<Waiter>> fetching_;
  WallTime newest_{};
  MonoTime read_at_{};
  bool reading_ = false;
};

class StsPolicies::Lookup final : public StsQuery {
 public:
  Lookup(std::shared_ptr<State> state, http::HttpClient& client, net::EventLoop& loop,
         dns::Resolver& resolver, std::string domain, StsSettings settings,
         std::function<void(StsAnswer)> done)
      : state_(std::move(state)),
        client_(client),
        loop_(loop),
        resolver_(resolver),
        domain_(std::move(domain)),
        settings_(std::move(settings)),
        done_(std::move(done)),
        patience_(loop, [this] { leave_it("has not answered yet"); }) {
    state_->read_again();
    texts_ =
        resolver_.text("_mta-sts." + domain_, [this](const dns::TextAnswer& answer) { take_texts(answer); });
  }

 private:
  void take_texts(const dns::TextAnswer& answer) {
    const auto kept = state_->kept(domain_);
    if (answer.status == dns::Status::kTemporary)
      return conclude(kept, {"sts-policy-fetch-error", answer.problem});
    auto id = announced_id(answer.texts);
    if (!id.ok()) {
      const bool wrong = id.error().code == ErrorCode::kInvalid;
      return conclude(kept,
                      wrong ? Trouble{"sts-policy-invalid", "_mta-sts." + domain_ + ": " + id.error().message}
                            : Trouble{});
    }
    id_ = *std::move(id);
    const auto age = kept ? state_->now() - kept->fetched : std::chrono::milliseconds(0);
    const bool young =
        kept && age < std::min<std::chrono::milliseconds>(kDay, (kept->expires - kept->fetched) / 2);
    if (kept && kept->id == id_ && young) return conclude(kept, {});
    if (const auto trouble = state_->recent_trouble(domain_, id_)) return conclude(kept, *trouble);
    addresses_ = resolver_.addresses(sts_host(domain_),
                                     [this](dns::AddressAnswer found) { take_addresses(std::move(found)); });
  }

  void take_addresses(dns::AddressAnswer answer) {
    std::erase_if(answer.addresses, [this](const std::string& ip) {
      return ip.find(':') != std::string::npos ? !settings_.ipv6 : !settings_.ipv4;
    });
    if (answer.addresses.empty()) {
      const Trouble trouble{"sts-policy-fetch-error",
                            sts_host(domain_) + " has no address that we may use" +
                                (answer.problem.empty() ? std::string() : ": " + answer.problem)};
      state_->note_trouble(domain_, id_, trouble);
      return conclude(state_->kept(domain_), trouble);
    }
    http::Request request;
    request.url = sts_url(domain_);
    request.addresses = std::move(answer.addresses);
    request.port = settings_.port == 443 ? std::uint16_t{0} : settings_.port;
    request.ca_file = settings_.ca_file;
    request.timeout = settings_.timeout;
    auto fetched = [&loop = loop_, this, alive = std::weak_ptr<int>(alive_)](const Trouble& trouble) {
      loop.post([this, alive, trouble] {
        if (!alive.expired()) conclude(state_->kept(domain_), trouble);
      });
    };
    if (state_->fetch(client_, domain_, id_, std::move(request), std::move(fetched)))
      patience_.start(settings_.patience);
    else
      leave_it("was not asked, as too many others are being asked");
  }

  // Of no type: it is the domain's trouble, for TLS-RPT, only when its host has had its time. The way to it is looked up again
  // soon.
  void leave_it(const std::string& why) {
    conclude(state_->kept(domain_), {"", sts_host(domain_) + " " + why}, true);
  }

  // Last of all: the callback may destroy this.
  void conclude(const std::optional<State::Kept>& kept, const Trouble& trouble, bool provisional = false) {
    patience_.cancel();
    StsAnswer answer;
    if (kept) {
      answer.policy = kept->policy;
      answer.id = kept->id;
      answer.fetched = kept->fetched;
      answer.expires = kept->expires;
    }
    answer.trouble = trouble.text;
    answer.trouble_type = trouble.type;
    answer.provisional = provisional;
    const auto done = std::exchange(done_, nullptr);
    if (done) done(std::move(answer));
  }

  const std::shared_ptr<State> state_;
  http::HttpClient& client_;
  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  const std::string domain_;
  const StsSettings settings_;
  std::function<void(StsAnswer)> done_;
  std::string id_;
  net::Timer patience_;
  std::unique_ptr<dns::Query> texts_, addresses_;
  const std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

StsPolicies::StsPolicies(storage::Database* database, const Clock& clock, http::HttpClient& client,
                         std::size_t most_fetched)
    : state_(std::make_shared<State>(database, clock, most_fetched)), client_(client) {}

StsPolicies::~StsPolicies() = default;

Result<void> StsPolicies::load() {
  return state_->load();
}

std::unique_ptr<StsQuery> StsPolicies::find(net::EventLoop& loop, dns::Resolver& resolver,
                                            const std::string& domain, const StsSettings& settings,
                                            std::function<void(StsAnswer)> done) {
  return std::make_unique<Lookup>(state_, client_, loop, resolver, domain, settings, std::move(done));
}

}  // namespace essaim::delivery
