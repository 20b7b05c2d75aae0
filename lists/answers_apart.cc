#include "lists/answers_apart.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "lists/dsn_request.h"
#include "lists/incoming.h"
#include "lists/refusal.h"
#include "lists/sender_report.h"

namespace essaim::lists {
namespace {

using Recipients = std::vector<Submission::Recipient>;

bool is_apart(const Submission::Recipient& one) {
  return one.target->kind == TargetKind::kKey || one.target->kind == TargetKind::kCommands;
}

// What it is to besides comes last, in one transaction as ever: an answer that comes again is known again, mail for people
// elsewhere is not.
std::vector<Recipients> parts_of(const Recipients& recipients) {
  std::vector<Recipients> out;
  Recipients others;
  for (const Submission::Recipient& one : recipients) {
    if (!is_apart(one)) {
      others.push_back(one);
      continue;
    }
    const bool known = std::any_of(out.begin(), out.end(), [&one](const Recipients& part) {
      return mean_the_same(*part.front().target, *one.target);
    });
    if (!known) out.push_back({one});
  }
  if (!others.empty()) out.push_back(std::move(others));
  return out;
}

class Apart : public std::enable_shared_from_this<Apart> {
 public:
  Apart(const Services& services, std::shared_ptr<Submission> submission, TakeSubmission take,
        Acceptance::Done done)
      : services_(services),
        whole_(std::move(submission)),
        parts_(parts_of(whole_->recipients)),
        take_(std::move(take)),
        done_(std::move(done)) {}

  void next() {
    if (at_ == parts_.size() || (later_ && !is_apart(parts_[at_].front()))) return end();
    // All have its id, as it stands in the Received line and in the log: answers store nothing under theirs.
    auto part = std::make_shared<Submission>(*whole_);
    part->recipients = parts_[at_];
    take_(std::move(part), [self = shared_from_this()](smtp::Reply reply) { self->taken(std::move(reply)); });
  }

 private:
  void taken(smtp::Reply reply) {
    // The session ends: its login is over.
    if (reply.code == 421) return done_(std::move(reply));
    auto& first = reply.positive() ? accepted_ : reply.temporary() ? later_ : refused_;
    if (!reply.positive() && !reply.temporary())
      for (const Submission::Recipient& one : parts_[at_]) reports_.push_back({one, reply});
    // Of what is accepted the last is told, which is "queued as" where something is.
    if (!first || reply.positive()) first = std::move(reply);
    ++at_;
    next();
  }

  void end() {
    if (later_) return done_(*std::move(later_));
    if (!accepted_) return done_(*std::move(refused_));
    if (reports_.empty() || !whole_->login) return done_(*std::move(accepted_));
    services_.database->write(
        storage::Durability::kAccept,
        [self = shared_from_this()](storage::Connection& connection) { return self->report(connection); },
        [self = shared_from_this()](const Result<void>& result) {
          if (!result.ok()) return self->done_(storage_trouble(result.error()));
          if (self->services_.bell) self->services_.bell();
          self->done_(*std::move(self->accepted_));
        });
  }

  Result<void> report(storage::Connection& connection) const {
    const auto incoming = parse_incoming(*whole_);
    for (const auto& [recipient, reply] : reports_)
      ESSAIM_TRY(add_refused_report(services_, connection, *whole_, recipient, reply,
                                    incoming.ok() ? incoming->message_id : "", services_.clock->wall_now(),
                                    services_.rank()));
    return {};
  }

  const Services& services_;
  const std::shared_ptr<Submission> whole_;
  const std::vector<Recipients> parts_;
  const TakeSubmission take_;
  const Acceptance::Done done_;
  std::size_t at_ = 0;
  std::optional<smtp::Reply> accepted_, later_, refused_;
  std::vector<std::pair<Submission::Recipient, smtp::Reply>> reports_;
};

}  // namespace

bool wants_apart(const Submission& submission) {
  const Recipients& all = submission.recipients;
  return all.size() > 1 && std::any_of(all.begin(), all.end(), is_apart);
}

void take_apart(const Services& services, std::shared_ptr<Submission> submission, TakeSubmission take,
                Acceptance::Done done) {
  std::make_shared<Apart>(services, std::move(submission), std::move(take), std::move(done))->next();
}

}  // namespace essaim::lists
