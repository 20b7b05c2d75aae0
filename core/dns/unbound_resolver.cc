#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <unbound-event.h>
#include <unbound.h>
#include <unistd.h>

#include "core/base/counters.h"
#include "core/base/log.h"
#include "core/base/read_file.h"
#include "core/base/text.h"
#include "core/base/timings.h"
#include "core/dns/packet.h"
#include "core/dns/resolv_conf.h"
#include "core/dns/resolver.h"

namespace essaim::dns {
namespace {

// What one question brought: a packet that was read, or why there is none.
struct Raw {
  Status status = Status::kTemporary;
  std::string bytes;
  Packet packet;
  Selection selection;
  bool secure = false;
  std::string problem;
};
using RawCallback = std::function<void(Raw)>;

// Contexts of all loops have a log and locks of the library in common, which it sets up and takes down unguarded.
std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

struct ContextDeleter {
  void operator()(ub_ctx* context) const {
    const std::lock_guard lock(library_mutex());
    ub_ctx_delete(context);
  }
};

// What libunbound says of an answer.
constexpr int kBogus = 1, kSecure = 2;

const char* type_name(std::uint16_t type) {
  switch (type) {
    case kTypeA:
      return "A";
    case kTypeAaaa:
      return "AAAA";
    case kTypeMx:
      return "MX";
    case kTypePtr:
      return "PTR";
    case kTypeTlsa:
      return "TLSA";
    case kTypeCname:
      return "CNAME";
    default:
      return "TXT";
  }
}

Raw read_answer(const std::string& name, std::uint16_t type, std::string bytes, bool secure) {
  Raw raw;
  raw.secure = secure;
  raw.bytes = std::move(bytes);
  auto packet = parse_packet(raw.bytes);
  if (!packet.ok()) {
    raw.problem = packet.error().message;
    return raw;
  }
  raw.packet = std::move(*packet);
  auto selection = select_records(raw.bytes, raw.packet, name, type);
  if (!selection.ok()) {
    raw.problem = selection.error().message;
    return raw;
  }
  raw.selection = std::move(*selection);
  if (raw.packet.rcode == kRcodeNoName) {
    raw.status = Status::kNoName;
  } else if (raw.packet.rcode != kRcodeOk) {
    raw.problem = "the name server answered with code " + std::to_string(raw.packet.rcode);
  } else if (raw.packet.truncated && raw.selection.records.empty()) {
    raw.problem = "the answer was cut off";
  } else {
    raw.status = raw.selection.records.empty() ? Status::kNoData : Status::kOk;
  }
  return raw;
}

Counter counter_of(Status status) {
  switch (status) {
    case Status::kOk:
      return Counter::kDnsFound;
    case Status::kNoData:
      return Counter::kDnsNoData;
    case Status::kNoName:
      return Counter::kDnsNoName;
    case Status::kTemporary:
      break;
  }
  return Counter::kDnsFailed;
}

// One question under way. Held by its Query handle, and by libunbound through `self` until it answers or is
// cancelled, and by the task that delivers. libunbound answers from its cache within the call that asks, so
// delivery is always a task of its own, and it asks again whether somebody still wants to know.
class Question : public std::enable_shared_from_this<Question> {
 public:
  Question(net::EventLoop& loop, std::shared_ptr<ub_ctx> context, std::string name, std::uint16_t type,
           RawCallback done)
      : loop_(loop),
        context_(std::move(context)),
        name_(std::move(name)),
        type_(type),
        done_(std::move(done)),
        deadline_(loop, [this] { on_deadline(); }) {}

  void ask(Duration timeout) {
    if (!is_host_name(name_)) {
      Raw raw;
      raw.status = Status::kNoName;  // no such name can exist
      raw.problem = "not a host name";
      return deliver_later(std::move(raw));
    }
    timeout_ = timeout;
    began_ = system_clock().mono_now();
    deadline_.start(timeout);
    asked_ = true;
    // With the final dot, so that no search list is tried.
    const int error =
        ub_resolve_event(context_.get(), (name_ + ".").c_str(), type_, 1, this, &Question::on_answer, &id_);
    if (error != 0) {
      asked_ = false;
      fail(std::string("libunbound: ") + ub_strerror(error));
    }
  }

  void cancel() {
    done_ = nullptr;
    deadline_.cancel();
    withdraw();
  }

 private:
  static void on_answer(void* self, int rcode, void* packet, int length, int security, char* why_bogus, int) {
    static_cast<Question*>(self)->answered(rcode, packet, length, security, why_bogus);
  }

