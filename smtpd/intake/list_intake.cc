#include "smtpd/intake/list_intake.h"

#include <algorithm>
#include <utility>

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/refusal.h"
#include "lists/relay.h"
#include "lists/total_size.h"
#include "smtpd/intake/filter_envelope.h"
#include "smtpd/intake/verification_counts.h"
#include "smtpd/session/received.h"

namespace essaim::smtpd {
namespace {

struct ListTarget : LocalTarget {
  explicit ListTarget(std::shared_ptr<const lists::Target> t) : target(std::move(t)) {}
  const std::shared_ptr<const lists::Target> target;
};

// How many recipients a transaction may have by the size that MAIL declares (RFC 1870), so that it is not refused as a whole at
// its end; 0: it declares none. A server sends the message to the others in another transaction (RFC 5321 §4.5.3.1.10), so of
// what it sends the worst is assumed: that it is not in ASCII, and an eighth larger than was said. A mail program gives up: it
// hears 452 only where 552 would follow in any case.
std::uint64_t most_together(const TransactionInfo& transaction) {
  const std::uint64_t declared = transaction.declared_size.value_or(0);
  if (declared == 0) return 0;
  return lists::most_targets(transaction.client.login ? declared : 2 * declared + declared / 4);
}

// What is in memory of a message until it is stored: its size for each recipient, twice where it has a form in 7 bits too. Those
// who are relayed to share one text.
std::uint64_t octets_of(const IncomingMessage& message) {
  const auto texts = std::count_if(
      message.recipients.begin(), message.recipients.end(), [](const AcceptedRecipient& recipient) {
        const auto* target = dynamic_cast<const ListTarget*>(recipient.target.get());
        return target != nullptr && target->target->kind != lists::TargetKind::kRelay;
      });
  const std::uint64_t forms = message.content->ascii() && !message.transaction.smtputf8 ? 1 : 2;
  return message.content->size() * forms * std::max<std::uint64_t>(1, static_cast<std::uint64_t>(texts));
}

// "name [192.0.2.1]", for the ledger.
std::string client_text(const ClientInfo& client) {
  std::string text;
  if (const auto& first = client.forwarded)
    text =
        (first->reverse_name.empty() ? first->helo : first->reverse_name) + " [" + first->ip + "] by way of ";
  const std::string& name = client.reverse_name.empty() ? client.helo : client.reverse_name;
  return text + name + " [" + client.ip + "]";
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
  if (has_own_address) out->client_ip = Verification::address_of(message.transaction.client);
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

smtp::Reply shutting_down() {
  return smtp::reply(421, "4.3.2", "The server is shutting down");
}

// Nobody hears it.
smtp::Reply given_up() {
  return smtp::reply(451, "4.3.0", "Not stored in time, try again");
}

smtp::Reply cut_off() {
  return smtp::reply(451, "4.3.2", "This node is cut off from its database; try again later");
}

}  // namespace

struct ListIntake::Work {
  std::shared_ptr<IncomingMessage> message;
  std::function<void(smtp::Reply)> done;
  std::string whose;
  std::uint64_t size = 0;    // of the bound that it wants to be decided and stored
  std::uint64_t wants = 0;   // of the bound that it wants next
  std::uint64_t octets = 0;  // of the bound that it has taken
  bool large = false;
  bool begun = false;
  mailauth::MailSource source;
  std::shared_ptr<mailauth::MessageCheck> check;  // null: it is not verified
  std::optional<mailauth::Answers> answers;
};

ListIntake::ListIntake(const lists::Services& services, std::string hostname, std::uint64_t in_flight,
                       std::unique_ptr<Verification> verification, std::string authserv_id,
                       std::vector<std::string> trusted_sealers, const storage::NodeLease* lease,
                       bool hides_submitters, Filters* filters)
    : resolver_(services),
      acceptance_(services),
      hostname_(std::move(hostname)),
      verification_(std::move(verification)),
      authserv_id_(std::move(authserv_id)),
      trusted_sealers_(std::move(trusted_sealers)),
      limit_(in_flight),
      lease_(lease),
      hides_submitters_(hides_submitters),
      filters_(filters),
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
  const std::uint64_t together = most_together(transaction);
  resolver_.resolve(recipient, [done = std::move(done), relays, from_ourselves, together,
                                recipient](lists::Resolution resolution) {
    RecipientAnswer answer;
    answer.most_together = together;
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
                                     " by its MX, and does not know it: `essaim domain create`?");
    if (resolution.target) answer.target = std::make_shared<ListTarget>(std::move(resolution.target));
    answer.max_size = resolution.max_size;
    done(std::move(answer));
  });
}

