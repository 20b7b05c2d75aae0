#include "delivery/destination_policy.h"

#include <algorithm>
#include <set>

#include "core/base/text.h"

namespace essaim::delivery {
namespace {

NextHopOptions options_of(const EngineSettings& settings, const DestinationPolicy& policy) {
  NextHopOptions options;
  options.port = policy.port;
  options.ipv4 = settings.ipv4;
  options.ipv6 = settings.ipv6;
  options.own_names = {settings.hostname};
  options.own_addresses = settings.own_addresses;
  options.own_port = settings.own_port;
  return options;
}

std::string key_suffix(const DestinationPolicy& policy, const TlsAnswer& tls) {
  std::string suffix;
  const auto add = [&suffix](const std::string& part) {
    if (!part.empty()) suffix += (suffix.empty() ? " {" : ", ") + part;
  };
  add(policy.rule);
  if (!policy.group.empty()) add("together");
  if (!policy.source_ipv4.empty()) add("from " + policy.source_ipv4);
  if (!policy.source_ipv6.empty()) add("from " + policy.source_ipv6);
  add(tls.key);
  return suffix.empty() ? suffix : suffix + "}";
}

// On the way to ourselves nobody reads along, and no rate is anybody's wish. Each list answers for itself: of several in one
// transaction the reply is 250 when one of them takes the message, and nobody hears of the others.
std::shared_ptr<const DestinationPolicy> policy_for_ourselves(const DestinationPolicy& policy) {
  auto own = std::make_shared<DestinationPolicy>(policy);
  own->rule.clear();
  own->own = true;
  own->smarthost.clear();
  own->tls = TlsSetting::kOff;
  own->tls_names.clear();
  own->recipients_per_transaction = 1;
  own->rate = {};
  own->limited = false;
  own->group.clear();
  own->source_ipv4.clear();
  own->source_ipv6.clear();
  return own;
}

// A host that the policy rules out may be mended soon.
constexpr std::chrono::seconds kRuledOutFor{300};

NextHopPtr finished(const NextHop& hop, std::shared_ptr<const DestinationPolicy> policy, TlsAnswer tls) {
  auto out = std::make_shared<NextHop>(hop);
  if (!out->key.empty()) out->key += key_suffix(*policy, tls);
  out->policy = std::move(policy);
  std::string why;
  bool for_good = true;
  for (NextHop::Host& host : out->hosts) {
    host.candidate.tls = tls.hosts[host.candidate.name];
    for_good = for_good && host.candidate.tls->unusable_for_good;
    if (!host.candidate.tls->unusable.empty() && why.empty())
      why = host.candidate.name + ": " + host.candidate.tls->unusable;
  }
  std::erase_if(out->hosts, [](const NextHop::Host& host) { return !host.candidate.tls->unusable.empty(); });
  out->ttl = std::min(out->ttl, tls.ttl);
  if (!why.empty()) out->ttl = std::min(out->ttl, kRuledOutFor);
  if (out->kind == NextHop::Kind::kHosts && out->hosts.empty()) {
    out->kind = for_good ? NextHop::Kind::kFail : NextHop::Kind::kDefer;
    out->reply = for_good ? smtp::reply(550, "5.7.10", why) : smtp::reply(451, "4.7.5", "TLS policy: " + why);
  }
  out->tls = std::make_shared<const TlsAnswer>(std::move(tls));
  return out;
}

class DestinationQuery final : public NextHopQuery {
 public:
  DestinationQuery(net::EventLoop& loop, dns::Resolver& resolver, StsPolicies* sts, Way way,
                   const EngineSettings& settings, std::function<void(NextHopPtr)> done)
      : loop_(loop),
        resolver_(resolver),
        sts_(sts),
        domain_(std::move(way.domain)),
        demand_(way.tls),
        settings_(settings),
        done_(std::move(done)) {
    const DestinationRule* rule = domain_.empty() ? nullptr : rule_for_domain(settings.destinations, domain_);
    named_ = rule != nullptr;
    ask(make_policy(settings, rule), &first_);
  }

