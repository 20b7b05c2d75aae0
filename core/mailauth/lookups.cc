#include "core/mailauth/lookups.h"

#include <utility>

#include "core/base/check.h"
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
    : Lookups(loop, resolver, nullptr, "", patience, std::move(look), std::move(done)) {}

Lookups::Lookups(net::EventLoop& loop, dns::Resolver& resolver, std::shared_ptr<QuestionTurns> turns,
                 std::string who, Duration patience, Look look, Done done)
    : loop_(loop),
      resolver_(resolver),
      turns_(std::move(turns)),
      who_(std::move(who)),
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
  for (const Question& question : answers_.take_missing()) ask_in_turn(question);
  if (open_.empty()) end();
}

void Lookups::ask_in_turn(const Question& question) {
  if (turns_ == nullptr) {
    open_[question].query = ask(question);
    return;
  }
  open_[question] = {};
  auto turn = turns_->take(who_, [this, question] { open_[question].query = ask(question); });
  open_[question].turn = std::move(turn);
}

std::unique_ptr<dns::Query> Lookups::ask(const Question& question) {
  const auto text = [this, question](const dns::TextAnswer& answer) {
    take(question, {status_of(answer.status), answer.texts, answer.problem});
  };
  switch (question.type) {
    case RecordType::kText:
      return resolver_.text(question.name, text);
    case RecordType::kPointer:
      return resolver_.pointer(question.name, [this, question](const dns::TextAnswer& answer) {
        Answer out{status_of(answer.status), answer.texts, answer.problem};
        for (std::string& name : out.values) name = ascii_lowered(name);
        take(question, std::move(out));
      });
    case RecordType::kIpv4:
    case RecordType::kIpv6:
      return resolver_.addresses(
          question.name, question.type == RecordType::kIpv6 ? dns::Family::kIpv6 : dns::Family::kIpv4,
          [this, question](const dns::AddressAnswer& answer) {
            take(question, {status_of(answer.status), answer.addresses, answer.problem});
          });
    case RecordType::kMx:
      return resolver_.mx(question.name, [this, question](const dns::MxAnswer& answer) {
        Answer out{status_of(answer.status), {}, answer.problem};
        for (const dns::MxRecord& record : answer.records) out.values.push_back(record.host);
        take(question, std::move(out));
      });
  }
  ESSAIM_CHECK(false);
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
  if (over_) return;
  for (const auto& [question, open] : open_)
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
