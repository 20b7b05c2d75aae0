// What the senders of our copies are judged by, and whether mail for a domain finds us.
#include <algorithm>
#include <map>

#include "core/mailauth/dmarc.h"
#include "core/mailauth/key_record.h"
#include "core/mailauth/spf.h"
#include "smtpd/operate/dkim_keys.h"
#include "smtpd/operate/doctor/examine.h"
#include "smtpd/operate/doctor/names.h"

namespace essaim::smtpd::operate {
namespace {

using doctor::addresses_of;
using doctor::silent;
using mailauth::Answer;
using mailauth::Answers;
using mailauth::RecordType;
using storage::DkimKeyRecord;
using storage::DkimKeyState;

std::string listed(const std::vector<std::string>& all) {
  constexpr std::size_t kNamed = 5;
  std::string out;
  for (std::size_t i = 0; i < std::min(all.size(), kNamed); ++i)
    out += (i == 0 ? "" : ", ") + escaped_for_display(all[i], 256);
  if (all.size() > kNamed) out += " and " + std::to_string(all.size() - kNamed) + " more";
  return out;
}

// The addresses of all nodes: those at which this one is reached, and those of the names of the others.
std::vector<std::string> addresses_of_nodes(const DomainSubject& domain, Answers& answers) {
  std::vector<std::string> out = domain.receivers;
  out.insert(out.end(), domain.senders.begin(), domain.senders.end());
  std::vector<std::string> names = domain.others;
  names.push_back(domain.hostname);
  for (const std::string& name : names) {
    const doctor::Addresses found = addresses_of(answers, name);
    out.insert(out.end(), found.all.begin(), found.all.end());
  }
  return out;
}

void judge_mx_host(const std::string& host, const std::vector<std::string>& ours, Answers& answers,
                   Findings* out) {
  const doctor::Addresses found = addresses_of(answers, host);
  const std::string name = escaped_for_display(host, 256);
  if (found.all.empty() && !found.problem.empty())
    return out->add(Health::kUnknown, "MX", silent(name, found.problem));
  if (found.all.empty())
    return out->add(Health::kBad, "MX", name + " has no address: mail for the domain does not find it");
  const bool here = std::any_of(found.all.begin(), found.all.end(), [&ours](const std::string& ip) {
    return std::find(ours.begin(), ours.end(), ip) != ours.end();
  });
  if (here) return out->add(Health::kGood, "MX", name + " [" + listed(found.all) + "]");
  out->add(
      Health::kNote, "MX",
      name + " [" + listed(found.all) +
          "] is no address of a node that is known here. Of a balancer, or a filter in front: name it in "
          "delivery.own_addresses; else the mail goes elsewhere");
}

void judge_mx(const DomainSubject& domain, Answers& answers, Findings* out) {
  const auto ours = addresses_of_nodes(domain, answers);
  const Answer* const mx = answers.find(RecordType::kMx, domain.name);
  if (mx == nullptr) return;
  if (mx->status == Answer::Status::kTemporary)
    return out->add(Health::kUnknown, "MX", silent(domain.name, mx->problem));
  if (mx->status == Answer::Status::kNoName)
    return out->add(Health::kBad, "MX",
                    "the name is not in DNS: publish " + domain.name + " MX 10 " + domain.hostname);
  if (mx->values.empty()) {
    if (!addresses_of(answers, domain.name).all.empty())
      out->add(Health::kNote, "MX", "there is none, so mail goes to the addresses of the name itself");
    else
      out->add(Health::kBad, "MX", "there is none: publish " + domain.name + " MX 10 " + domain.hostname);
    return;
  }
  for (const std::string& host : mx->values) {
    if (host.empty() || host == ".") {
      out->add(Health::kBad, "MX", "a null MX says that the domain takes no mail (RFC 7505)");
      continue;
    }
    judge_mx_host(host, ours, answers, out);
  }
}

void judge_spf(const DomainSubject& domain, Answers& answers, Findings* out) {
  if (!domain.smarthost.empty() && domain.senders.empty())
    return out->add(Health::kNote, "SPF",
                    "mail goes out by " + domain.smarthost +
                        ": name the addresses that it sends from with --address to have them judged");
  std::map<mailauth::SpfStatus, std::vector<std::string>> by_status;
  std::string reason;
  for (const std::string& sender : domain.senders) {
    if (is_private_address(sender)) continue;
    // As copies are sent: bounces come back to the domain of the list.
    const auto spf = mailauth::check_spf(sender, domain.hostname, {"bounce", domain.name}, answers);
    by_status[spf.status].push_back(sender);
    if (!spf.reason.empty()) reason = escaped_for_display(spf.reason, 300);
  }
  for (const auto& [status, senders] : by_status) {
    switch (status) {
      case mailauth::SpfStatus::kPass:
        out->add(Health::kGood, "SPF", "the record names " + listed(senders));
        break;
      case mailauth::SpfStatus::kNone:
        out->add(Health::kBad, "SPF",
                 "there is no record: publish " + domain.name +
                     " TXT \"v=spf1 mx -all\", with ip4: and ip6: for "
                     "addresses that send and are no MX");
        break;
      case mailauth::SpfStatus::kTempError:
        out->add(Health::kUnknown, "SPF", reason.empty() ? "the name servers do not answer" : reason);
        break;
      case mailauth::SpfStatus::kPermError:
        out->add(Health::kBad, "SPF", "the record is wrong: " + reason);
        break;
      case mailauth::SpfStatus::kNeutral:
      case mailauth::SpfStatus::kFail:
      case mailauth::SpfStatus::kSoftFail:
        out->add(Health::kBad, "SPF",
                 std::string("the record does not name ") + listed(senders) + " (" +
                     mailauth::to_string(status) + ")");
        break;
    }
  }
}

// Whether something signs that verifiers will believe.
bool judge_dkim(const DomainSubject& domain, Answers& answers, Findings* out) {
  bool signs = false, any = false;
  for (const DkimKeyRecord& key : domain.keys) {
    if (key.state == DkimKeyState::kRetired) continue;
    any = true;
    const Answer* const answer =
        answers.find(RecordType::kText, mailauth::key_record_name(key.selector, key.domain));
    if (answer == nullptr) continue;
    const KeyCheck check = compare_with_dns(key, *answer);
    const bool active = key.state == DkimKeyState::kActive;
    signs = signs || active;
    if (check.unknown)
      out->add(Health::kUnknown, "DKIM", key.selector + ": " + escaped_for_display(check.problem, 300));
    else if (check.published)
      out->add(
          active ? Health::kGood : Health::kNote, "DKIM",
          key.selector +
              (active ? ": signs, and its record is there"
                      : ": its record is there; it signs when the server has seen it (essaim dkim check)"));
    else if (active)
      out->add(Health::kBad, "DKIM",
               key.selector + ": signs, and nobody can verify it: " +
                   escaped_for_display(check.problem, 300) + " (essaim dkim show " + domain.name + ")");
    else
      out->add(Health::kNote, "DKIM",
               key.selector + ": waits for its record: " + escaped_for_display(check.problem, 300) +
                   " (essaim dkim show " + domain.name + ")");
  }
  if (!any)
    out->add(Health::kBad, "DKIM", "nothing is signed: essaim dkim create " + domain.name);
  else if (!signs)
    out->add(Health::kBad, "DKIM", "nothing is signed yet: no key was seen in DNS");
  return signs;
}

void judge_dmarc(const DomainSubject& domain, Answers& answers, Findings* out) {
  const auto dmarc = mailauth::evaluate_dmarc(domain.name, {{domain.name}, domain.name}, answers);
  if (dmarc.status == mailauth::DmarcStatus::kTempError)
    return out->add(Health::kUnknown, "DMARC", escaped_for_display(dmarc.reason, 300));
  if (dmarc.policy_domain.empty())
    return out->add(Health::kBad, "DMARC",
                    "there is no record, which large providers ask for of who sends much: publish _dmarc." +
                        domain.name + " TXT \"v=DMARC1; p=none\"");
  const std::string policy =
      std::string("p=") + mailauth::to_string(dmarc.published) +
      (dmarc.policy_domain == domain.name ? "" : ", by the record of " + dmarc.policy_domain);
  out->add(Health::kGood, "DMARC", policy);
}

void judge_one_click(const DomainSubject& domain, bool signs, Answers& answers, Findings* out) {
  if (domain.lists == 0) return;
  if (domain.base_url.empty()) {
    out->add(Health::kNote, "one-click",
             "copies have no List-Unsubscribe by HTTP, which large providers ask for of who sends much: "
             "http.base_url is not set");
  } else {
    const std::string::size_type behind = domain.base_url.find("://");
    const std::string rest =
        behind == std::string::npos ? domain.base_url : domain.base_url.substr(behind + 3);
    const std::string host = ascii_lowered(rest.substr(0, rest.find_first_of(":/")));
    const doctor::Addresses found = addresses_of(answers, host);
    if (!domain.base_url.starts_with("https://"))
      out->add(Health::kBad, "one-click",
               "http.base_url is not https: providers do not offer what copies say (RFC 8058 §3.1)");
    else if (found.all.empty() && !found.problem.empty())
      out->add(Health::kUnknown, "one-click", silent(host, found.problem));
    else if (found.all.empty() && !host.starts_with('['))
      out->add(Health::kBad, "one-click", host + " of http.base_url has no address");
    else if (!signs)
      out->add(Health::kNote, "one-click",
               "copies have no List-Unsubscribe-Post, since nothing is signed (RFC 8058 §4)");
    else
      out->add(Health::kGood, "one-click", "copies say so, and are signed");
  }
  if (!domain.common.empty())
    out->add(Health::kNote, "one-click",
             "not in copies of " + listed(domain.common) + ": envelope=common, the same bytes for all");
}

}  // namespace

std::vector<Finding> examine_domain(const DomainSubject& domain, Answers& answers) {
  Findings out(domain.name);
  judge_mx(domain, answers, &out);
  judge_spf(domain, answers, &out);
  const bool signs = judge_dkim(domain, answers, &out);
  judge_dmarc(domain, answers, &out);
  judge_one_click(domain, signs, answers, &out);
  return out.take();
}

}  // namespace essaim::smtpd::operate
