#include "delivery/tls/dane_lookup.h"

#include <algorithm>
#include <utility>

namespace essaim::delivery {
namespace {

struct Subject {
  DaneHost host;
  std::vector<std::string> bases;  // to ask at, in order
  std::size_t next = 0;
  std::unique_ptr<dns::Query> query;
  DaneResult result;
};

}  // namespace

struct DaneLookup::Impl {
  Impl(net::EventLoop& loop, dns::Resolver& r, std::function<void(std::vector<DaneResult>)> f)
      : resolver(r), done(std::move(f)), soon(loop, [this] { finish(); }) {}

  void begin(std::vector<DaneHost> hosts) {
    subjects.resize(hosts.size());
    missing = hosts.size() + 1;
    for (std::size_t i = 0; i < hosts.size(); ++i) {
      subjects[i].host = std::move(hosts[i]);
      begin_one(&subjects[i]);
    }
    settled();  // this call's own share
  }

  void begin_one(Subject* subject) {
    const DaneHost& host = subject->host;
    const bool aliased = !host.canonical.empty() && host.canonical != host.name;
    if (host.secure) {
      if (aliased) subject->bases.push_back(host.canonical);
      subject->bases.push_back(host.name);
      return ask_next(subject);
    }
    // Servers of unsigned zones often fail on types that they do not know: they are not asked (§2.2.2).
    if (!aliased) return settled();
    subject->query = resolver.alias(host.name, [this, subject](const dns::TextAnswer& answer) {
      if (answer.status == dns::Status::kTemporary) {
        subject->result.kind = DaneResult::Kind::kUnusable;
        subject->result.problem = answer.problem;
        return settled();
      }
      if (!answer.secure) return settled();
      subject->bases.push_back(subject->host.name);
      ask_next(subject);
    });
  }

  void ask_next(Subject* subject) {
    if (subject->next == subject->bases.size()) return settled();
    const std::string& base = subject->bases[subject->next++];
    const std::string name = "_" + std::to_string(subject->host.port) + "._tcp." + base;
    // The query before this one is being delivered: it is kept until both are over.
    auto before = std::make_shared<std::unique_ptr<dns::Query>>(std::move(subject->query));
    subject->query = resolver.tlsa(name, [this, subject, base, before](const dns::TlsaAnswer& answer) {
      DaneResult& result = subject->result;
      if (answer.status == dns::Status::kTemporary) {
        result.kind = DaneResult::Kind::kUnusable;
        result.problem = answer.problem;
        return settled();
      }
      if (answer.ttl.count() > 0) result.ttl = std::min(result.ttl, answer.ttl);
      if (answer.status != dns::Status::kOk || !answer.secure) return ask_next(subject);
      result.kind = DaneResult::Kind::kRecords;
      result.base = base;
      for (const dns::TlsaData& data : answer.records) {
        net::TlsaRecord record{data.usage, data.selector, data.matching, data.association};
        if (net::is_usable(record)) result.records.push_back(std::move(record));
      }
      settled();
    });
  }

  void settled() {
    if (--missing == 0) soon.start(Duration::zero());
  }

  // Last of all: the callback may destroy this.
  void finish() {
    std::vector<DaneResult> results;
    results.reserve(subjects.size());
    for (Subject& subject : subjects) results.push_back(std::move(subject.result));
    const auto callback = std::exchange(done, nullptr);
    if (callback) callback(std::move(results));
  }

  dns::Resolver& resolver;
  std::function<void(std::vector<DaneResult>)> done;
  net::Timer soon;
  std::vector<Subject> subjects;
  std::size_t missing = 0;
};

DaneLookup::DaneLookup(net::EventLoop& loop, dns::Resolver& resolver, std::vector<DaneHost> hosts,
                       std::function<void(std::vector<DaneResult>)> done)
    : impl_(std::make_unique<Impl>(loop, resolver, std::move(done))) {
  impl_->begin(std::move(hosts));
}

DaneLookup::~DaneLookup() = default;

}  // namespace essaim::delivery