void ListIntake::submit(std::unique_ptr<IncomingMessage> message, std::function<void(smtp::Reply)> done) {
  if (!may_accept()) return done(cut_off());
  const std::shared_ptr<Work> work = work_of(std::move(message), std::move(done));
  std::vector<std::shared_ptr<Work>> left;
  bool refused = false;
  {
    std::lock_guard lock(mutex_);
    refused = finishing_;
    if (!refused) {
      // So that no more of theirs wait than they have sessions.
      for (auto* line : {&waiting_.large, &waiting_.small}) {
        for (auto& one : line->remove_if(work->whose, [](const auto& w) { return !is_awaited(*w->message); }))
          left.push_back(std::move(one));
      }
      (work->large ? waiting_.large : waiting_.small).push(work->whose, work);
    }
  }
  for (const auto& one : left) one->done(given_up());
  if (refused) return work->done(shutting_down());
  start_some(Caller::kSession);
}

std::shared_ptr<ListIntake::Work> ListIntake::work_of(std::unique_ptr<IncomingMessage> message,
                                                      std::function<void(smtp::Reply)> done) const {
  auto work = std::make_shared<Work>();
  work->whose = verification_->whose(message->transaction);
  const std::uint64_t content = message->content->size();
  work->size = std::max(content, std::min(octets_of(*message), limit_ - limit_ / 4));
  work->large = work->size > limit_ / 8;
  work->wants = verification_->enabled() ? content : work->size;
  work->message = std::move(message);
  work->done = std::move(done);
  return work;
}

bool ListIntake::has_room(const Work& work) const {
  // A large one is not kept waiting by slow names of others, as long as their headers alone are within the bound.
  if (!work.begun && octets_ > 0 && octets_ >= limit_) return false;
  // A quarter is for small ones; for having its names looked up it has no texts yet.
  const bool with_texts = work.large && work.wants == work.size;
  if (with_texts && large_octets_ > 0 && large_octets_ + work.wants > limit_ - limit_ / 4) return false;
  return in_memory_ == 0 || octets_ + work.wants - work.octets <= limit_;
}

// What has its answers comes first: others wait for it as it waited for them. Small ones go past a large one while others as
// large are under way, which it has to wait for anyway. Then all wait until it has room: for no more small ones than have
// begun. No large one goes past another, and they leave room for small ones, but where one alone is larger.
std::shared_ptr<ListIntake::Work> ListIntake::next_begun() {
  for (Lines* lines : {&answered_, &waiting_}) {
    const auto may = [this, lines](const std::string& whose) {
      if (lines == &answered_ || !verification_->enabled()) return true;
      const auto found = begun_.find(whose);
      return all_begun_ < kMostBegun && (found == begun_.end() || found->second < kMostOfOne);
    };
    if (const auto* line = lines->large.next(may)) {
      if (has_room(*line->things.front())) return take(&lines->large, line->who);
      if (large_octets_ == 0) return nullptr;
    }
    if (const auto* line = lines->small.next(may))
      return has_room(*line->things.front()) ? take(&lines->small, line->who) : nullptr;
  }
  return nullptr;
}