  void answered(int rcode, void* packet, int length, int security, const char* why_bogus) {
    asked_ = false;
    deadline_.cancel();
    if (security == kBogus)
      return fail(why_bogus != nullptr ? std::string("DNSSEC: ") + why_bogus : "DNSSEC: bogus");
    if (rcode == static_cast<int>(kRcodeNoName) && (packet == nullptr || length <= 0)) {
      Raw raw;
      raw.status = Status::kNoName;
      raw.secure = security == kSecure;
      return deliver_later(std::move(raw));
    }
    if (rcode != static_cast<int>(kRcodeOk) && rcode != static_cast<int>(kRcodeNoName)) {
      return fail(rcode == static_cast<int>(kRcodeServerFailure)
                      ? "the name servers failed or did not answer"
                      : "the name server answered with code " + std::to_string(rcode));
    }
    if (packet == nullptr || length <= 0) return fail("the name server answered nothing");
    deliver_later(read_answer(name_, type_,
                              std::string(static_cast<const char*>(packet), static_cast<std::size_t>(length)),
                              security == kSecure));
  }

  void on_deadline() {
    withdraw();
    fail("no answer within " + format_duration(timeout_));
  }

  void withdraw() {
    if (std::exchange(asked_, false)) ub_cancel(context_.get(), id_);
  }

  void fail(std::string problem) {
    Raw raw;
    raw.problem = std::move(problem);
    deliver_later(std::move(raw));
  }

  void deliver_later(Raw raw) {
    if (done_ == nullptr) return;
    count(counter_of(raw.status));
    if (began_ != MonoTime{}) note_time(Timing::kDnsQuestion, system_clock().mono_now() - began_);
    if (!raw.problem.empty()) {
      raw.problem =
          std::string(type_name(type_)) + " " + escaped_for_display(name_, 255) + ": " + raw.problem;
    }
    auto shared = std::make_shared<Raw>(std::move(raw));
    loop_.post([self = shared_from_this(), shared] {
      const RawCallback done = std::exchange(self->done_, nullptr);
      if (done) done(std::move(*shared));
    });
  }

  net::EventLoop& loop_;
  const std::shared_ptr<ub_ctx> context_;
  const std::string name_;
  const std::uint16_t type_;
  RawCallback done_;  // null when cancelled or delivered
  net::Timer deadline_;
  Duration timeout_{};
  MonoTime began_{};
  int id_ = 0;
  bool asked_ = false;  // libunbound holds a pointer to this
};

// The handle of one or two questions. Cancels by destruction; a callback under way may destroy it.
class Handle : public Query {
 public:
  ~Handle() override {
    for (const auto& question : questions_) question->cancel();
  }
  void add(std::shared_ptr<Question> question) { questions_.push_back(std::move(question)); }

