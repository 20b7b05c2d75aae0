#include "tests/support/fake_resolver.h"

#include <chrono>
#include <utility>

#include <boost/test/unit_test.hpp>

namespace essaim::test {
namespace {

struct Handle : dns::Query {
  ~Handle() override {
    if (*waiting) ++*cancelled;
    *waiting = false;
  }
  std::shared_ptr<bool> waiting = std::make_shared<bool>(true);
  std::shared_ptr<std::size_t> cancelled;
};

// Without `records` there is no data.
template <typename Answer, typename Records>
Answer answer_of(Records Answer::*where, Records records, dns::Status status, const std::string& problem) {
  Answer answer;
  answer.status = status == dns::Status::kOk && records.empty() ? dns::Status::kNoData : status;
  answer.*where = std::move(records);
  if (status == dns::Status::kTemporary) answer.problem = problem;
  return answer;
}
dns::TextAnswer text_answer(std::vector<std::string> texts, dns::Status status) {
  return answer_of(&dns::TextAnswer::texts, std::move(texts), status, "SERVFAIL");
}

dns::AddressAnswer of_family(dns::AddressAnswer answer, bool ipv6) {
  std::erase_if(answer.addresses,
                [&](const std::string& ip) { return (ip.find(':') != std::string::npos) != ipv6; });
  if (ipv6 ? answer.ipv6_failed : answer.ipv4_failed)
    answer.status = dns::Status::kTemporary;
  else if (answer.status == dns::Status::kOk && answer.addresses.empty())
    answer.status = dns::Status::kNoData;
  return answer;
}

}  // namespace

void FakeResolver::set_mx(const std::string& domain, std::vector<dns::MxRecord> records, dns::Status status) {
  auto answer = answer_of(&dns::MxAnswer::records, std::move(records), status, "MX " + domain + ": SERVFAIL");
  answer.ttl = std::chrono::seconds(300);
  mx_[domain] = std::move(answer);
}
void FakeResolver::set_addresses(const std::string& host, std::vector<std::string> addresses,
                                 dns::Status status) {
  auto answer =
      answer_of(&dns::AddressAnswer::addresses, std::move(addresses), status, "A " + host + ": SERVFAIL");
  answer.canonical = host;
  answer.ttl = std::chrono::seconds(60);
  addresses_[host] = std::move(answer);
}
void FakeResolver::set_failed_ipv4(const std::string& host) {
  addresses_[host].ipv4_failed = true;
}
void FakeResolver::set_failed_ipv6(const std::string& host) {
  addresses_[host].ipv6_failed = true;
}
void FakeResolver::set_pointer(const std::string& ip, std::vector<std::string> names, dns::Status status) {
  pointers_[ip] = text_answer(std::move(names), status);
}
void FakeResolver::set_text(const std::string& name, std::vector<std::string> texts, dns::Status status) {
  texts_[name] = text_answer(std::move(texts), status);
}

void FakeResolver::set_secure_mx(const std::string& domain) {
  mx_[domain].secure = true;
}
void FakeResolver::set_secure_addresses(const std::string& host, const std::string& canonical) {
  addresses_[host].secure = true;
  if (!canonical.empty()) addresses_[host].canonical = canonical;
}
void FakeResolver::set_tlsa(const std::string& name, std::vector<dns::TlsaData> records, bool secure,
                            dns::Status status) {
  auto answer =
      answer_of(&dns::TlsaAnswer::records, std::move(records), status, "TLSA " + name + ": SERVFAIL");
  answer.ttl = std::chrono::seconds(120);
  answer.secure = secure;
  tlsa_[name] = std::move(answer);
}
void FakeResolver::set_alias(const std::string& name, std::vector<std::string> targets, bool secure,
                             dns::Status status) {
  aliases_[name] = text_answer(std::move(targets), status);
  aliases_[name].secure = secure;
}

void FakeResolver::silence(const std::string& name) {
  silent_.insert(name);
}
void FakeResolver::release() {
  held_ = false;
  for (auto& task : std::exchange(waiting_, {})) loop_.post(std::move(task));
}

std::unique_ptr<dns::Query> FakeResolver::mx(const std::string& domain,
                                             std::function<void(dns::MxAnswer)> done) {
  return ask("MX", domain, mx_, std::move(done));
}
std::unique_ptr<dns::Query> FakeResolver::addresses(const std::string& host,
                                                    std::function<void(dns::AddressAnswer)> done) {
  return ask("ADDR", host, addresses_, std::move(done));
}
std::unique_ptr<dns::Query> FakeResolver::addresses(const std::string& host, dns::Family family,
                                                    std::function<void(dns::AddressAnswer)> done) {
  return ask("ADDR", host, addresses_,
             std::function<void(dns::AddressAnswer)>([=](dns::AddressAnswer answer) {
               done(of_family(std::move(answer), family == dns::Family::kIpv6));
             }));
}
std::unique_ptr<dns::Query> FakeResolver::pointer(const std::string& ip,
                                                  std::function<void(dns::TextAnswer)> done) {
  return ask("PTR", ip, pointers_, std::move(done));
}
std::unique_ptr<dns::Query> FakeResolver::text(const std::string& name,
                                               std::function<void(dns::TextAnswer)> done) {
  return ask("TXT", name, texts_, std::move(done));
}
std::unique_ptr<dns::Query> FakeResolver::tlsa(const std::string& name,
                                               std::function<void(dns::TlsaAnswer)> done) {
  return ask("TLSA", name, tlsa_, std::move(done));
}
std::unique_ptr<dns::Query> FakeResolver::alias(const std::string& name,
                                                std::function<void(dns::TextAnswer)> done) {
  return ask("CNAME", name, aliases_, std::move(done));
}

template <typename Answer>
std::unique_ptr<dns::Query> FakeResolver::ask(const char* type, const std::string& name,
                                              const std::map<std::string, Answer>& table,
                                              std::function<void(Answer)> done) {
  const std::string question = std::string(type) + " " + name;
  questions_.push_back(question);
  auto handle = std::make_unique<Handle>();
  handle->cancelled = cancelled_;
  if (silent_.contains(name)) return handle;
  const auto found = table.find(name);
  Answer answer;
  if (found == table.end()) {
    BOOST_ERROR("the resolver was asked for what the test does not know: " + question);
    answer.problem = question + " is not in the table";
  } else {
    answer = found->second;
  }
  auto task = [waiting = handle->waiting, answer = std::move(answer), done = std::move(done)] {
    if (std::exchange(*waiting, false)) done(answer);
  };
  if (held_) {
    waiting_.push_back(std::move(task));
  } else {
    loop_.post(std::move(task));
  }
  return handle;
}

}  // namespace essaim::test
