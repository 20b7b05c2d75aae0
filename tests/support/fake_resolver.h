// A Resolver that answers from a table on a later turn of the loop, records what was asked, and fails the
// test when it is asked for something that the table does not have.
//
//   FakeResolver dns(loop);
//   dns.set_mx("example.org", {{10, "mx1.example.org"}});
//   dns.set_addresses("mx1.example.org", {"192.0.2.1"});
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>

#include "core/dns/resolver.h"

namespace essaim::test {

class FakeResolver : public dns::Resolver {
 public:
  explicit FakeResolver(net::EventLoop& loop) : loop_(loop) {}
  void reconfigure(const dns::ResolverOptions&) override {}

  // No records and kOk means kNoData. A status other than kOk stands alone.
  void set_mx(const std::string& domain, std::vector<dns::MxRecord> records,
              dns::Status status = dns::Status::kOk) {
    dns::MxAnswer answer;
    answer.status = status == dns::Status::kOk && records.empty() ? dns::Status::kNoData : status;
    answer.records = std::move(records);
    answer.ttl = std::chrono::seconds(300);
    if (status == dns::Status::kTemporary) answer.problem = "MX " + domain + ": SERVFAIL";
    mx_[domain] = std::move(answer);
  }
  void set_addresses(const std::string& host, std::vector<std::string> addresses,
                     dns::Status status = dns::Status::kOk) {
    dns::AddressAnswer answer;
    answer.status = status == dns::Status::kOk && addresses.empty() ? dns::Status::kNoData : status;
    answer.addresses = std::move(addresses);
    answer.canonical = host;
    answer.ttl = std::chrono::seconds(60);
    if (status == dns::Status::kTemporary) answer.problem = "A " + host + ": SERVFAIL";
    addresses_[host] = std::move(answer);
  }
  // The question for this family failed, the other one did not.
  void set_failed_ipv4(const std::string& host) { addresses_[host].ipv4_failed = true; }
  void set_failed_ipv6(const std::string& host) { addresses_[host].ipv6_failed = true; }
  void set_pointer(const std::string& ip, std::vector<std::string> names,
                   dns::Status status = dns::Status::kOk) {
    pointers_[ip] = text_answer(std::move(names), status);
  }
  void set_text(const std::string& name, std::vector<std::string> texts,
                dns::Status status = dns::Status::kOk) {
    texts_[name] = text_answer(std::move(texts), status);
  }

  // `secure` holds for what was set before.
  void set_secure_mx(const std::string& domain) { mx_[domain].secure = true; }
  void set_secure_addresses(const std::string& host, const std::string& canonical = "") {
    addresses_[host].secure = true;
    if (!canonical.empty()) addresses_[host].canonical = canonical;
  }
  void set_tlsa(const std::string& name, std::vector<dns::TlsaData> records, bool secure,
                dns::Status status = dns::Status::kOk) {
    dns::TlsaAnswer answer;
    answer.status = status == dns::Status::kOk && records.empty() ? dns::Status::kNoData : status;
    answer.records = std::move(records);
    answer.ttl = std::chrono::seconds(120);
    answer.secure = secure;
    if (status == dns::Status::kTemporary) answer.problem = "TLSA " + name + ": SERVFAIL";
    tlsa_[name] = std::move(answer);
  }
  void set_alias(const std::string& name, std::vector<std::string> targets, bool secure,
                 dns::Status status = dns::Status::kOk) {
    aliases_[name] = text_answer(std::move(targets), status);
    aliases_[name].secure = secure;
  }

  // Questions about this name are recorded and never answered.
  void silence(const std::string& name) { silent_.insert(name); }
  // While held, questions are recorded and answers wait; release() delivers them in the order of the
  // questions.
  void hold() { held_ = true; }
  void release() {
    held_ = false;
    for (auto& task : std::exchange(waiting_, {})) loop_.post(std::move(task));
  }
  // "MX example.org", "ADDR mx1.example.org", "PTR 192.0.2.1", "TXT example.org", "TLSA ...", "CNAME ..."
  const std::vector<std::string>& questions() const { return questions_; }
  std::size_t cancelled() const { return *cancelled_; }  // handles destroyed before their answer

