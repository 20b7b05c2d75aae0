#include "core/mailauth/lookups.h"

#include <utility>

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
  look_soon();
}

void Lookups::look_soon() {
  if (std::exchange(looks_soon_, true)) return;
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (alive.lock() && !over_) look_again();
  });
}

void Lookups::look_again() {
  looks_soon_ = false;
  answered_.clear();
  look_(answers_);
  for (const Question& question : answers_.take_missing()) ask(question);
  if (open_.empty()) end();
}

void Lookups::ask(const Question& question) {
  const auto text = [this, question](const dns::TextAnswer& answer) {
    take(question, {status_of(answer.status), answer.texts, answer.problem});
  };
  switch (question.type) {
    case RecordType::kText:
      open_[question] = resolver_.text(question.name, text);
      return;
    case RecordType::kPointer:
      open_[question] = resolver_.pointer(question.name, [this, question](const dns::TextAnswer& answer) {
        Answer out{status_of(answer.status), answer.texts, answer.problem};
        for (std::string& name : out.values) name = ascii_lowered(name);
        take(question, std::move(out));
      });
      return;
    case RecordType::kIpv4:
    case RecordType::kIpv6:
      open_[question] = resolver_.addresses(
          question.name, question.type == RecordType::kIpv6 ? dns::Family::kIpv6 : dns::Family::kIpv4,
          [this, question](const dns::AddressAnswer& answer) {
            take(question, {status_of(answer.status), answer.addresses, answer.problem});
          });
      return;
    case RecordType::kMx:
      open_[question] = resolver_.mx(question.name, [this, question](const dns::MxAnswer& answer) {
        Answer out{status_of(answer.status), {}, answer.problem};
        for (const dns::MxRecord& record : answer.records) out.values.push_back(record.host);
        take(question, std::move(out));
      });
      return;
  }
}

void Lookups::take(const Question& question, Answer answer) {
  const auto found = open_.find(question);
  if (over_ || found == open_.end()) return;
  answered_.push_back(std::move(found->second));
  open_.erase(found);
  answers_.add(question, std::move(answer));
  look_soon();
}

void Lookups::give_up() {
  for (const auto& [question, query] : open_)
    answers_.add(question, {Answer::Status::kTemporary, {}, "timed out"});
  end();
}

void Lookups::end() {
  over_ = true;
  deadline_.cancel();
  loop_.post([this, alive = std::weak_ptr<bool>(alive_)] {
    if (!alive.lock() || !done_) return;
    open_.clear();
    answered_.clear();
    const Done done = std::exchange(done_, nullptr);
    done(std::move(answers_));
  });
}

}  // namespace essaim::mailauth
