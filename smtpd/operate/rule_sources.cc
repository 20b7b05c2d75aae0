#include "smtpd/operate/rule_sources.h"

#include <cstdlib>
#include <future>

#include "core/base/log.h"
#include "smtpd/accounts/ldap_question.h"
#include "storage/foreign.h"

namespace essaim::smtpd::operate {
namespace {

using lists::scenario::SourceFilter;

constexpr int kThreads = 4;
constexpr std::size_t kMostKnown = 50'000;
constexpr std::size_t kMostWaiting = 1'000;  // questions; more are trouble of the source

std::string key_of(const SourceFilter& filter, const std::vector<std::string>& values) {
  // All that decides the answer, each with its length before it: a stranger chooses some of the values.
  std::string out;
  const auto put = [&out](std::string_view part) {
    out += std::to_string(part.size()) + ':';
    out += part;
  };
  for (const std::string* part : {&filter.name, &filter.host, &filter.place, &filter.user, &filter.password})
    put(*part);
  put(std::to_string(filter.port) + ' ' + std::to_string(static_cast<int>(filter.scope)));
  for (const std::string& text : filter.question.texts) put(text);
  for (const std::string& value : values) put(value);
  return out;
}

// As Sympa: a number that is not 0.
bool is_yes(const std::string& value) {
  return std::strtod(value.c_str(), nullptr) != 0;
}

Result<bool> ask_directory(const SourceFilter& filter, const std::vector<std::string>& values) {
  LdapOptions options;
  options.url = filter.host;
  options.starttls = filter.starttls;
  options.ca_file = filter.ca_file;
  options.base = filter.place;
  options.search_dn = filter.user;
  options.search_password = filter.password;
  options.timeout = filter.timeout;
  options.filter = filter.question.texts.front();
  for (std::size_t i = 0; i < values.size(); ++i)
    options.filter += fill_filter("{name}", values[i]) + filter.question.texts[i + 1];
  const LdapScope scope = filter.scope == SourceFilter::Scope::kSub   ? LdapScope::kSub
                          : filter.scope == SourceFilter::Scope::kOne ? LdapScope::kOne
                                                                      : LdapScope::kBase;
  return ldap_has_entry(options, scope);
}

Result<std::string> ask_database(const SourceFilter& filter, const std::vector<std::string>& values) {
  const storage::ForeignQuestion question{filter.question.texts, values};
  if (filter.kind == SourceFilter::Kind::kSqlite)
    return storage::ask_foreign_sqlite(filter.place, filter.timeout, question);
  storage::MariadbUrl url;
  url.user = filter.user;
  url.database = filter.place;
  url.timeout = static_cast<int>(std::chrono::duration_cast<std::chrono::seconds>(filter.timeout).count());
  if (filter.host.starts_with('/')) {
    url.socket = filter.host;
  } else {
    url.hosts = {{filter.host, static_cast<std::uint16_t>(filter.port)}};
  }
  if (!filter.ca_file.empty()) {
    url.tls = storage::MariadbTls::kVerify;
    url.ca = filter.ca_file;
  }
  return storage::ask_foreign_mariadb(url, filter.password, question);
}

// Blocks. kTemporary: why it could not be told.
Result<bool> ask_source(const SourceFilter& filter, const std::vector<std::string>& values) {
  ESSAIM_CHECK(filter.question.texts.size() == values.size() + 1);
  if (filter.kind == SourceFilter::Kind::kLdap) return ask_directory(filter, values);
  auto value = ask_database(filter, values);
  if (!value.ok()) return Error{ErrorCode::kTemporary, value.error().message};
  return is_yes(*value);
}

}  // namespace

RuleSources::RuleSources(const Clock& clock) : clock_(clock) {}

RuleSources::~RuleSources() {
  stop();
}

void RuleSources::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  if (executor_) executor_->stop();
}

Result<bool> RuleSources::holds(const SourceFilter& filter, const std::vector<std::string>& values) {
  const std::string key = key_of(filter, values);
  const std::lock_guard lock(mutex_);
  if (const auto found = known_.find(key); found != known_.end()) {
    const Known& known = found->second;
    if (known.asked) return Error{ErrorCode::kTemporary, "the filter " + filter.name + " is being asked"};
    if (clock_.mono_now() < known.until) {
      if (!known.failed) return known.holds;
      return Error{ErrorCode::kTemporary, "the filter " + filter.name + " cannot be asked: " + known.problem};
    }
  }
  if (stopped_) return Error{ErrorCode::kTemporary, "the program is going away"};
  if (asked_.size() >= kMostWaiting)
    return Error{ErrorCode::kTemporary, "the filter " + filter.name + ": too many questions wait"};
  const std::uint64_t number = ++last_;
  if (!executor_) executor_ = std::make_unique<Executor>("rule-sources", kThreads);
  const bool taken = executor_->submit([this, filter, values, key, number] {
    const auto answer = ask_source(filter, values);
    if (!answer.ok())
      log::warning("filter-failed", {{"filter", filter.name}, {"error", answer.error().message}});
    take(key, number, answer);
  });
  if (!taken) return Error{ErrorCode::kTemporary, "the program is going away"};
  known_[key].asked = true;
  asked_.insert(number);
  return Error{ErrorCode::kTemporary, "the filter " + filter.name + " is being asked"};
}

void RuleSources::take(const std::string& key, std::uint64_t number, const Result<bool>& answer) {
  std::vector<std::function<void()>> ready;
  {
    const std::lock_guard lock(mutex_);
    if (known_.size() > kMostKnown) forget_some();
    Known& known = known_[key];
    known.asked = false;
    known.failed = !answer.ok();
    known.holds = answer.ok() && *answer;
    known.problem = answer.ok() ? "" : answer.error().message;
    known.until = clock_.mono_now() + (answer.ok() ? kGood : kFailed);
    asked_.erase(number);
    ++answers_;
    for (Waiter& waiter : waiters_) {
      waiter.for_these.erase(number);
      if (waiter.for_these.empty()) ready.push_back(std::move(waiter.done));
    }
    std::erase_if(waiters_, [](const Waiter& waiter) { return waiter.for_these.empty(); });
  }
  for (const auto& done : ready) done();
}

void RuleSources::forget_some() {
  std::erase_if(known_, [](const auto& one) { return !one.second.asked; });
}

std::uint64_t RuleSources::answers() const {
  const std::lock_guard lock(mutex_);
  return answers_;
}

bool RuleSources::settle(std::uint64_t since, std::function<void()> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!asked_.empty()) {
      waiters_.push_back({asked_, std::move(done)});
      return true;
    }
    if (answers_ == since) return false;
  }
  done();
  return true;
}

bool RuleSources::wait(std::uint64_t since) {
  auto ended = std::make_shared<std::promise<void>>();
  if (!settle(since, [ended] { ended->set_value(); })) return false;
  ended->get_future().wait();
  return true;
}

}  // namespace essaim::smtpd::operate