std::shared_ptr<ListIntake::Work> ListIntake::take(FairQueue<std::shared_ptr<Work>>* line,
                                                   std::string whose) {
  std::shared_ptr<Work> work = line->take(whose);
  octets_ += work->wants - work->octets;
  work->octets = work->wants;
  if (work->large) large_octets_ += work->octets;
  ++in_memory_;
  if (!std::exchange(work->begun, true)) {
    ++running_;
    if (verification_->enabled()) {
      ++begun_[work->whose];
      ++all_begun_;
    }
  }
  return work;
}

void ListIntake::start_some(Caller caller) {
  for (;;) {
    std::shared_ptr<Work> work;
    {
      std::lock_guard lock(mutex_);
      work = next_begun();
    }
    if (!work) return;
    const bool at_once =
        caller == Caller::kSession && !work->message->content->spilled() && !verification_->enabled();
    if (at_once)
      run(work);
    else
      ESSAIM_CHECK(readers_.submit([this, work] { work->answers ? conclude(work) : run(work); }));
  }
}

// Nothing: it has ended.
std::optional<std::string> ListIntake::content_of(Work& work) {
  if (!is_awaited(*work.message)) {
    end(work, given_up());
    return std::nullopt;
  }
  Result<std::string> content = work.message->content->read_all();
  if (content.ok()) return *std::move(content);
  log::error("message-unreadable",
             {{"id", format_id(work.message->transaction.post_id)}, {"error", content.error().message}});
  end(work, smtp::reply(451, "4.3.0", "Cannot read the message back; try again later"));
  return std::nullopt;
}

std::shared_ptr<lists::Submission> ListIntake::submission_of(Work& work, std::string content) {
  const ClientInfo& client = work.message->transaction.client;
  auto submission = to_submission(*work.message, std::move(content), hostname_, hides_submitters_,
                                  verification_->has_own_address(client));
  submission->judged = verification_->judges(client);
  submission->from_our_lists = client.role == ListenerRole::kOurselves;
  submission->authserv_id = authserv_id_;
  work.message->content->clear();
  return submission;
}

void ListIntake::run(const std::shared_ptr<Work>& work) {
  auto content = content_of(*work);
  if (!content) return;
  if (!verification_->enabled()) return hand_over(work, submission_of(*work, *std::move(content)));
  work->source = verification_->source_of(work->message->transaction);
  auto check = mailauth::MessageCheck::make(work->source, *content);
  // It is no message: acceptance says so.
  if (!check.ok()) return hand_over(work, submission_of(*work, *std::move(content)));
  work->check = *std::move(check);
  content.reset();
  {
    std::lock_guard lock(mutex_);
    const std::uint64_t kept = std::min<std::uint64_t>(work->octets, work->check->header().body_offset());
    octets_ -= work->octets - kept;
    if (work->large) large_octets_ -= work->octets;
    work->octets = kept;
    work->wants = work->size;
    --in_memory_;
  }
  verification_->look_up(work->whose, work->check, [this, work](mailauth::Answers answers) {
    work->answers = std::move(answers);
    {
      std::lock_guard lock(mutex_);
      (work->large ? answered_.large : answered_.small).push(work->whose, work);
      ++running_;  // so that this object lives until start_some() has returned
    }
    start_some(Caller::kOther);
    one_less();
  });
  start_some(Caller::kOther);
}

void ListIntake::conclude(const std::shared_ptr<Work>& work) {
  auto content = content_of(*work);
  if (!content) return;
  auto submission = submission_of(*work, *std::move(content));
  auto found = std::make_shared<mailauth::Authentication>(
      work->check->conclude(system_clock().wall_now(), *work->answers));
  work->check.reset();
  if (!submission->judged) {
    // Nobody's claim to judge: what the planner needs is the policy that receivers will find.
    if (found->dmarc.status == mailauth::DmarcStatus::kFail)
      found->dmarc.status = mailauth::DmarcStatus::kNone;
    submission->authentication = std::move(found);
    return hand_over(work, std::move(submission));
  }
  count_results(*found);
  submission->authentication_header =
      "Authentication-Results: " + format_results(to_results(*found, work->source, authserv_id_)) + "\r\n";
  log::info("verified", {{"id", format_id(submission->id)},
                         {"client", submission->client},
                         {"spf", to_string(found->spf.status)},
                         {"dkim", dkim_summary(*found)},
                         {"dmarc", to_string(found->dmarc.status)},
                         {"domain", found->dmarc.domain},
                         {"arc", to_string(found->arc.status)}});
  if (!found->dmarc.aligned_dkim.empty()) submission->auth = lists::scenario::Auth::kDkim;
  submission->trusted_sealer = std::find(trusted_sealers_.begin(), trusted_sealers_.end(),
                                         found->arc.sealer) != trusted_sealers_.end();
  submission->authentication = std::move(found);
  hand_over(work, std::move(submission));
}