  std::unique_ptr<dns::Query> mx(const std::string& domain,
                                 std::function<void(dns::MxAnswer)> done) override {
    return ask("MX", domain, mx_, std::move(done));
  }
  std::unique_ptr<dns::Query> addresses(const std::string& host,
                                        std::function<void(dns::AddressAnswer)> done) override {
    return ask("ADDR", host, addresses_, std::move(done));
  }
  std::unique_ptr<dns::Query> addresses(const std::string& host, dns::Family family,
                                        std::function<void(dns::AddressAnswer)> done) override {
    return ask("ADDR", host, addresses_,
               std::function<void(dns::AddressAnswer)>([=](dns::AddressAnswer answer) {
                 done(of_family(std::move(answer), family == dns::Family::kIpv6));
               }));
  }
  std::unique_ptr<dns::Query> pointer(const std::string& ip,
                                      std::function<void(dns::TextAnswer)> done) override {
    return ask("PTR", ip, pointers_, std::move(done));
  }
  std::unique_ptr<dns::Query> text(const std::string& name,
                                   std::function<void(dns::TextAnswer)> done) override {
    return ask("TXT", name, texts_, std::move(done));
  }
  std::unique_ptr<dns::Query> tlsa(const std::string& name,
                                   std::function<void(dns::TlsaAnswer)> done) override {
    return ask("TLSA", name, tlsa_, std::move(done));
  }
  std::unique_ptr<dns::Query> alias(const std::string& name,
                                    std::function<void(dns::TextAnswer)> done) override {
    return ask("CNAME", name, aliases_, std::move(done));
  }

 private:
  struct Handle : dns::Query {
    ~Handle() override {
      if (*waiting) ++*cancelled;
      *waiting = false;
    }
    std::shared_ptr<bool> waiting = std::make_shared<bool>(true);
    std::shared_ptr<std::size_t> cancelled;
  };

  static dns::TextAnswer text_answer(std::vector<std::string> texts, dns::Status status) {
    dns::TextAnswer answer;
    answer.status = status == dns::Status::kOk && texts.empty() ? dns::Status::kNoData : status;
    answer.texts = std::move(texts);
    if (status == dns::Status::kTemporary) answer.problem = "SERVFAIL";
    return answer;
  }

  static dns::AddressAnswer of_family(dns::AddressAnswer answer, bool ipv6) {
    std::erase_if(answer.addresses,
                  [&](const std::string& ip) { return (ip.find(':') != std::string::npos) != ipv6; });
    if (ipv6 ? answer.ipv6_failed : answer.ipv4_failed)
      answer.status = dns::Status::kTemporary;
    else if (answer.status == dns::Status::kOk && answer.addresses.empty())
      answer.status = dns::Status::kNoData;
    return answer;
  }

  template <typename Answer>
  std::unique_ptr<dns::Query> ask(const char* type, const std::string& name,
                                  const std::map<std::string, Answer>& table,
                                  std::function<void(Answer)> done) {
    const std::string question = std::string(type) + " " + name;
    questions_.push_back(question);
    auto handle = std::make_unique<Handle>();
    handle->cancelled = cancelled_;
    if (silent_.contains(name)) return handle;
    const auto found = table.find(name);
    if (found == table.end())
      BOOST_ERROR("the resolver was asked for what the test does not know: " + question);
    Answer answer;
    if (found == table.end()) {
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

  net::EventLoop& loop_;
  std::map<std::string, dns::MxAnswer> mx_;
  std::map<std::string, dns::AddressAnswer> addresses_;
  std::map<std::string, dns::TextAnswer> pointers_;
  std::map<std::string, dns::TextAnswer> texts_;
  std::map<std::string, dns::TlsaAnswer> tlsa_;
  std::map<std::string, dns::TextAnswer> aliases_;
  std::set<std::string> silent_;
  std::vector<std::string> questions_;
  std::deque<net::EventLoop::Task> waiting_;
  std::shared_ptr<std::size_t> cancelled_ = std::make_shared<std::size_t>(0);
  bool held_ = false;
};

}  // namespace essaim::test
