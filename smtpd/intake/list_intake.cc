#include "smtpd/intake/list_intake.h"

#include <algorithm>

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/relay.h"
#include "smtpd/intake/verification_counts.h"
#include "smtpd/session/received.h"

namespace essaim::smtpd {
namespace {

struct ListTarget : LocalTarget {
  explicit ListTarget(std::shared_ptr<const lists::Target> t) : target(std::move(t)) {}
  const std::shared_ptr<const lists::Target> target;
};

// "name [192.0.2.1]", for the ledger.
std::string client_text(const ClientInfo& client) {
  const std::string& name = client.reverse_name.empty() ? client.helo : client.reverse_name;
  return name + " [" + client.ip + "]";
}

// "example.org pass, example.net fail", for the log.
std::string dkim_summary(const mailauth::Authentication& authentication) {
  std::string out;
  for (const mailauth::DkimResult& dkim : authentication.dkim)
    out += (out.empty() ? "" : ", ") + dkim.signature.domain + " " + to_string(dkim.status);
  return out.empty() ? "none" : out;
}

std::shared_ptr<lists::Submission> to_submission(const IncomingMessage& message, std::string content,
                                                 const std::string& hostname, bool hides_submitters,
                                                 bool has_own_address) {
  auto out = std::make_shared<lists::Submission>();
  out->id = message.transaction.post_id;
  out->reverse_path = message.transaction.reverse_path;
  out->eight_bit = message.transaction.body_8bit;
  out->smtputf8 = message.transaction.smtputf8;
  out->require_tls = message.transaction.require_tls;
  out->dsn = message.transaction.dsn;
  out->client = client_text(message.transaction.client);
  // Between our own lists nobody has an address, and the one of a relay of ours is nobody's: no SPF, and no rule on
  // networks. What counts is a signature, that of the list or the author's.
  if (has_own_address) out->client_ip = message.transaction.client.ip;
  out->received_header = make_received_header(message, hostname, hides_submitters);
  out->login = message.transaction.client.login;
  if (out->login) out->auth = lists::scenario::Auth::kSmtpAuth;
  for (const AcceptedRecipient& recipient : message.recipients) {
    const auto* target = dynamic_cast<const ListTarget*>(recipient.target.get());
    ESSAIM_CHECK(target != nullptr);
    out->recipients.push_back({recipient.address, target->target, recipient.dsn});
  }
  out->content = std::move(content);
  out->received = message.received;
  return out;
}

smtp::Reply cut_off() {
  return smtp::reply(451, "4.3.2", "This node is cut off from its database; try again later");
}

}  // namespace

// A submission on its way through verification. The check looks into the submission's content.
struct ListIntake::Verified {
  std::shared_ptr<lists::Submission> submission;
  mailauth::MailSource source;
  std::shared_ptr<mailauth::MessageCheck> check;
  std::uint64_t size = 0;
  std::function<void(smtp::Reply)> done;
};

ListIntake::ListIntake(const lists::Services& services, std::string hostname, std::uint64_t in_flight,
                       std::unique_ptr<Verification> verification, std::string authserv_id,
                       std::vector<std::string> trusted_sealers, const storage::NodeLease* lease,
                       bool hides_submitters)
    : resolver_(services),
      acceptance_(services),
      hostname_(std::move(hostname)),
      verification_(std::move(verification)),
      authserv_id_(std::move(authserv_id)),
      trusted_sealers_(std::move(trusted_sealers)),
      limit_(in_flight),
      lease_(lease),
      hides_submitters_(hides_submitters),
      readers_("intake", 2) {}

ListIntake::~ListIntake() {
  finish();
}

std::optional<smtp::Reply> ListIntake::check_sender(const TransactionInfo& transaction) {
  const auto& login = transaction.client.login;
  // The null sender is for notifications (RFC 8098); From is theirs all the same.
  if (!login || transaction.reverse_path.empty() || login->owns(transaction.reverse_path))
    return std::nullopt;
  return smtp::reply(553, "5.7.1",
                     "<" + escaped_for_display(transaction.reverse_path.to_string(), 256) +
                         "> is no address of your account [rule: sender-not-owned]");
}

void ListIntake::check_recipient(const TransactionInfo& transaction, const smtp::Address& recipient,
                                 std::function<void(RecipientAnswer)> done) {
  if (!may_accept()) {
    RecipientAnswer answer;
    answer.reply = cut_off();
    return done(std::move(answer));
  }
  const auto& login = transaction.client.login;
  const bool relays = login && login->may_relay;
  const bool from_ourselves = transaction.client.role == ListenerRole::kOurselves;
  resolver_.resolve(recipient, [done = std::move(done), relays, from_ourselves,
                                recipient](lists::Resolution resolution) {
    RecipientAnswer answer;
    if (resolution.elsewhere && relays) {
      answer.reply = smtp::reply(250, "2.1.5", "Recipient OK, will relay");
      answer.target = std::make_shared<ListTarget>(lists::relay_target(recipient));
      answer.elsewhere = true;
      return done(std::move(answer));
    }
    answer.reply = std::move(resolution.reply);
    if (resolution.elsewhere && from_ourselves)
      answer.reply = smtp::reply(554, "5.4.6",
                                 "this server is the host of " + escaped_for_display(recipient.domain, 255) +
                                     " by its MX, and does not know it: `essaim domain add`?");
    if (resolution.target) answer.target = std::make_shared<ListTarget>(std::move(resolution.target));
    answer.max_size = resolution.max_size;
    done(std::move(answer));
  });
}

void ListIntake::submit(std::unique_ptr<IncomingMessage> message, std::function<void(smtp::Reply)> done) {
  if (!may_accept()) return done(cut_off());
  {
    std::lock_guard lock(mutex_);
    if (!finishing_) {
      waiting_.push_back({std::shared_ptr<IncomingMessage>(std::move(message)), std::move(done)});
      done = nullptr;
    }
  }
  if (done) return done(smtp::reply(421, "4.3.2", "The server is shutting down"));
  start_some(Caller::kSession);
}

void ListIntake::start_some(Caller caller) {
  for (;;) {
    Waiting next;
    {
      std::lock_guard lock(mutex_);
      if (waiting_.empty()) return;
      const std::uint64_t size = waiting_.front().message->content->size();
      if (running_ > 0 && octets_ + size > limit_) return;
      octets_ += size;
      ++running_;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    if (caller == Caller::kSession && !next.message->content->spilled() && !verification_->enabled()) {
      run(std::move(next));
    } else {
      ESSAIM_CHECK(readers_.submit([this, next = std::move(next)]() mutable { run(std::move(next)); }));
    }
  }
}

void ListIntake::run(Waiting waiting) {
  const std::uint64_t size = waiting.message->content->size();
  Result<std::string> content = waiting.message->content->read_all();
  if (!content.ok()) {
    log::error("message-unreadable",
               {{"id", format_id(waiting.message->transaction.post_id)}, {"error", content.error().message}});
    waiting.done(smtp::reply(451, "4.3.0", "Cannot read the message back; try again later"));
    return ended(size);
  }
  const ClientInfo& client = waiting.message->transaction.client;
  auto submission = to_submission(*waiting.message, *std::move(content), hostname_, hides_submitters_,
                                  verification_->has_own_address(client));
  submission->judged = verification_->judges(client);
  submission->authserv_id = authserv_id_;
  waiting.message->content->clear();
  if (!verification_->enabled()) return hand_over(std::move(submission), size, std::move(waiting.done));
  auto work = std::make_shared<Verified>();
  work->submission = std::move(submission);
  work->source = verification_->source_of(waiting.message->transaction);
  work->size = size;
  work->done = std::move(waiting.done);
  verify(std::move(work));
}

// On a thread of the intake: the whole message is read and hashed.
void ListIntake::verify(std::shared_ptr<Verified> work) {
  auto check = mailauth::MessageCheck::make(work->source, work->submission->content);
  // It is no message: acceptance says so.
  if (!check.ok()) return hand_over(work->submission, work->size, std::move(work->done));
  work->check = *std::move(check);
  verification_->look_up(work->check, [this, work](mailauth::Answers answers) {
    ESSAIM_CHECK(readers_.submit(
        [this, work, answers = std::move(answers)]() mutable { conclude(work, std::move(answers)); }));
  });
}

void ListIntake::conclude(const std::shared_ptr<Verified>& work, mailauth::Answers answers) {
  auto found =
      std::make_shared<mailauth::Authentication>(work->check->conclude(system_clock().wall_now(), answers));
  lists::Submission& submission = *work->submission;
  if (!submission.judged) {
    // Nobody's claim to judge: what the planner needs is the policy that receivers will find.
    if (found->dmarc.status == mailauth::DmarcStatus::kFail)
      found->dmarc.status = mailauth::DmarcStatus::kNone;
    submission.authentication = std::move(found);
    work->check.reset();
    return hand_over(work->submission, work->size, std::move(work->done));
  }
  count_results(*found);
  submission.authentication_header =
      "Authentication-Results: " + format_results(to_results(*found, work->source, authserv_id_)) + "\r\n";
  log::info("verified", {{"id", format_id(submission.id)},
                         {"client", submission.client},
                         {"spf", to_string(found->spf.status)},
                         {"dkim", dkim_summary(*found)},
                         {"dmarc", to_string(found->dmarc.status)},
                         {"domain", found->dmarc.domain},
                         {"arc", to_string(found->arc.status)}});
  if (!found->dmarc.aligned_dkim.empty()) submission.auth = lists::scenario::Auth::kDkim;
  submission.trusted_sealer = std::find(trusted_sealers_.begin(), trusted_sealers_.end(),
                                        found->arc.sealer) != trusted_sealers_.end();
  submission.authentication = std::move(found);
  work->check.reset();
  hand_over(work->submission, work->size, std::move(work->done));
}

void ListIntake::hand_over(std::shared_ptr<lists::Submission> submission, std::uint64_t size,
                           std::function<void(smtp::Reply)> done) {
  acceptance_.submit(std::move(submission), [this, size, done = std::move(done)](smtp::Reply reply) {
    done(std::move(reply));
    ended(size);
  });
}

void ListIntake::ended(std::uint64_t octets) {
  {
    std::lock_guard lock(mutex_);
    octets_ -= octets;
    --running_;
    // The last thing that touches this object, as the destructor may be waiting.
    if (waiting_.empty() || finishing_) {
      idle_.notify_all();
      return;
    }
  }
  start_some(Caller::kDatabase);
}

void ListIntake::finish() {
  std::deque<Waiting> refused;
  {
    std::lock_guard lock(mutex_);
    finishing_ = true;
    refused.swap(waiting_);
  }
  for (Waiting& w : refused) w.done(smtp::reply(421, "4.3.2", "The server is shutting down"));
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace essaim::smtpd