void ListIntake::hand_over(const std::shared_ptr<Work>& work, std::shared_ptr<lists::Submission> submission) {
  const ListenerRole role = work->message->transaction.client.role;
  if (filters_ == nullptr || !filters_->any_for(role)) return accept(work, std::move(submission));
  // What was in its buffer is in the submission, which filters have for a while.
  auto envelope = std::make_shared<milter::Envelope>(filter_envelope(*work->message, hostname_));
  envelope->mail_arguments.front() = "SIZE=" + std::to_string(submission->content.size());
  filters_->check(role, submission->id, std::move(envelope), std::move(submission->content),
                  [this, work, submission](Filtered found) { filtered(work, submission, std::move(found)); });
}

void ListIntake::filtered(const std::shared_ptr<Work>& work,
                          const std::shared_ptr<lists::Submission>& submission, Filtered found) {
  if (!is_awaited(*work->message)) return end(*work, given_up());
  if (found.reply.code != 0) {
    const smtp::Reply& reply = found.reply;
    const smtp::EnhancedCode& code = reply.enhanced;
    return end(*work, lists::refusal(reply.code,
                                     std::to_string(code.klass) + "." + std::to_string(code.subject) + "." +
                                         std::to_string(code.detail),
                                     reply.text, found.rule));
  }
  submission->content = std::move(found.content);
  submission->held_by = std::move(found.held_by);
  submission->held_because = std::move(found.held_because);
  submission->body_changed = found.body_changed;
  if (found.places && submission->authentication)
    submission->authentication = with_moved_fields(*submission->authentication, *found.places);
  accept(work, submission);
}

void ListIntake::accept(const std::shared_ptr<Work>& work, std::shared_ptr<lists::Submission> submission) {
  acceptance_.submit(std::move(submission),
                     [this, work](smtp::Reply reply) { end(*work, std::move(reply)); });
}

void ListIntake::end(Work& work, smtp::Reply reply) {
  work.done(std::move(reply));
  {
    std::lock_guard lock(mutex_);
    octets_ -= work.octets;
    if (work.large) large_octets_ -= work.octets;
    --in_memory_;
    if (verification_->enabled()) {
      --all_begun_;
      const auto found = begun_.find(work.whose);
      if (--found->second == 0) begun_.erase(found);
    }
  }
  start_some(Caller::kOther);
  one_less();
}

// The last thing that touches this object, as the destructor may be waiting.
void ListIntake::one_less() {
  std::lock_guard lock(mutex_);
  if (--running_ == 0) idle_.notify_all();
}

ListIntake::Waiting ListIntake::waiting() const {
  const std::lock_guard lock(mutex_);
  return {waiting_.large.size() + answered_.large.size(), waiting_.small.size() + answered_.small.size()};
}

void ListIntake::finish() {
  std::vector<std::shared_ptr<Work>> refused;
  {
    std::lock_guard lock(mutex_);
    finishing_ = true;
    refused = waiting_.large.take_all();
    for (auto& one : waiting_.small.take_all()) refused.push_back(std::move(one));
  }
  for (const auto& one : refused) one->done(shutting_down());
  std::unique_lock lock(mutex_);
  if (running_ > 0) {
    verification_->give_up();
    if (filters_ != nullptr) filters_->give_up();
  }
  idle_.wait(lock, [this] { return running_ == 0; });
}

}  // namespace essaim::smtpd
