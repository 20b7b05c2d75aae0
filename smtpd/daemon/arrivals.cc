#include "smtpd/daemon/arrivals.h"

#include <algorithm>

#include <unistd.h>

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/net/proxy_reader.h"

namespace essaim::smtpd {
namespace {

constexpr Duration kNameDeadline = std::chrono::seconds(3);
constexpr std::size_t kMostLookUps = 1'000, kMostLookUpsOfOne = 10;  // at a time

// A check that only connects is nothing to tell of; a header that is wrong is a mistake of the configuration here or
// there.
void log_refused_header(const net::SocketAddress& peer, const Error& error) {
  if (error.code == ErrorCode::kCancelled) {
    log::debug("balancer-check", {{"proxy", peer.to_string()}});
  } else {
    log::warning("proxy-header-refused", {{"proxy", peer.to_string()}, {"why", error.message}});
  }
}

}  // namespace

bool Balancers::include(const net::SocketAddress& peer) const {
  if (networks.empty()) return false;
  const auto address = guard::parse_network(peer.ip());
  return address && std::any_of(networks.begin(), networks.end(),
                                [&](const guard::Network& n) { return n.contains(*address); });
}

class Arrivals::Arrival {
 public:
  Arrival(Arrivals& all, Origin origin, std::size_t listener)
      : all_(all),
        origin_(std::move(origin)),
        listener_(listener),
        deadline_(all.loop_, [this] { arrive(""); }) {}
  ~Arrival() {
    uncount();
    if (fd_ >= 0) close(fd_);
  }
  void uncount() {
    if (std::exchange(counted_, false)) all_.forget(origin_.client.ip());
  }
  Arrival(const Arrival&) = delete;
  Arrival& operator=(const Arrival&) = delete;

  void read_header(int fd, Duration patience) {
    header_ = std::make_unique<net::ProxyReader>(
        all_.loop_, fd, patience,
        [this](Result<net::ProxyHeader> header, int descriptor) { on_header(header, descriptor); });
  }

  void look_up_name(int fd) {
    fd_ = fd;
    counted_ = true;
    ++all_.by_client_[origin_.client.ip()];
    deadline_.start(kNameDeadline);
    name_query_ = all_.resolver_.pointer(origin_.client.ip(), [this](dns::TextAnswer answer) {
      if (answer.status != dns::Status::kOk || answer.texts.empty()) return arrive("");
      name_ = ascii_lowered(answer.texts[0]);
      const bool ipv6 = origin_.client.ip().find(':') != std::string::npos;
      const dns::Family family = ipv6 ? dns::Family::kIpv6 : dns::Family::kIpv4;
      address_query_ = all_.resolver_.addresses(name_, family, [this](dns::AddressAnswer back) {
        const bool same = std::find(back.addresses.begin(), back.addresses.end(), origin_.client.ip()) !=
                          back.addresses.end();
        arrive(same ? name_ : "");
      });
    });
  }

 private:
  void on_header(const Result<net::ProxyHeader>& header, int fd) {
    const auto self = all_.take(this);
    Origin origin = origin_;
    if (!header.ok()) {
      log_refused_header(origin.client, header.error());
      return all_.gone_();
    }
    origin.proxy = origin.client;
    // Version 1 has no word for a connection of the balancer's own: it names itself.
    origin.check = header->local || header->source.ip() == origin.proxy.ip();
    if (!header->local) origin.client = header->source;
    all_.look_up_name(fd, std::move(origin), listener_);
  }

  void arrive(const std::string& name) {
    const auto self = all_.take(this);
    deadline_.cancel();
    origin_.reverse_name = name;
    all_.arrived_(std::exchange(fd_, -1), origin_, listener_);
  }

  Arrivals& all_;
  Origin origin_;
  const std::size_t listener_;
  int fd_ = -1;  // while the name is looked up
  bool counted_ = false;
  net::Timer deadline_;
  std::unique_ptr<net::ProxyReader> header_;
  std::unique_ptr<dns::Query> name_query_, address_query_;
  std::string name_;
};

Arrivals::Arrivals(net::EventLoop& loop, dns::Resolver& resolver, Arrived arrived, Gone gone)
    : loop_(loop), resolver_(resolver), arrived_(std::move(arrived)), gone_(std::move(gone)) {}

Arrivals::~Arrivals() {
  clear();
}

void Arrivals::begin(int fd, const net::SocketAddress& peer, std::size_t listener,
                     const Balancers& balancers) {
  if (!balancers.include(peer)) return look_up_name(fd, {.client = peer}, listener);
  auto arrival = std::make_unique<Arrival>(*this, Origin{.client = peer}, listener);
  Arrival* const begun = arrival.get();
  arrivals_[begun] = std::move(arrival);
  begun->read_header(fd, balancers.patience);
}

// Who comes in a crowd does not wait: the guard shall see it at once.
void Arrivals::look_up_name(int fd, Origin origin, std::size_t listener) {
  const auto waiting = by_client_.find(origin.client.ip());
  if (origin.check || origin.client.is_loopback() || arrivals_.size() >= kMostLookUps ||
      (waiting != by_client_.end() && waiting->second >= kMostLookUpsOfOne))
    return arrived_(fd, std::move(origin), listener);
  auto arrival = std::make_unique<Arrival>(*this, std::move(origin), listener);
  Arrival* const begun = arrival.get();
  arrivals_[begun] = std::move(arrival);
  begun->look_up_name(fd);
}

void Arrivals::forget(const std::string& ip) {
  const auto waiting = by_client_.find(ip);
  if (waiting != by_client_.end() && --waiting->second == 0) by_client_.erase(waiting);
}

// It is on the call stack, and so may be its query or its reader: it dies in a later turn.
std::shared_ptr<Arrivals::Arrival> Arrivals::take(Arrival* arrival) {
  const auto found = arrivals_.find(arrival);
  std::shared_ptr<Arrival> taken(found->second.release());
  arrivals_.erase(found);
  taken->uncount();  // later this object may be gone
  loop_.post([taken] {});
  return taken;
}

void Arrivals::clear() {
  const std::size_t count = arrivals_.size();
  arrivals_.clear();
  for (std::size_t i = 0; i < count; ++i) gone_();
}

}  // namespace essaim::smtpd