 private:
  std::vector<std::shared_ptr<Question>> questions_;
};

// Adds the addresses of one family; a record that cannot be read is as good as a failed question.
void merge(const Raw& raw, bool first_family, AddressAnswer* answer) {
  for (const Record* record : raw.selection.records) {
    if (auto address = read_address(raw.bytes, *record); address.ok())
      answer->addresses.push_back(std::move(*address));
  }
  const auto ttl = std::chrono::seconds(raw.selection.ttl);
  if (raw.status == Status::kTemporary) return;
  answer->ttl = first_family ? ttl : std::min(answer->ttl, ttl);
  answer->secure = (first_family || answer->secure) && raw.secure;
  // Both families have the same aliases; a name that does not exist has none.
  if (first_family || raw.status == Status::kOk) answer->canonical = raw.selection.owner;
}

// `types`: of the questions, in the same order.
AddressAnswer combine(const std::vector<Raw>& raws, const std::vector<std::uint16_t>& types) {
  AddressAnswer answer;
  bool temporary = false;
  bool no_name = false;
  bool first = true;
  for (std::size_t i = 0; i < raws.size(); ++i) {
    const Raw& raw = raws[i];
    merge(raw, first, &answer);
    if (raw.status != Status::kTemporary) first = false;
    (types[i] == kTypeA ? answer.ipv4_failed : answer.ipv6_failed) = raw.status == Status::kTemporary;
    temporary = temporary || raw.status == Status::kTemporary;
    no_name = no_name || raw.status == Status::kNoName;
    if (answer.problem.empty()) answer.problem = raw.problem;
  }
  if (!answer.addresses.empty()) {
    answer.status = Status::kOk;
  } else if (temporary) {
    answer.status = Status::kTemporary;
  } else {
    answer.status = no_name ? Status::kNoName : Status::kNoData;
  }
  return answer;
}

TextAnswer texts_of(const Raw& raw, bool names) {
  TextAnswer answer;
  answer.status = raw.status;
  answer.secure = raw.secure;
  answer.problem = raw.problem;
  for (const Record* record : raw.selection.records) {
    auto text = names ? read_target(raw.bytes, *record) : read_text(raw.bytes, *record);
    if (text.ok()) {
      answer.texts.push_back(std::move(*text));
    } else if (answer.problem.empty()) {
      answer.problem = text.error().message;
    }
  }
  if (answer.status == Status::kOk && answer.texts.empty()) answer.status = Status::kTemporary;
  return answer;
}

MxAnswer mx_of(const Raw& raw) {
  MxAnswer answer;
  answer.status = raw.status;
  answer.secure = raw.secure;
  answer.problem = raw.problem;
  answer.ttl = std::chrono::seconds(raw.selection.ttl);
  for (const Record* record : raw.selection.records) {
    auto mx = read_mx(raw.bytes, *record);
    if (mx.ok()) {
      answer.records.push_back({mx->preference, std::move(mx->host)});
    } else if (answer.problem.empty()) {
      answer.problem = mx.error().message;
    }
  }
  if (answer.status == Status::kOk && answer.records.empty()) answer.status = Status::kTemporary;
  std::stable_sort(answer.records.begin(), answer.records.end(),
                   [](const MxRecord& a, const MxRecord& b) { return a.preference < b.preference; });
  return answer;
}

TlsaAnswer tlsa_of(const Raw& raw) {
  TlsaAnswer answer;
  answer.status = raw.status;
  answer.secure = raw.secure;
  answer.problem = raw.problem;
  answer.ttl = std::chrono::seconds(raw.selection.ttl);
  for (const Record* record : raw.selection.records) {
    if (auto tlsa = read_tlsa(raw.bytes, *record); tlsa.ok()) {
      answer.records.push_back(std::move(*tlsa));
    } else if (answer.problem.empty()) {
      answer.problem = tlsa.error().message;
    }
  }
  if (answer.status == Status::kOk && answer.records.empty()) answer.status = Status::kTemporary;
  return answer;
}

Result<void> set_up(ub_ctx* context, const ResolverOptions& options,
                    const std::vector<std::string>& servers) {
  const auto refuse = [](const std::string& what, int error) {
    return Error{ErrorCode::kInvalid, "libunbound: " + what + ": " + ub_strerror(error)};
  };
  ub_ctx_debugout(context, nullptr);  // our log says what matters
  static constexpr struct {
    const char* name;
    const char* value;
  } kOptions[] = {
      {"do-not-query-localhost:", "no"},  // the server may be on this machine
      {"qname-minimisation:", "no"},      // a forwarder does it
      {"outgoing-range:", "256"},         // questions under way at once; the library's default is 16
      {"msg-cache-size:", "16m"},
      {"rrset-cache-size:", "32m"},
      // A server that was away is noticed within seconds after it comes back, not after 15 minutes.
      {"infra-host-ttl:", "60"},
      {"infra-keep-probing:", "yes"},
      {"unblock-lan-zones:", "yes"},  // private addresses have names in private DNS
  };
  for (const auto& option : kOptions) {
    if (const int error = ub_ctx_set_option(context, option.name, option.value); error != 0) {
      return refuse(std::string(option.name) + " " + option.value, error);
    }
  }
  if (!options.trust_anchor.empty()) {
    // libunbound reads it late and says little.
    if (::access(options.trust_anchor.c_str(), R_OK) != 0)
      return Error{ErrorCode::kInvalid,
                   "trust anchor: " + options.trust_anchor + ": " + std::strerror(errno)};
    if (const int error = ub_ctx_add_ta_file(context, options.trust_anchor.c_str()); error != 0)
      return refuse("trust anchor " + options.trust_anchor, error);
  }
  for (const std::string& server : servers) {
    if (const int error = ub_ctx_set_fwd(context, server.c_str()); error != 0) return refuse(server, error);
  }
  // libunbound answers these itself, with nothing. Last of all, as it ends the time of settings.
  for (const char* zone : {"test.", "invalid.", "localhost.", "127.in-addr.arpa."}) {
    if (const int error = ub_ctx_zone_remove(context, zone); error != 0)
      return refuse(options.trust_anchor.empty()
                        ? zone
                        : "the settings, of which the trust anchor " + options.trust_anchor + " is one",
                    error);
  }
  return {};
}

// `servers`: "192.0.2.53@53".
Result<std::shared_ptr<ub_ctx>> make_context(net::EventLoop& loop, const ResolverOptions& options,
                                             const std::vector<std::string>& servers) {
  std::shared_ptr<ub_ctx> context;
  Result<void> done;
  {
    const std::lock_guard lock(library_mutex());
    context.reset(ub_ctx_create_event(loop.base()), ContextDeleter());
    if (context != nullptr) done = set_up(context.get(), options, servers);
  }
  if (context == nullptr) return Error{ErrorCode::kExhausted, "libunbound: cannot make a context"};
  ESSAIM_TRY(done);
  return context;
}

constexpr Duration kTakenAgain = std::chrono::seconds(5);

class UnboundResolver : public Resolver {
 public:
  UnboundResolver(net::EventLoop& loop, const ResolverOptions& options)
      : loop_(loop), options_(options), machine_(options.resolv_conf) {}

