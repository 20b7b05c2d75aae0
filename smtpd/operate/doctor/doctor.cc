#include "smtpd/operate/doctor/doctor.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <memory>
#include <utility>

#include "core/mailauth/lookups.h"
#include "core/net/socket_address.h"
#include "lists/settings.h"
#include "smtpd/daemon/conversions.h"
#include "smtpd/operate/dns_options.h"
#include "smtpd/operate/doctor/examine.h"
#include "storage/directory_store.h"
#include "storage/node_store.h"

namespace essaim::smtpd::operate {
namespace {

using mailauth::Answers;
using Look = std::function<std::vector<Finding>(Answers&)>;

// Of a few at a time: a site may have hundreds of domains, and name servers bear so much.
constexpr std::size_t kTogether = 8;

class Asking {
 public:
  Asking(net::EventLoop& loop, dns::Resolver& resolver, Duration patience)
      : loop_(loop), resolver_(resolver), patience_(patience) {}

  std::vector<Finding> ask(const std::vector<Look>& looks) {
    std::vector<Finding> out;
    for (std::size_t at = 0; at < looks.size(); at += kTogether) {
      const std::size_t number = std::min(kTogether, looks.size() - at);
      std::vector<std::vector<Finding>> found(number);
      std::vector<std::unique_ptr<mailauth::Lookups>> lookups;
      std::size_t open = number;
      for (std::size_t i = 0; i < number; ++i) {
        const Look& look = looks[at + i];
        lookups.push_back(std::make_unique<mailauth::Lookups>(
            loop_, resolver_, patience_, [&look](Answers& answers) { look(answers); },
            [&look, &found, &open, i](Answers answers) {
              found[i] = look(answers);
              --open;
            }));
        lookups.back()->start();
      }
      while (open > 0) loop_.run_turn();
      for (auto& one : found)
        out.insert(out.end(), std::make_move_iterator(one.begin()), std::make_move_iterator(one.end()));
    }
    return out;
  }

 private:
  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  const Duration patience_;
};

std::vector<net::SocketAddress> listeners_of(const Settings& settings) {
  std::vector<net::SocketAddress> out;
  for (const ListenSettings& one : settings.listen)
    if (auto address = net::SocketAddress::parse(one.address); address.ok()) out.push_back(*address);
  return out;
}

Result<void> read_lists(storage::DirectoryStore& directory, DomainSubject* domain) {
  return directory.for_each_list(domain->name, [domain](storage::ListRecord& list) -> Result<void> {
    ++domain->lists;
    if (lists::settings_of(list).envelope == storage::CopyMode::kCommon) domain->common.push_back(list.local);
    return {};
  });
}

Result<std::vector<DomainSubject>> read_domains(storage::Connection& connection, const Settings& settings,
                                                const std::vector<std::string>& wanted) {
  storage::DirectoryStore directory(connection);
  std::vector<std::string> names = wanted;
  if (names.empty()) {
    auto all = directory.domains();
    if (!all.ok()) return all.error();
    for (const storage::DomainRecord& one : *all) names.push_back(one.name);
  }
  std::vector<std::string> others;
  const auto nodes = storage::NodeStore(connection).all();
  if (!nodes.ok()) return nodes.error();
  for (const storage::NodeSight& node : *nodes)
    if (node.hostname != settings.hostname) others.push_back(node.hostname);
  std::vector<DomainSubject> out;
  for (const std::string& name : names) {
    auto known = directory.find_domain(name);
    if (!known.ok()) return known.error();
    if (!known->has_value()) return Error{ErrorCode::kNotFound, "there is no domain " + name};
    DomainSubject domain;
    domain.name = name;
    domain.hostname = settings.hostname;
    domain.others = others;
    domain.smarthost = settings.delivery.smarthost;
    domain.base_url = settings.http.base_url;
    auto keys = storage::DkimStore(connection).keys(name);
    if (!keys.ok()) return keys.error();
    domain.keys = *std::move(keys);
    ESSAIM_TRY(read_lists(directory, &domain));
    out.push_back(std::move(domain));
  }
  return out;
}

}  // namespace

Result<std::vector<Finding>> examine(const Settings& settings, storage::Database& database,
                                     const Examination& wanted, net::EventLoop& loop,
                                     dns::Resolver& resolver) {
  auto domains = database.read_now(
      [&](storage::Connection& connection) { return read_domains(connection, settings, wanted.domains); });
  if (!domains.ok()) return domains.error();
  NodeSubject node{settings.hostname, wanted.senders, wanted.zones};
  // What goes by a smart host is judged by that one's addresses.
  if (node.senders.empty() && settings.delivery.smarthost.empty())
    node.senders = addresses_to_send_from(settings);
  std::vector<Look> looks;
  looks.push_back([&node](Answers& answers) { return examine_hostname(node, answers); });
  for (const std::string& sender : node.senders)
    looks.push_back([&node, &sender](Answers& answers) { return examine_sender(node, sender, answers); });
  for (DomainSubject& domain : *domains) {
    domain.senders = node.senders;
    domain.receivers = own_addresses(settings, listeners_of(settings));
    looks.push_back([&domain](Answers& answers) { return examine_domain(domain, answers); });
  }
  // Some answers lead to further questions.
  return Asking(loop, resolver, settings.dns_timeout * 4).ask(looks);
}

Result<std::vector<Finding>> examine(const Settings& settings, storage::Database& database,
                                     const Examination& wanted) {
  net::EventLoop loop("doctor");
  auto resolver = dns::make_resolver(loop, dns_options(settings));
  if (!resolver.ok()) return resolver.error();
  return examine(settings, database, wanted, loop, **resolver);
}

}  // namespace essaim::smtpd::operate
