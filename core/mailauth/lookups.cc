#include "core/mailauth/lookups.h"

#include <algorithm>

#include "core/base/text.h"

namespace essaim::mailauth {
namespace {

Answer::Status status_of(dns::Status status) {
  switch (status) {
    case dns::Status::kOk:
      return Answer::Status::kOk;
    case dns::Status::kNoData:
      return Answer::Status::kNoData;
    case dns::Status::kNoName:
      return Answer::Status::kNoName;
    case dns::Status::kTemporary:
      break;
  }
  return Answer::Status::kTemporary;
}

// Of addresses of both families those of one. What the other one has does not tell that this one has none.
Answer of_family(const dns::AddressAnswer& answer, bool ipv6) {
  Answer out{status_of(answer.status), {}, answer.problem};
  for (const std::string& address : answer.addresses) {
    if ((address.find(':') != std::string::npos) == ipv6) out.values.push_back(address);
  }
  if (!out.values.empty()) return out;
  if (ipv6 ? answer.ipv6_failed : answer.ipv4_failed) out.status = Answer::Status::kTemporary;
  if (out.status == Answer::Status::kOk) out.status = Answer::Status::kNoData;
  return out;
}

}  // namespace

Lookups::Lookups(net::EventLoop& loop, dns::Resolver& resolver, Duration patience, Look look, Done done)
    : loop_(loop),
      resolver_(resolver),
      patience_(patience),
      look_(std::move(look)),
      done_(std::move(done)),
      deadline_(loop, [this] { give_up(); }) {}

Lookups::~Lookups() = default;

void Lookups::start() {
  deadline_.start(patience_);
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.lock()) look_again();
  });
}

void Lookups::look_again() {
  queries_.clear();
  look_(answers_);
  open_ = answers_.take_missing();
  if (open_.empty()) return end();
  if (++rounds_ > kMostRounds || over_) return give_up();
  // A copy: the first answers may come while others are still being asked for.
  for (const Question& question : std::vector<Question>(open_)) ask(question);
}

void Lookups::ask(const Question& question) {
  const auto text = [this, question](const dns::TextAnswer& answer) {
    take(question, {status_of(answer.status), answer.texts, answer.problem});
  };
  switch (question.type) {
    case RecordType::kText:
      queries_.push_back(resolver_.text(question.name, text));
      return;
    case RecordType::kPointer:
      queries_.push_back(resolver_.pointer(question.name, [this, question](const dns::TextAnswer& answer) {
        Answer out{status_of(answer.status), answer.texts, answer.problem};
        for (std::string& name : out.values) name = ascii_lowered(name);
        take(question, std::move(out));
      }));
      return;
    case RecordType::kIpv4:
    case RecordType::kIpv6:
      queries_.push_back(
          resolver_.addresses(question.name, [this, question](const dns::AddressAnswer& answer) {
            take(question, of_family(answer, question.type == RecordType::kIpv6));
          }));
      return;
    case RecordType::kMx:
      queries_.push_back(resolver_.mx(question.name, [this, question](const dns::MxAnswer& answer) {
        Answer out{status_of(answer.status), {}, answer.problem};
        for (const dns::MxRecord& record : answer.records) out.values.push_back(record.host);
        take(question, std::move(out));
      }));
      return;
  }
}

void Lookups::take(const Question& question, Answer answer) {
  const auto found = std::find(open_.begin(), open_.end(), question);
  if (over_ || found == open_.end()) return;
  open_.erase(found);
  answers_.add(question, std::move(answer));
  if (!open_.empty()) return;
  // Not from within a query's callback: look_again() lets go of the queries.
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.lock() && !over_) look_again();
  });
}

void Lookups::give_up() {
  over_ = true;
  for (const Question& question : open_)
    answers_.add(question, {Answer::Status::kTemporary, {}, "timed out"});
  open_.clear();
  end();
}

void Lookups::end() {
  over_ = true;
  deadline_.cancel();
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock() || !done_) return;
    queries_.clear();
    const Done done = std::exchange(done_, nullptr);
    done(std::move(answers_));
  });
}

}  // namespace essaim::mailauth