 private:
  void ask(std::shared_ptr<const DestinationPolicy> policy, std::unique_ptr<NextHopQuery>* query) {
    const bool by_mx = policy->smarthost.empty();
    auto answered = [this, policy, by_mx](const NextHopPtr& hop) {
      if (hop->own) return look_at_tls(hop, policy_for_ourselves(*policy));
      if (by_mx && !named_) return look_at_hosts(hop, policy);
      look_at_tls(hop, policy);
    };
    const NextHopOptions options = options_of(settings_, *policy);
    *query = by_mx ? resolve_domain(loop_, resolver_, domain_, options, std::move(answered))
                   : resolve_smarthost(loop_, resolver_, policy->smarthost, options, std::move(answered));
  }

  void look_at_hosts(const NextHopPtr& hop, const std::shared_ptr<const DestinationPolicy>& policy) {
    std::vector<std::string> names;
    for (const NextHop::Host& host : hop->hosts) names.push_back(ascii_lowered(host.candidate.name));
    const DestinationRule* rule = rule_for_hosts(settings_.destinations, names);
    if (rule == nullptr) return look_at_tls(hop, policy);
    named_ = true;
    const auto special = make_policy(settings_, rule);
    // The first query's callback is running: it is kept until this one dies.
    if (!special->smarthost.empty() || special->port != policy->port) return ask(special, &second_);
    look_at_tls(hop, special);
  }

  void look_at_tls(const NextHopPtr& hop, const std::shared_ptr<const DestinationPolicy>& policy) {
    TlsQuestion question;
    question.domain = domain_;
    question.by_mx = policy->smarthost.empty() && !hop->own;
    question.own = hop->own;
    question.mx_secure = hop->mx_secure;
    question.setting = policy->tls;
    question.demand = demand_;
    question.names = policy->tls_names;
    question.sts = settings_.sts;
    question.sts.ipv4 = settings_.ipv4;
    question.sts.ipv6 = settings_.ipv6;
    std::set<std::string> seen;
    for (const NextHop::Host& host : hop->hosts)
      if (seen.insert(host.candidate.name).second)
        question.hosts.push_back({host.candidate.name, host.canonical, host.secure, host.candidate.port});
    // Where there is no host there is nothing to ask.
    tls_ = std::make_unique<TlsLookup>(
        loop_, resolver_, question.hosts.empty() || hop->own ? nullptr : sts_, std::move(question),
        [this, hop, policy](TlsAnswer answer) { done_(finished(*hop, policy, std::move(answer))); });
  }

