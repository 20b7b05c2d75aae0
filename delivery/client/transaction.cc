// The commands of a transaction: RSET, MAIL, RCPT, DATA or BDAT, and the message.
#include <algorithm>
#include <utility>

#include "delivery/client/client_session.h"
#include "delivery/client/troubled_hosts.h"
#include "delivery/mailbox_text.h"

namespace essaim::delivery {
namespace {

// A body up to this size goes out by BDAT before the recipients are known to be accepted: what is wasted when
// none is, is less than what the round trip costs.
constexpr std::size_t kChunkWithEnvelope = 64 * 1024;

constexpr std::size_t kMaxEnvelopeId = 100;  // octets, RFC 3461 §4.4
constexpr std::size_t kMaxNotify = 28;       // §4.1
constexpr std::size_t kMaxOriginal = 500;    // §4.2

// "2,345"
std::string grouped(std::size_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

}  // namespace

bool ClientSession::may_start() const {
  if (capabilities_.mails_max > 0 && started_ >= static_cast<int>(capabilities_.mails_max)) return false;
  return !closing_ && !domains_full_ && !leaves_for_ &&
         (settings_.transactions_per_connection <= 0 || started_ < settings_.transactions_per_connection);
}

void ClientSession::begin_transaction() {
  while (may_start()) {
    if (!take_next(&current_)) return;
    if (current_.active) {
      enter(SessionState::kEnvelope);
      say_envelope(&current_);
      return;
    }
  }
  quit(closing_        ? "closed by us"
       : leaves_for_   ? "the next host may take it"
       : domains_full_ ? "limit of domains reached"
                       : "limit of transactions reached");
}

std::size_t ClientSession::recipients_limit() const {
  const std::size_t announced = capabilities_.recipients_max;
  if (announced == 0 || learned_limit_ == 0) return std::max(announced, learned_limit_);
  return std::min(announced, learned_limit_);
}

// How many of the first `count` recipients the server's limit of domains lets through (RFC 9422). Those of a smart host are of
// many domains.
std::size_t ClientSession::name_domains(const Transaction& transaction, std::size_t count) {
  if (capabilities_.domains_max == 0) return count;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string& domain = transaction.batch->recipients[transaction.indices[i]].domain;
    if (std::find(domains_.begin(), domains_.end(), domain) != domains_.end()) continue;
    if (domains_.size() >= capabilities_.domains_max) return i;
    domains_.push_back(domain);
  }
  return count;
}

// False: there is nothing. True with an inactive exchange: all its recipients were concluded here.
bool ClientSession::take_next(Exchange* exchange) {
  if (rest_.batch) {
    exchange->transaction = std::exchange(rest_, {});
  } else if (!output_->next(&exchange->transaction)) {
    exchange->clear();
    return false;
  }
  auto& indices = exchange->transaction.indices;
  const std::size_t limit = recipients_limit();
  const std::size_t fit = limit == 0 ? indices.size() : std::min(limit, indices.size());
  const std::size_t taken = name_domains(exchange->transaction, fit);
  if (taken == 0) {
    domains_full_ = true;
    rest_ = std::exchange(exchange->transaction, {});
    exchange->clear();
    return true;
  }
  if (taken < indices.size()) {
    rest_.batch = exchange->transaction.batch;
    rest_.block.clear();
    rest_.indices.assign(indices.begin() + static_cast<std::ptrdiff_t>(taken), indices.end());
    indices.resize(taken);
  }
  const smtp::Reply trouble = exchange->prepare(minter_, capabilities_, chunking_, peer_);
  if (trouble.code != 0) {
    conclude_open(exchange, Stage::kMail, trouble, false, true);
  } else {
    for (std::size_t i = 0; i < exchange->recipients.size(); ++i) {
      const auto& recipient = exchange->recipient(i);
      address_.clear();
      if (append_mailbox(recipient.local, recipient.domain, &address_, exchange->utf8)) continue;
      Outcome outcome;
      outcome.stage = Stage::kRcpt;
      // In order: no address at all; one for which this server is not made (RFC 6531 §3.2).
      if (append_mailbox(recipient.local, recipient.domain, &address_, true))
        outcome.reply = smtp::reply(550, "5.6.7", "SMTPUTF8 is required and not offered by " + peer_);
      else
        outcome.reply = smtp::reply(501, "5.1.3", "the address cannot be sent by SMTP");
      outcome.kind = outcome_kind(decide(Trouble{.stage = Stage::kRcpt, .reply = &outcome.reply}));
      conclude(exchange, i, &outcome);
      exchange->recipients[i] = Exchange::Recipient::kSkipped;
    }
  }
  if (exchange->open == 0) {
    exchange->clear();
    return true;
  }
  ++started_;
  return true;
}

// With PIPELINING the whole envelope; else the next command of it.
void ClientSession::say_envelope(Exchange* exchange) {
  const bool all = capabilities_.pipelining;
  if (needs_rset_) {
    needs_rset_ = false;
    command("RSET", Await::kRset);
    if (!all) return;
  }
  do {
    switch (exchange->step) {
      case Exchange::Step::kMail:
        append_mail(*exchange);
        exchange->step = exchange->seek_to_send() ? Exchange::Step::kRcpt : Exchange::Step::kData;
        break;
      case Exchange::Step::kRcpt:
        append_rcpt(*exchange);
        ++exchange->next_to_send;
        if (!exchange->seek_to_send()) exchange->step = Exchange::Step::kData;
        break;
      case Exchange::Step::kData:
        exchange->step = Exchange::Step::kAllSent;
        if (!exchange->chunked)
          command("DATA", Await::kData);
        else if (!awaiting() || (exchange == &current_ && exchange->size <= kChunkWithEnvelope))
          say_chunk(exchange);
        else  // when the envelope is answered
          return void(exchange->step = Exchange::Step::kData);
        break;
      case Exchange::Step::kAllSent:
        break;
    }
  } while (all && exchange->step != Exchange::Step::kAllSent);
}

// Commands are built in place, in the buffer of the turn.
void ClientSession::append_mail(const Exchange& exchange) {
  const std::size_t begin = out_.size();
  out_.append("MAIL FROM:<").append(exchange.sender).append(1, '>');
  if (capabilities_.size) out_.append(" SIZE=").append(std::to_string(exchange.size));
  if (exchange.eight_bit && capabilities_.eight_bit) out_.append(" BODY=8BITMIME");
  if (exchange.utf8) out_.append(" SMTPUTF8");
  if (terms_.require_tls != RequireTls::kNo && capabilities_.require_tls) out_.append(" REQUIRETLS");
  if (capabilities_.dsn) {
    const ActivePost& post = exchange.post();
    if (post.dsn_return != DsnReturn::kNone)
      out_.append(post.dsn_return == DsnReturn::kFull ? " RET=FULL" : " RET=HDRS");
    if (is_safe_xtext(post.dsn_envelope_id, kMaxEnvelopeId))
      out_.append(" ENVID=").append(post.dsn_envelope_id);
  }
  end_command(begin, Await::kMail);
}

void ClientSession::append_rcpt(const Exchange& exchange) {
  const std::size_t begin = out_.size();
  const auto& recipient = exchange.recipient(exchange.next_to_send);
  out_.append("RCPT TO:<");
  append_mailbox(recipient.local, recipient.domain, &out_, exchange.utf8);
  out_.append(1, '>');
  if (const RecipientDsn* dsn = exchange.dsn(exchange.next_to_send); dsn != nullptr && capabilities_.dsn) {
    if (is_safe_xtext(dsn->notify, kMaxNotify)) out_.append(" NOTIFY=").append(dsn->notify);
    // RFC 6533 §3: an address in UTF-8 has a form of its own in xtext; what came in another goes without.
    if (is_safe_xtext(dsn->original_recipient, kMaxOriginal))
      out_.append(" ORCPT=").append(dsn->original_recipient);
  }
  end_command(begin, Await::kRcpt);
}

void ClientSession::end_command(std::size_t begin, Await await) {
  if (trace_) output_->trace('C', std::string_view(out_).substr(begin));
  out_.append("\r\n");
  queue(await);
}

// The envelope is forgotten with the connection; nothing was promised for anybody yet.
bool ClientSession::stopped_before_message() {
  if (output_->may_send_message()) return false;
  out_.clear();
  end(own_reply("4.3.2", "this node may not send now"), false, false);
  return true;
}

void ClientSession::say_body() {
  const SharedBytes& wire = current_.body;
  if (trace_) {
    output_->trace('C', "(" + grouped(current_.block.size() + wire->size() - 3) + " octets)");
    output_->trace('C', ".");
  }
  if (!current_.block.empty()) output_->write(current_.block);
  output_->write_shared(wire, 0, wire->size());
  queue(Await::kFinalDot);
  enter(SessionState::kBody);
  keep_to_limit();  // also for what is chained
  if (!may_chain() || !may_start() || !take_next(&chained_) || !chained_.active) return;
  chained_.chained = true;
  say_envelope(&chained_);
}

bool ClientSession::may_chain() const {
  return settings_.chain_transactions && capabilities_.pipelining &&
         !(settings_.chain_refusals && settings_.chain_refusals->knows(peer_, now_));
}

// The whole message as the last chunk (RFC 3030 §2). No envelope is chained to it: after a refused chunk RSET
// must come before everything else.
void ClientSession::say_chunk(Exchange* exchange) {
  const ByteRanges& plain = exchange->post().plain;
  const std::size_t octets = exchange->block.size() + plain.octets;
  command("BDAT " + std::to_string(octets) + " LAST", Await::kChunk);
  if (trace_) output_->trace('C', "(" + grouped(octets) + " octets)");
  flush();
  if (!exchange->block.empty()) output_->write(exchange->block);
  for (const auto& [offset, length] : plain.ranges) output_->write_shared(exchange->body, offset, length);
  enter(SessionState::kBody);
}

}  // namespace essaim::delivery
