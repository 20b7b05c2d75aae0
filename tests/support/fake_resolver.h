// A Resolver that answers from a table on a later turn of the loop, records what was asked, and fails the
// test when it is asked for something that the table does not have.
//
//   FakeResolver dns(loop);
//   dns.set_mx("example.org", {{10, "mx1.example.org"}});
//   dns.set_addresses("mx1.example.org", {"192.0.2.1"});
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/dns/resolver.h"

namespace essaim::test {

class FakeResolver : public dns::Resolver {
 public:
  explicit FakeResolver(net::EventLoop& loop) : loop_(loop) {}
  void reconfigure(const dns::ResolverOptions&) override {}

  // No records and kOk means kNoData. A status other than kOk stands alone.
  void set_mx(const std::string& domain, std::vector<dns::MxRecord> records,
              dns::Status status = dns::Status::kOk);
  void set_addresses(const std::string& host, std::vector<std::string> addresses,
                     dns::Status status = dns::Status::kOk);
  // The question for this family failed, the other one did not.
  void set_failed_ipv4(const std::string& host);
  void set_failed_ipv6(const std::string& host);
  void set_pointer(const std::string& ip, std::vector<std::string> names,
                   dns::Status status = dns::Status::kOk);
  void set_text(const std::string& name, std::vector<std::string> texts,
                dns::Status status = dns::Status::kOk);

  // `secure` holds for what was set before.
  void set_secure_mx(const std::string& domain);
  void set_secure_addresses(const std::string& host, const std::string& canonical = "");
  void set_tlsa(const std::string& name, std::vector<dns::TlsaData> records, bool secure,
                dns::Status status = dns::Status::kOk);
  void set_alias(const std::string& name, std::vector<std::string> targets, bool secure,
                 dns::Status status = dns::Status::kOk);

  // Questions about this name are recorded and never answered.
  void silence(const std::string& name);
  // While held, questions are recorded and answers wait; release() delivers them in the order of the
  // questions.
  void hold() { held_ = true; }
  void release();
  // "MX example.org", "ADDR mx1.example.org", "PTR 192.0.2.1", "TXT example.org", "TLSA ...", "CNAME ..."
  const std::vector<std::string>& questions() const { return questions_; }
  std::size_t cancelled() const { return *cancelled_; }  // handles destroyed before their answer

  std::unique_ptr<dns::Query> mx(const std::string& domain, std::function<void(dns::MxAnswer)> done) override;
  std::unique_ptr<dns::Query> addresses(const std::string& host,
                                        std::function<void(dns::AddressAnswer)> done) override;
  std::unique_ptr<dns::Query> addresses(const std::string& host, dns::Family family,
                                        std::function<void(dns::AddressAnswer)> done) override;
  std::unique_ptr<dns::Query> pointer(const std::string& ip,
                                      std::function<void(dns::TextAnswer)> done) override;
  std::unique_ptr<dns::Query> text(const std::string& name,
                                   std::function<void(dns::TextAnswer)> done) override;
  std::unique_ptr<dns::Query> tlsa(const std::string& name,
                                   std::function<void(dns::TlsaAnswer)> done) override;
  std::unique_ptr<dns::Query> alias(const std::string& name,
                                    std::function<void(dns::TextAnswer)> done) override;

 private:
  template <typename Answer>
  std::unique_ptr<dns::Query> ask(const char* type, const std::string& name,
                                  const std::map<std::string, Answer>& table,
                                  std::function<void(Answer)> done);

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