  // Before the first question.
  Result<void> begin() {
    auto servers = configured();
    ESSAIM_TRY(servers);
    return take(*std::move(servers));
  }

  void reconfigure(const ResolverOptions& options) override {
    if (options.servers != options_.servers || options.trust_anchor != options_.trust_anchor ||
        options.resolv_conf_port != options_.resolv_conf_port || anchor_of(options) != anchor_) {
      renew_ = true;
      not_before_ = {};
    }
    const std::string file = options_.resolv_conf;
    options_ = options;
    options_.resolv_conf = file;
  }

  std::unique_ptr<Query> mx(const std::string& domain, std::function<void(MxAnswer)> done) override {
    return single(domain, kTypeMx, [done = std::move(done)](const Raw& raw) { done(mx_of(raw)); });
  }

  std::unique_ptr<Query> addresses(const std::string& host,
                                   std::function<void(AddressAnswer)> done) override {
    return addresses_of(host, {kTypeAaaa, kTypeA}, std::move(done));
  }

  std::unique_ptr<Query> addresses(const std::string& host, Family family,
                                   std::function<void(AddressAnswer)> done) override {
    return addresses_of(host, {family == Family::kIpv6 ? kTypeAaaa : kTypeA}, std::move(done));
  }

  std::unique_ptr<Query> pointer(const std::string& ip, std::function<void(TextAnswer)> done) override {
    return single(reverse_name(ip), kTypePtr,
                  [done = std::move(done)](const Raw& raw) { done(texts_of(raw, true)); });
  }

  std::unique_ptr<Query> tlsa(const std::string& name, std::function<void(TlsaAnswer)> done) override {
    return single(name, kTypeTlsa, [done = std::move(done)](const Raw& raw) { done(tlsa_of(raw)); });
  }

  std::unique_ptr<Query> alias(const std::string& name, std::function<void(TextAnswer)> done) override {
    return single(name, kTypeCname, [done = std::move(done)](const Raw& raw) { done(texts_of(raw, true)); });
  }

  std::unique_ptr<Query> text(const std::string& name, std::function<void(TextAnswer)> done) override {
    return single(name, kTypeTxt, [done = std::move(done)](const Raw& raw) { done(texts_of(raw, false)); });
  }

 private:
  std::unique_ptr<Query> addresses_of(const std::string& host, std::vector<std::uint16_t> types,
                                      std::function<void(AddressAnswer)> done) {
    struct Both {
      std::vector<std::uint16_t> types;  // IPv6 first
      std::vector<Raw> raws;
      std::size_t missing = 0;
      std::function<void(AddressAnswer)> done;
    };
    auto both = std::make_shared<Both>();
    both->types = std::move(types);
    both->raws.resize(both->types.size());
    both->missing = both->types.size();
    both->done = std::move(done);
    auto handle = std::make_unique<Handle>();
    for (std::size_t i = 0; i < both->types.size(); ++i) {
      start(handle.get(), host, both->types[i], [both, i](Raw raw) {
        both->raws[i] = std::move(raw);
        if (--both->missing == 0) both->done(combine(both->raws, both->types));
      });
    }
    return handle;
  }

  std::unique_ptr<Query> single(const std::string& name, std::uint16_t type, RawCallback done) {
    auto handle = std::make_unique<Handle>();
    start(handle.get(), name, type, std::move(done));
    return handle;
  }

  bool follows_machine() const { return options_.servers.empty(); }

