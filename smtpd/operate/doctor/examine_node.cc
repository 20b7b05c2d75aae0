// Our addresses and our name, as receivers see them.
#include <array>

#include "core/base/network.h"
#include "core/dns/packet.h"
#include "core/mailauth/spf.h"
#include "smtpd/operate/doctor/examine.h"
#include "smtpd/operate/doctor/names.h"

namespace essaim::smtpd::operate {
namespace {

using doctor::addresses_of;
using doctor::silent;
using mailauth::Answer;
using mailauth::Answers;
using mailauth::RecordType;

// That a name is behind the address, and the address behind the name. Large providers refuse who has not.
void judge_pointer(const NodeSubject& node, const std::string& ip, Answers& answers, Findings* out) {
  const Answer* const pointer = answers.find(RecordType::kPointer, ip);
  if (pointer == nullptr) return;
  if (pointer->status == Answer::Status::kTemporary)
    return out->add(Health::kUnknown, "PTR", silent(ip, pointer->problem));
  if (pointer->values.empty())
    return out->add(Health::kBad, "PTR",
                    "no name stands behind the address: have whoever gave it to you publish " +
                        dns::reverse_name(ip) + " PTR " + node.hostname +
                        (ip.find(':') != ip.npos ? " (or set delivery.ipv6 = false)" : ""));
  std::string back, problem;
  // Nobody asks for more than a few (RFC 7208 §4.6.4).
  const std::size_t number = std::min<std::size_t>(pointer->values.size(), 5);
  for (std::size_t i = 0; i < number; ++i) {
    const doctor::Addresses found = addresses_of(answers, pointer->values[i]);
    if (!found.problem.empty()) problem = silent(pointer->values[i], found.problem);
    if (found.has(ip) && (back.empty() || pointer->values[i] == node.hostname)) back = pointer->values[i];
  }
  if (back.empty() && !problem.empty()) return out->add(Health::kUnknown, "PTR", problem);
  const std::string name = escaped_for_display(pointer->values.front(), 256);
  if (back.empty())
    return out->add(Health::kBad, "PTR",
                    name + " does not lead back to the address: publish its " +
                        (ip.find(':') != ip.npos ? "AAAA " : "A ") + ip +
                        ", or another name in the PTR record");
  if (back != node.hostname)
    return out->add(Health::kNote, "PTR",
                    escaped_for_display(back, 256) + " leads back to the address; we say HELO as " +
                        node.hostname + ", and some receivers want it to be the same name");
  out->add(Health::kGood, "PTR", back + " leads back to the address");
}

void judge_helo_spf(const NodeSubject& node, const std::string& ip, Answers& answers, Findings* out) {
  const auto spf = mailauth::check_spf(ip, node.hostname, {"postmaster", node.hostname}, answers);
  switch (spf.status) {
    case mailauth::SpfStatus::kPass:
      return out->add(Health::kGood, "SPF of HELO", node.hostname + " names the address");
    case mailauth::SpfStatus::kNone:
      return out->add(Health::kNote, "SPF of HELO",
                      node.hostname +
                          " has no SPF record, which reports (of the null sender) are judged by: "
                          "publish " +
                          node.hostname + " TXT \"v=spf1 a -all\"");
    case mailauth::SpfStatus::kTempError:
      return out->add(Health::kUnknown, "SPF of HELO", escaped_for_display(spf.reason, 300));
    case mailauth::SpfStatus::kPermError:
      return out->add(
          Health::kBad, "SPF of HELO",
          "the record of " + node.hostname + " is wrong: " + escaped_for_display(spf.reason, 300));
    case mailauth::SpfStatus::kNeutral:
    case mailauth::SpfStatus::kFail:
    case mailauth::SpfStatus::kSoftFail:
      break;
  }
  out->add(Health::kBad, "SPF of HELO",
           std::string("the record of ") + node.hostname + " does not name the address (" +
               mailauth::to_string(spf.status) + ")");
}

// "2.2.0.192.zone.example" (RFC 5782 §2.1, §2.4).
std::string name_in_list(const std::string& ip, const std::string& zone) {
  const std::string reversed = dns::reverse_name(ip);
  for (const std::string_view end : {".in-addr.arpa", ".ip6.arpa"})
    if (reversed.ends_with(end)) return reversed.substr(0, reversed.size() - end.size()) + "." + zone;
  return "";
}

void judge_blocklist(const std::string& ip, const std::string& zone, Answers& answers, Findings* out) {
  const std::string name = name_in_list(ip, zone);
  const Answer* const listed = answers.find(RecordType::kIpv4, name);
  if (listed == nullptr) return;
  if (listed->status == Answer::Status::kTemporary)
    return out->add(Health::kUnknown, zone, silent(name, listed->problem));
  if (listed->values.empty()) return out->add(Health::kGood, zone, "not listed");
  const std::string& code = listed->values.front();
  // A list that does not answer the servers of large networks says so by this.
  if (code.starts_with("127.255.255."))
    return out->add(Health::kUnknown, zone, "the list does not answer this name server (" + code + ")");
  if (!code.starts_with("127."))
    return out->add(Health::kUnknown, zone,
                    "its answer is none of a blocklist: " + escaped_for_display(code, 60));
  const Answer* const reason = answers.find(RecordType::kText, name);
  out->add(Health::kBad, zone,
           "listed (" + code + ")" +
               (reason != nullptr && !reason->values.empty()
                    ? ": " + escaped_for_display(reason->values.front(), 300)
                    : std::string()));
}

}  // namespace

bool is_private_address(const std::string& ip) {
  static constexpr std::array kPrivate = {"10.0.0.0/8",    "172.16.0.0/12", "192.168.0.0/16",
                                          "100.64.0.0/10", "127.0.0.0/8",   "169.254.0.0/16",
                                          "::1",           "fc00::/7",      "fe80::/10"};
  const auto address = parse_network(ip);
  return address && std::any_of(kPrivate.begin(), kPrivate.end(), [&address](const char* one) {
           const auto network = parse_network(one);
           return network && network->contains(*address);
         });
}

std::vector<Finding> examine_hostname(const NodeSubject& node, Answers& answers) {
  Findings out(node.hostname);
  const doctor::Addresses found = addresses_of(answers, node.hostname);
  if (found.all.empty() && !found.problem.empty()) {
    out.add(Health::kUnknown, "HELO", silent(node.hostname, found.problem));
  } else if (found.all.empty()) {
    out.add(Health::kBad, "HELO",
            "the name that we say has no address, so some receivers refuse us: publish its A or AAAA, or set "
            "another hostname");
  } else {
    std::string missing;
    for (const std::string& sender : node.senders)
      if (!found.has(sender)) missing += (missing.empty() ? "" : ", ") + sender;
    if (missing.empty())
      out.add(Health::kGood, "HELO", "the name has our addresses");
    else
      out.add(Health::kNote, "HELO", "we also come from " + missing + ", which the name does not have");
  }
  return out.take();
}

std::vector<Finding> examine_sender(const NodeSubject& node, const std::string& sender, Answers& answers) {
  Findings out(sender);
  if (is_private_address(sender)) {
    out.add(Health::kNote, "address",
            "others see another one, if they see us at all: name it with --address to have it judged");
    return out.take();
  }
  judge_pointer(node, sender, answers, &out);
  judge_helo_spf(node, sender, answers, &out);
  for (const std::string& zone : node.zones) judge_blocklist(sender, zone, answers, &out);
  return out.take();
}

}  // namespace essaim::smtpd::operate
