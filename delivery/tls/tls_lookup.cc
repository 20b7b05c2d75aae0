#include "delivery/tls/tls_lookup.h"

#include <algorithm>
#include <utility>

#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "core/base/text.h"

namespace essaim::delivery {
namespace {

std::string short_hash(const std::string& bytes) {
  return hex_encoded(octets(sha256(bytes)).substr(0, 6));
}

bool is_literal(const std::string& name) {
  return name.empty() || name.front() == '[';
}

std::shared_ptr<const net::TlsPeerCheck> pkix(std::vector<std::string> names, bool required) {
  auto check = std::make_shared<net::TlsPeerCheck>();
  check->kind = net::TlsPeerCheck::Kind::kPkix;
  check->required = required;
  check->names = std::move(names);
  return check;
}

HostTls by_setting(const TlsQuestion& question, TlsSetting setting, const std::string& host) {
  HostTls tls;
  tls.origin = HostTls::Origin::kSetting;
  switch (setting) {
    case TlsSetting::kOff:
      tls.level = HostTls::Level::kNever;
      break;
    case TlsSetting::kEncrypt:
      tls.level = HostTls::Level::kEncrypt;
      break;
    case TlsSetting::kVerify:
      tls.level = HostTls::Level::kVerify;
      tls.check = pkix(question.names.empty() ? std::vector<std::string>{host} : question.names, true);
      break;
    case TlsSetting::kBest:
    case TlsSetting::kOpportunistic:
    case TlsSetting::kDane:
      break;
  }
  return tls;
}

HostTls by_dane(const TlsQuestion& question, const std::string& host, const DaneResult& result) {
  HostTls tls;
  tls.origin = HostTls::Origin::kDane;
  tls.level = HostTls::Level::kVerify;
  if (result.kind == DaneResult::Kind::kUnusable) {
    tls.unusable = "its TLSA records cannot be had: " + result.problem;
    return tls;
  }
  tls.server_name = result.base;
  if (result.records.empty()) {
    tls.level = HostTls::Level::kEncrypt;  // RFC 7672 §2.2: published, and none of them can be used
    return tls;
  }
  auto check = std::make_shared<net::TlsPeerCheck>();
  check->kind = net::TlsPeerCheck::Kind::kDane;
  check->required = true;
  check->records = result.records;
  check->names = {result.base};
  const bool anchors = std::any_of(result.records.begin(), result.records.end(),
                                   [](const net::TlsaRecord& record) { return record.usage == 2; });
  if (anchors) {
    // §3.2.2: names that the certificate may have as well. With DANE-EE only they do not matter, and domains on the
    // same hosts can share connections.
    if (host != result.base) check->names.push_back(host);
    if (question.by_mx && question.domain != host && !is_literal(question.domain))
      check->names.push_back(question.domain);
  }
  tls.check = std::move(check);
  return tls;
}

HostTls by_sts(const StsPolicy& policy, const std::string& host) {
  HostTls tls;
  tls.origin = HostTls::Origin::kSts;
  tls.sts_testing = policy.mode == StsPolicy::Mode::kTesting;
  tls.check = pkix({host}, !tls.sts_testing);
  if (!tls.sts_testing) tls.level = HostTls::Level::kVerify;
  if (!names_host(policy, host)) {
    if (!tls.sts_testing) tls.unusable = "the MTA-STS policy does not name it";
    // In testing no name would do: the session counts as a mismatch and goes on.
    tls.check = pkix({"not-named-by-the-policy.invalid"}, !tls.sts_testing);
  }
  return tls;
}

// The operator's word is the least of what is done (with "TLS-Required: No" also the most), and what domains publish is
// looked at where the message asks for more.
TlsSetting setting_of(const TlsQuestion& question) {
  switch (question.demand) {
    case TlsDemand::kRequired:
    case TlsDemand::kReport:
      if (question.setting == TlsSetting::kOpportunistic || question.setting == TlsSetting::kEncrypt)
        return TlsSetting::kBest;
      break;
    case TlsDemand::kOptional:
      if (question.setting == TlsSetting::kBest) return TlsSetting::kOpportunistic;
      break;
    case TlsDemand::kNone:
      break;
  }
  return question.setting;
}

void rule_out(std::string why, bool for_good, HostTls* tls) {
  tls->unusable = std::move(why);
  tls->unusable_for_good = for_good;
}

// RFC 8689 §4.2.1: DNSSEC, a policy of MTA-STS or the operator vouches for the name of the host, and its certificate is
// for that name. Within this server there is no way to protect; the host has to pass the request on all the same.
void require_verified(const TlsQuestion& question, const std::string& host, const StsAnswer& sts,
                      HostTls* tls) {
  tls->require_tls = question.demand == TlsDemand::kReport ? RequireTls::kWhereOffered : RequireTls::kAlways;
  if (!tls->unusable.empty() || question.own) return;
  if (tls->level == HostTls::Level::kNever)
    return rule_out("REQUIRETLS, and the settings forbid TLS with it", true, tls);
  const bool by_name = !question.names.empty() && tls->origin == HostTls::Origin::kSetting;
  const bool by_sts =
      sts.policy != nullptr && sts.policy->mode != StsPolicy::Mode::kNone && names_host(*sts.policy, host);
  const bool vouched = by_name || by_sts || question.mx_secure || !question.by_mx;
  if (!vouched || (is_literal(host) && !by_name))
    return rule_out("REQUIRETLS, and neither DNSSEC nor MTA-STS vouches for its name", sts.trouble.empty(),
                    tls);
  tls->level = HostTls::Level::kVerify;
  if (tls->check == nullptr || !tls->check->required) tls->check = pkix({host}, true);
  tls->sts_testing = false;
}

std::string text_of(const net::TlsaRecord& record) {
  return std::to_string(record.usage) + " " + std::to_string(record.selector) + " " +
         std::to_string(record.matching) + " " + hex_encoded(record.association.substr(0, 64));
}

void describe_policy(const TlsQuestion& question, const std::vector<DaneResult>& dane, const StsAnswer& sts,
                     TlsAnswer* answer) {
  const bool by_dane = std::any_of(dane.begin(), dane.end(), [](const DaneResult& result) {
    return result.kind != DaneResult::Kind::kNone;
  });
  const bool by_sts = sts.policy != nullptr && sts.policy->mode != StsPolicy::Mode::kNone;
  if (by_dane) {
    answer->policy_type = "tlsa";
    for (std::size_t i = 0; i < dane.size(); ++i)
      for (const net::TlsaRecord& record : dane[i].records)
        answer->policy += "_" + std::to_string(question.hosts[i].port) + "._tcp." + dane[i].base +
                          " IN TLSA " + text_of(record) + "\n";
  } else if (by_sts) {
    answer->policy_type = "sts";
    answer->policy = to_text(*sts.policy);
  }
  answer->words = std::string("TLS: ") + to_string(question.setting);
  if (by_dane) answer->words += ", DANE";
  if (by_sts)
    answer->words += std::string(", MTA-STS (") + to_string(sts.policy->mode) + ", id " + sts.id +
                     ", fetched " + format_iso8601(sts.fetched) + ", until " + format_iso8601(sts.expires) +
                     ")";
  if (!by_dane && !by_sts && question.setting == TlsSetting::kBest) answer->words += ", opportunistic";
  answer->words += "\n";
  if (!answer->trouble.empty())
    answer->words += "  MTA-STS trouble: " + escaped_for_display(answer->trouble, 300) + "\n";
  for (const auto& [name, tls] : answer->hosts) answer->words += "  " + name + ": " + describe(*tls) + "\n";
}

std::string key_of(const TlsAnswer& answer) {
  bool plain = true;
  std::string bytes;
  const char* what = "TLS";
  for (const auto& [name, tls] : answer.hosts) {
    plain = plain && tls->origin == HostTls::Origin::kDefault && tls->require_tls == RequireTls::kNo;
    if (tls->origin == HostTls::Origin::kDane) what = "DANE";
    if (tls->origin == HostTls::Origin::kSts) what = "MTA-STS";
    if (tls->require_tls != RequireTls::kNo) what = "REQUIRETLS";
    put_string(&bytes, name);
    put_u8(&bytes, static_cast<std::uint8_t>(tls->require_tls));
    put_u8(&bytes, static_cast<std::uint8_t>(tls->level));
    put_u8(&bytes, static_cast<std::uint8_t>(tls->origin));
    put_string(&bytes, tls->server_name);
    put_string(&bytes, tls->check ? net::fingerprint(*tls->check) : "");
    put_u8(&bytes, tls->unusable.empty() ? 0 : 1);
  }
  return plain ? std::string() : std::string(what) + " " + short_hash(bytes);
}

}  // namespace

TlsAnswer decide_tls(const TlsQuestion& question, const std::vector<DaneResult>& dane, const StsAnswer& sts) {
  TlsAnswer answer;
  answer.trouble = sts.trouble;
  answer.trouble_type = sts.trouble_type;
  if (sts.provisional) answer.ttl = std::chrono::seconds(60);
  const bool by_sts = sts.policy != nullptr && sts.policy->mode != StsPolicy::Mode::kNone;
  const TlsSetting setting = setting_of(question);
  const bool verified = question.demand == TlsDemand::kRequired || question.demand == TlsDemand::kReport;
  for (std::size_t i = 0; i < question.hosts.size(); ++i) {
    const std::string& host = question.hosts[i].name;
    HostTls tls;
    if (i < dane.size()) answer.ttl = std::min(answer.ttl, dane[i].ttl);
    if (setting != TlsSetting::kBest && setting != TlsSetting::kDane) {
      tls = by_setting(question, setting, host);
    } else if (i < dane.size() && dane[i].kind != DaneResult::Kind::kNone) {
      tls = by_dane(question, host, dane[i]);
    } else if (setting == TlsSetting::kDane) {
      tls.origin = HostTls::Origin::kSetting;
      tls.level = HostTls::Level::kVerify;
      tls.unusable = "DANE is required by the settings, and it has no TLSA record that is proven";
    } else if (by_sts) {
      tls = delivery::by_sts(*sts.policy, host);
    }
    if (verified) require_verified(question, host, sts, &tls);
    answer.hosts[host] = std::make_shared<const HostTls>(std::move(tls));
  }
  answer.key = key_of(answer);
  describe_policy(question, dane, sts, &answer);
  return answer;
}

struct TlsLookup::Impl {
  Impl(net::EventLoop& loop, TlsQuestion q, std::function<void(TlsAnswer)> f)
      : question(std::move(q)), done(std::move(f)), soon(loop, [this] { finish(); }) {}

