#include "core/mailauth/spf.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>

#define HAVE_NS_TYPE 1
extern "C" {
#include <spf2/spf.h>
#include <spf2/spf_dns.h>
}

#include "core/base/check.h"
#include "core/base/text.h"
#include "core/dns/packet.h"
#include "core/mailauth/spf_record.h"

namespace essaim::mailauth {
namespace {

constexpr int kMaxVoidAnswers = 2;     // §4.6.4
constexpr int kMaxTerms = 10;          // §4.6.4: that need DNS
constexpr std::size_t kMaxNames = 10;  // §4.6.4: of a client; those beyond are ignored
constexpr std::size_t kMaxValues = 64;

// One evaluation: libspf2's name server is this.
struct Evaluation {
  Answers& answers;
  std::string_view client;
  int voids = 0;
  int terms = 0;
  bool begun = false;  // the first record was asked for
  bool temporary = false;
  std::set<std::string> hosts{};    // of MX and PTR answers: their addresses are no terms of their own
  std::set<std::string> pointed{};  // of the PTR answer that the library goes through now
  std::string broken{};             // why it is a permanent error, whatever libspf2 says
};

void put(SPF_dns_rr_t* rr, const void* data, std::size_t size) {
  const int at = rr->num_rr;
  if (SPF_dns_rr_buf_realloc(rr, at, size + 1) != SPF_E_SUCCESS) return;
  std::memset(rr->rr[at], 0, size + 1);
  std::memcpy(static_cast<void*>(rr->rr[at]), data, size);
  rr->num_rr = at + 1;
}

void put_address(SPF_dns_rr_t* rr, int family, const std::string& text) {
  unsigned char octets[16];
  if (inet_pton(family, text.c_str(), octets) == 1) put(rr, octets, family == AF_INET ? 4 : 16);
}

// Of the texts the one that is an SPF record, reduced; two are an error (§4.5).
void put_record(SPF_dns_rr_t* rr, const std::vector<std::string>& texts, Evaluation* evaluation) {
  const std::string* record = nullptr;
  for (const std::string& text : texts) {
    if (!is_spf_record(text)) continue;
    if (record != nullptr) {
      evaluation->broken = "several SPF records";
      return;
    }
    record = &text;
  }
  if (record == nullptr) return;
  auto reduced = reduced_spf_record(*record, evaluation->client);
  if (!reduced.ok()) {
    evaluation->broken = reduced.error().message;
    return;
  }
  put(rr, reduced->data(), reduced->size());
}

void fill(SPF_dns_rr_t* rr, ns_type type, const std::vector<std::string>& values, Evaluation* evaluation) {
  if (type == ns_t_txt) return put_record(rr, values, evaluation);
  // Too many exchangers are an error of the domain's, which the library finds. It finds one in too many names of the
  // client, too, and they say nothing about the domain.
  const std::size_t most = type == ns_t_ptr ? kMaxNames : kMaxValues;
  for (const std::string& value : values) {
    if (static_cast<std::size_t>(rr->num_rr) == most) return;
    if (type == ns_t_a) {
      put_address(rr, AF_INET, value);
    } else if (type == ns_t_aaaa) {
      put_address(rr, AF_INET6, value);
    } else if (dns::is_host_name(value)) {
      put(rr, value.data(), value.size());
    }
  }
}

// Null: a type that nobody has.
const Answer* ask(Evaluation* evaluation, const char* domain, ns_type type) {
  static const Answer nothing{Answer::Status::kNoData, {}, {}};
  switch (type) {
    case ns_t_txt:
      return evaluation->answers.find(RecordType::kText, domain);
    case ns_t_a:
      return evaluation->answers.find(RecordType::kIpv4, domain);
    case ns_t_aaaa:
      return evaluation->answers.find(RecordType::kIpv6, domain);
    case ns_t_mx:
      return evaluation->answers.find(RecordType::kMx, domain);
    case ns_t_ptr:
      return evaluation->answers.find(RecordType::kPointer, evaluation->client);
    default:
      return &nothing;
  }
}

// The library counts anew in each record that is included, so the budget is kept here.
void count_term(const char* domain, ns_type type, Evaluation* evaluation) {
  const bool address = type == ns_t_a || type == ns_t_aaaa;
  if (type == ns_t_txt && !std::exchange(evaluation->begun, true)) return;
  if (address && evaluation->hosts.count(ascii_lowered(domain)) > 0) return;
  if (++evaluation->terms > kMaxTerms) evaluation->broken = "more than ten terms need DNS";
}

void remember_hosts(ns_type type, const Answer& answer, Evaluation* evaluation) {
  if (type == ns_t_mx) evaluation->hosts.insert(answer.values.begin(), answer.values.end());
  if (type != ns_t_ptr) return;
  for (const std::string& name : answer.values) {
    if (evaluation->pointed.size() == kMaxNames) return;
    if (!dns::is_host_name(name)) continue;
    evaluation->hosts.insert(name);
    evaluation->pointed.insert(ascii_lowered(name));
  }
}

// What names the client: its reverse zone, and the addresses of the hosts that it names, which are asked for right behind.
bool names_the_client(const char* domain, ns_type type, Evaluation* evaluation) {
  if ((type == ns_t_a || type == ns_t_aaaa) && evaluation->pointed.erase(ascii_lowered(domain)) > 0)
    return true;
  evaluation->pointed.clear();
  return type == ns_t_ptr;
}

// §4.6.4 bounds the terms that find nothing. The hosts of an MX or PTR answer are none, and have a bound of their own. Nor
// is a host without IPv6 a name that finds nothing: the same record passes where the client comes by IPv4, and how many
// terms may ask for such names is bounded.
bool is_void(const char* domain, ns_type type, int status, const Evaluation& evaluation) {
  if (type == ns_t_txt || type == ns_t_ptr) return false;
  if (status != HOST_NOT_FOUND && (status != NO_DATA || type == ns_t_aaaa)) return false;
  return type == ns_t_mx || evaluation.hosts.count(ascii_lowered(domain)) == 0;
}

extern "C" SPF_dns_rr_t* essaim_spf_lookup(SPF_dns_server_t* server, const char* domain, ns_type type, int) {
  static const Answer nothing{Answer::Status::kNoData, {}, {}};
  auto* const evaluation = static_cast<Evaluation*>(server->hook);
  count_term(domain, type, evaluation);
  const Answer* answer = evaluation->broken.empty() ? ask(evaluation, domain, type) : &nothing;
  // §5.5: there an error only means that the client has no such name, so its own servers make nothing uncertain. Nor do
  // they keep the terms behind from being asked: what is missing is no name so far.
  const bool skipped = names_the_client(domain, type, evaluation) &&
                       (answer == nullptr || answer->status == Answer::Status::kTemporary);
  if (skipped) answer = &nothing;
  const bool temporary = answer == nullptr || answer->status == Answer::Status::kTemporary;
  evaluation->temporary |= temporary;
  const int status = temporary                                   ? TRY_AGAIN
                     : answer->status == Answer::Status::kNoName ? HOST_NOT_FOUND
                     : answer->status == Answer::Status::kNoData ? NO_DATA
                                                                 : NETDB_SUCCESS;
  SPF_dns_rr_t* const rr = SPF_dns_rr_new_init(server, domain, type, 0, status);
  if (rr == nullptr) return nullptr;
  if (status == NETDB_SUCCESS) {
    remember_hosts(type, *answer, evaluation);
    fill(rr, type, answer->values, evaluation);
    if (rr->num_rr == 0) rr->herrno = NO_DATA;
  }
  if (!skipped && is_void(domain, type, rr->herrno, *evaluation) && ++evaluation->voids > kMaxVoidAnswers)
    evaluation->broken = "too many names without an answer";
  return rr;
}

struct Freed {
  void operator()(SPF_server_t* p) const { SPF_server_free(p); }
  void operator()(SPF_request_t* p) const { SPF_request_free(p); }
  void operator()(SPF_response_t* p) const { SPF_response_free(p); }
  void operator()(SPF_record_t* p) const { SPF_record_free(p); }
};

SpfStatus status_of(SPF_result_t result) {
  switch (result) {
    case SPF_RESULT_NEUTRAL:
      return SpfStatus::kNeutral;
    case SPF_RESULT_PASS:
      return SpfStatus::kPass;
    case SPF_RESULT_FAIL:
      return SpfStatus::kFail;
    case SPF_RESULT_SOFTFAIL:
      return SpfStatus::kSoftFail;
    case SPF_RESULT_TEMPERROR:
      return SpfStatus::kTempError;
    case SPF_RESULT_PERMERROR:
      return SpfStatus::kPermError;
    default:
      return SpfStatus::kNone;
  }
}

std::unique_ptr<SPF_request_t, Freed> make_request(SPF_server_t* server, std::string_view client,
                                                   const std::string& helo, const smtp::Address& sender) {
  std::unique_ptr<SPF_request_t, Freed> request(SPF_request_new(server));
  ESSAIM_CHECK(request != nullptr);
  const std::string ip(client);
  const bool ipv6 = ip.find(':') != std::string::npos;
  if ((ipv6 ? SPF_request_set_ipv6_str(request.get(), ip.c_str())
            : SPF_request_set_ipv4_str(request.get(), ip.c_str())) != SPF_E_SUCCESS)
    return nullptr;
  SPF_request_set_helo_dom(request.get(), helo.empty() ? "unknown" : helo.c_str());
  SPF_request_set_env_from(request.get(), (sender.local + "@" + sender.domain).c_str());
  return request;
}

// SPF_request_query_mailfrom() would let every client of the loopback pass; these two are its other steps.
SpfResult evaluate(SPF_server_t* server, SPF_request_t* request, SpfResult out) {
  request->cur_dom = request->env_from_dp;
  const std::unique_ptr<SPF_response_t, Freed> response(SPF_response_new(request));
  SPF_record_t* raw = nullptr;
  SPF_errcode_t error = SPF_server_get_record(server, request, response.get(), &raw);
  const std::unique_ptr<SPF_record_t, Freed> record(raw);
  if (error == SPF_E_SUCCESS && record) {
    response->spf_record_exp = record.get();  // it insists on it, although no explanation is made
    SPF_record_interpret(record.get(), request, response.get(), 0);
  }
  out.status = status_of(SPF_response_result(response.get()));
  if (out.status == SpfStatus::kPermError || out.status == SpfStatus::kTempError)
    out.reason = SPF_strerror(SPF_response_errcode(response.get()));
  return out;
}

}  // namespace

const char* to_string(SpfStatus status) {
  switch (status) {
    case SpfStatus::kNone:
      return "none";
    case SpfStatus::kNeutral:
      return "neutral";
    case SpfStatus::kPass:
      return "pass";
    case SpfStatus::kFail:
      return "fail";
    case SpfStatus::kSoftFail:
      return "softfail";
    case SpfStatus::kTempError:
      return "temperror";
    case SpfStatus::kPermError:
      return "permerror";
  }
  return "none";
}

SpfResult check_spf(std::string_view client_ip, const std::string& helo, const smtp::Address& sender,
                    Answers& answers) {
  SpfResult out;
  out.domain = sender.domain;
  // §4.3: no domain of several labels. And nothing that macros could put into queries or logs.
  const bool plain =
      std::all_of(sender.local.begin(), sender.local.end(), [](char c) { return c > 0x20 && c < 0x7f; });
  if (!dns::is_host_name(sender.domain) || sender.domain.find('.') == std::string::npos) return out;
  Evaluation evaluation{answers, client_ip};
  SPF_dns_server_t dns{};
  dns.lookup = essaim_spf_lookup;
  dns.name = "answers";
  dns.hook = &evaluation;
  const std::unique_ptr<SPF_server_t, Freed> server(SPF_server_new_dns(&dns, 0));
  ESSAIM_CHECK(server != nullptr);
  smtp::Address shown = sender;
  if (!plain || shown.local.empty() || shown.local.size() > smtp::kMaxLocalPart) shown.local = "postmaster";
  const auto request = make_request(server.get(), client_ip, dns::is_host_name(helo) ? helo : "", shown);
  if (!request) return out;
  out = evaluate(server.get(), request.get(), std::move(out));
  if (!evaluation.broken.empty()) {
    out.status = SpfStatus::kPermError;
    out.reason = evaluation.broken;
  } else if (evaluation.temporary && out.status == SpfStatus::kNone) {
    out.status = SpfStatus::kTempError;
  }
  return out;
}

}  // namespace essaim::mailauth