  // By the settings, or else by the machine as it is now. None of the machine's is its own: resolv.conf(5).
  Result<std::vector<std::string>> configured() {
    if (follows_machine()) {
      auto read = machine_.read();
      if (!read.ok()) return read.error();
      return with_port(read->empty() ? std::vector<std::string>{"127.0.0.1"} : *std::move(read));
    }
    std::vector<std::string> servers;
    servers.reserve(options_.servers.size());
    for (const net::SocketAddress& server : options_.servers)
      servers.push_back(server.ip() + "@" + std::to_string(server.port()));
    return servers;
  }

  std::vector<std::string> with_port(std::vector<std::string> addresses) const {
    for (std::string& address : addresses) address += "@" + std::to_string(options_.resolv_conf_port);
    return addresses;
  }

  // What stands in the file; "" also if it cannot be read, of which set_up() says why.
  static std::string anchor_of(const ResolverOptions& options) {
    auto text = options.trust_anchor.empty() ? Result<std::string>("") : read_file(options.trust_anchor);
    return text.ok() ? *std::move(text) : std::string();
  }

  Result<void> take(std::vector<std::string> servers) {
    std::string anchor = anchor_of(options_);
    auto context = make_context(loop_, options_, servers);
    ESSAIM_TRY(context);
    context_ = *std::move(context);
    servers_ = std::move(servers);
    anchor_ = std::move(anchor);
    return {};
  }

  // Looks at each question: that costs next to nothing beside it. A file that names no server is one that is being
  // written, or of a machine without a network: the old ones may be right, and nothing else would be. Where the new ones cannot be
  // taken, as the trust anchor is being replaced or memory is short, they are tried again in a while.
  void follow_machine() {
    if (!follows_machine()) return;
    const MonoTime now = system_clock().mono_now();
    if (now < not_before_ || !machine_.changed()) return;
    auto read = machine_.read();
    auto servers = read.ok() ? with_port(*read) : std::vector<std::string>();
    if (read.ok() && servers == servers_) {  // what was found out stays known
      kept_.over();
      return;
    }
    const bool names_nobody = read.ok() && servers.empty();
    Result<void> taken = Error{ErrorCode::kInvalid, machine_.path() + ": no name server"};
    if (!read.ok()) taken = read.error();
    if (!servers.empty()) taken = take(std::move(servers));
    if (!taken.ok()) return keep(taken.error(), names_nobody ? MonoTime{} : now + kTakenAgain);
    tell_taken();
  }

  // What reconfigure() has brought. Where it cannot be taken, it is tried again in a while.
  void renew() {
    const MonoTime now = system_clock().mono_now();
    if (now < not_before_) return;
    auto servers = configured();
    const Result<void> taken = servers.ok() ? take(*std::move(servers)) : Result<void>(servers.error());
    if (!taken.ok()) return keep(taken.error(), now + kTakenAgain);
    renew_ = false;
    tell_taken();
  }

  // `again`: 0 if not before the machine's file has changed.
  void keep(const Error& why, MonoTime again) {
    if (again != MonoTime{}) {
      machine_.forget();
      not_before_ = again;
    }
    if (kept_.again()) log::warning("name-servers-kept", {{"loop", loop_.name()}, {"error", why.message}});
  }

  void tell_taken() {
    kept_.over();
    log::info("name-servers", {{"loop", loop_.name()}, {"servers", joined(servers_, " ")}});
  }

  void start(Handle* handle, const std::string& name, std::uint16_t type, RawCallback done) {
    if (renew_)
      renew();
    else
      follow_machine();
    auto question = std::make_shared<Question>(loop_, context_, name, type, std::move(done));
    handle->add(question);
    question->ask(options_.timeout);
  }

  net::EventLoop& loop_;
  ResolverOptions options_;
  bool renew_ = false;  // the options have changed, and the context is of those before
  ResolvConf machine_;
  MonoTime not_before_{};  // is it looked at again
  log::Once kept_;
  // Shared with the questions: their handles may outlive the resolver, and those that wait for servers that are no longer
  // asked have their answers of them, or their deadline.
  std::shared_ptr<ub_ctx> context_;
  std::vector<std::string> servers_;
  std::string anchor_;  // of it, as the file said
};

}  // namespace

Result<std::unique_ptr<Resolver>> make_resolver(net::EventLoop& loop, const ResolverOptions& options) {
  auto resolver = std::make_unique<UnboundResolver>(loop, options);
  ESSAIM_TRY(resolver->begin());
  return std::unique_ptr<Resolver>(std::move(resolver));
}

}  // namespace essaim::dns