  void begin(net::EventLoop& loop, dns::Resolver& resolver, StsPolicies* sts) {
    const TlsSetting setting = setting_of(question);
    const bool best = setting == TlsSetting::kBest;
    missing = 1;
    if ((best || setting == TlsSetting::kDane) && (question.mx_secure || !question.by_mx)) {
      ++missing;
      dane = std::make_unique<DaneLookup>(loop, resolver, question.hosts,
                                          [this](std::vector<DaneResult> results) {
                                            dane_results = std::move(results);
                                            settled();
                                          });
    }
    if (best && sts != nullptr && question.by_mx && !is_literal(question.domain)) {
      ++missing;
      sts_query = sts->find(loop, resolver, question.domain, question.sts, [this](StsAnswer found) {
        sts_answer = std::move(found);
        settled();
      });
    }
    settled();
  }

  void settled() {
    if (--missing == 0) soon.start(Duration::zero());
  }

  // Last of all: the callback may destroy this.
  void finish() {
    TlsAnswer answer = decide_tls(question, dane_results, sts_answer);
    const auto callback = std::exchange(done, nullptr);
    if (callback) callback(std::move(answer));
  }

  const TlsQuestion question;
  std::function<void(TlsAnswer)> done;
  net::Timer soon;
  std::size_t missing = 0;
  std::unique_ptr<DaneLookup> dane;
  std::unique_ptr<StsQuery> sts_query;
  std::vector<DaneResult> dane_results;
  StsAnswer sts_answer;
};

TlsLookup::TlsLookup(net::EventLoop& loop, dns::Resolver& resolver, StsPolicies* sts, TlsQuestion question,
                     std::function<void(TlsAnswer)> done)
    : impl_(std::make_unique<Impl>(loop, std::move(question), std::move(done))) {
  impl_->begin(loop, resolver, sts);
}

TlsLookup::~TlsLookup() = default;

}  // namespace essaim::delivery