  net::EventLoop& loop_;
  dns::Resolver& resolver_;
  StsPolicies* const sts_;
  const std::string domain_;
  const TlsDemand demand_;
  const EngineSettings settings_;
  const std::function<void(NextHopPtr)> done_;
  bool named_ = false;  // a rule was found
  std::unique_ptr<NextHopQuery> first_, second_;
  std::unique_ptr<TlsLookup> tls_;
};

std::string text_of(const Rate& rate) {
  const double seconds = std::chrono::duration<double>(rate.window).count();
  const std::string unit = seconds <= 1 ? "second" : seconds <= 60 ? "minute" : "hour";
  return std::to_string(rate.count) + " messages a " + unit;
}

}  // namespace

std::shared_ptr<const DestinationPolicy> make_policy(const EngineSettings& settings,
                                                     const DestinationRule* rule) {
  auto policy = std::make_shared<DestinationPolicy>();
  policy->smarthost = settings.smarthost;
  policy->port = settings.port;
  policy->tls = settings.tls;
  policy->connections = settings.connections_per_destination;
  policy->connections_initial = settings.connections_initial;
  policy->recipients_per_transaction = settings.recipients_per_transaction;
  policy->transactions_per_connection = settings.transactions_per_connection;
  if (rule == nullptr) return policy;
  policy->rule = rule->name;
  policy->smarthost = rule->smarthost.value_or(policy->smarthost);
  policy->port = rule->port.value_or(policy->port);
  policy->tls = rule->tls.value_or(policy->tls);
  policy->tls_names = rule->tls_names;
  policy->connections = rule->connections.value_or(policy->connections);
  policy->connections_initial = std::min(policy->connections_initial, policy->connections);
  policy->recipients_per_transaction =
      rule->recipients_per_transaction.value_or(policy->recipients_per_transaction);
  policy->transactions_per_connection =
      rule->transactions_per_connection.value_or(policy->transactions_per_connection);
  policy->rate = rule->rate;
  policy->limited = rule->connections.has_value() || rule->rate.count > 0;
  if (rule->together) policy->group = rule->name;
  policy->source_ipv4 = rule->source_ipv4;
  policy->source_ipv6 = rule->source_ipv6;
  return policy;
}

bool goes_with_all(const EngineSettings& settings, const std::string& domain) {
  return !settings.smarthost.empty() && rule_for_domain(settings.destinations, domain) == nullptr;
}

bool takes_all(const EngineSettings& settings, const DestinationPolicy& policy) {
  if (policy.smarthost.empty()) return false;
  if (settings.destinations.empty()) return true;
  const DestinationRule& first = settings.destinations.front();
  return policy.rule == first.name &&
         std::find(first.domains.begin(), first.domains.end(), "*") != first.domains.end();
}

std::string smarthost_of(const EngineSettings& settings, const std::string& domain) {
  const DestinationRule* rule = rule_for_domain(settings.destinations, domain);
  return rule != nullptr ? rule->smarthost.value_or(settings.smarthost) : settings.smarthost;
}

bool same_ways(const EngineSettings& a, const EngineSettings& b) {
  return a.ipv4 == b.ipv4 && a.ipv6 == b.ipv6 && a.sts == b.sts && a.destinations == b.destinations &&
         *make_policy(a, nullptr) == *make_policy(b, nullptr);
}

std::unique_ptr<NextHopQuery> resolve_destination(net::EventLoop& loop, dns::Resolver& resolver,
                                                  StsPolicies* sts, const Way& way,
                                                  const EngineSettings& settings,
                                                  std::function<void(NextHopPtr)> done) {
  return std::make_unique<DestinationQuery>(loop, resolver, sts, way, settings, std::move(done));
}

std::string describe(const DestinationPolicy& policy) {
  std::string text = "settings: " + (policy.rule.empty() ? std::string("[delivery]") : policy.rule) + "\n";
  if (!policy.smarthost.empty()) text += "  smart host: " + policy.smarthost + "\n";
  if (policy.port != 25) text += "  port of MX hosts: " + std::to_string(policy.port) + "\n";
  text += std::string("  tls: ") + to_string(policy.tls);
  for (const std::string& name : policy.tls_names)
    text += (&name == &policy.tls_names.front() ? ", certificate for " : " or ") + name;
  const std::string of_all = policy.group.empty() ? "\n" : ", of all that the table names together\n";
  text += "\n  connections: at most " + std::to_string(policy.connections) + of_all;
  if (policy.rate.count > 0) text += "  rate: " + text_of(policy.rate) + of_all;
  text += "  recipients per transaction: " + std::to_string(policy.recipients_per_transaction) + "\n";
  text += "  transactions per connection: " +
          (policy.transactions_per_connection > 0 ? std::to_string(policy.transactions_per_connection)
                                                  : std::string("no limit")) +
          "\n";
  for (const std::string& source : {policy.source_ipv4, policy.source_ipv6})
    if (!source.empty()) text += "  source address: " + source + "\n";
  return text;
}

std::string describe_require_tls(const NextHop& hop) {
  std::string text = "with REQUIRETLS: ";
  if (hop.own) return text + "here as well; it is kept for the way on\n";
  switch (hop.kind) {
    case NextHop::Kind::kHosts:
      text += "to hosts that offer it, others of these are passed over\n";
      break;
    case NextHop::Kind::kDefer:
      text += "put off: " + hop.reply.to_string() + "\n";
      break;
    case NextHop::Kind::kFail:
      text += "returned: " + hop.reply.to_string() + "\n";
      break;
  }
  if (hop.tls == nullptr) return text;
  for (const auto& [name, tls] : hop.tls->hosts) text += "  " + name + ": " + describe(*tls) + "\n";
  return text;
}

}  // namespace essaim::delivery
