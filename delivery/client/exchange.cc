#include "delivery/client/exchange.h"

#include "core/base/check.h"
#include "core/base/text.h"
#include "delivery/mailbox_text.h"

namespace essaim::delivery {
namespace {

// The wire is checked whole when a rendering is made; here only that it ends, for without its end the peer
// and we would wait for each other.
bool ends_with_dot_line(const std::string& block, std::string_view text) {
  return text.ends_with("\r\n.\r\n") || (text == ".\r\n" && block.ends_with("\r\n"));
}

bool is_ascii_mailbox(const storage::BatchRecipient& recipient) {
  return is_ascii(recipient.local) && is_ascii(recipient.domain);
}

}  // namespace

smtp::Reply Exchange::choose_rendering(const Capabilities& capabilities, bool chunking,
                                       const std::string& peer) {
  const ActivePost& copy = post();
  utf8 = false;
  bool seven_bit = false;
  bool needs_utf8 = copy.smtputf8 || !is_ascii(sender);
  for (std::size_t i = 0; i < recipients.size() && !needs_utf8; ++i)
    needs_utf8 = !is_ascii_mailbox(recipient(i));
  if (needs_utf8 && capabilities.smtputf8) {
    utf8 = true;
  } else if (needs_utf8) {
    // RFC 6531 §3.2: such a message may only go to a server that offers it. Recipients that need it by
    // themselves are refused one by one, the others get the message if it can be had in ASCII.
    if (!is_ascii(sender) || (copy.smtputf8 && !copy.wire_7bit))
      return smtp::reply(550, "5.6.7", "SMTPUTF8 is required and not offered by " + peer);
    seven_bit = copy.smtputf8;
  }
  // RFC 6152 §3. Tolerated: without a rendering in ASCII a server without 8BITMIME gets the octets as they
  // are; nearly all pass them on.
  if (copy.post.eight_bit && !capabilities.eight_bit && !utf8 && copy.wire_7bit) seven_bit = true;
  eight_bit = copy.post.eight_bit && !seven_bit;
  chunked = chunking && !seven_bit && !copy.plain.ranges.empty();
  body = seven_bit ? copy.wire_7bit : copy.wire;
  return {};
}

smtp::Reply Exchange::prepare(const TokenMinter& minter, const Capabilities& capabilities, bool chunking,
                              const std::string& peer) {
  ESSAIM_CHECK(transaction.batch && transaction.batch->post && !transaction.indices.empty());
  ESSAIM_CHECK(transaction.batch->dsn.empty() ||
               transaction.batch->dsn.size() == transaction.batch->recipients.size());
  for (const auto index : transaction.indices) ESSAIM_CHECK(index < transaction.batch->recipients.size());
  active = true;
  recipients.assign(transaction.indices.size(), Recipient::kOpen);
  open = recipients.size();
  accepted = next_to_send = next_reply = 0;
  progress = mail_accepted = chained = false;
  told_limit = 0;
  told_no_count = false;
  step = Step::kMail;
  sender.clear();
  block.clear();

  const ActivePost& copy = post();
  // One recipient's tokens must never go to another.
  if (recipients.size() > 1 && !(copy.envelope_sender.constant() && copy.private_header.constant()))
    return smtp::reply(451, "4.3.5", "a personal copy was given for several recipients at once");
  copy.envelope_sender.fill(copy.post, recipient(0), minter, &sender);
  if (smtp::Reply trouble = choose_rendering(capabilities, chunking, peer); trouble.code != 0) return trouble;
  make_block(minter);
  if (!is_safe_reverse_path(sender, utf8))
    return smtp::reply(451, "4.1.7", "the envelope sender cannot be sent");
  if (!is_safe_header_block(block))
    return smtp::reply(451, "4.6.0", "the private header block cannot be sent");
  if (!body || !ends_with_dot_line(block, *body))
    return smtp::reply(451, "4.6.0", "the stored rendering has no end");

  // RFC 1870 §6.1: an estimate; the final dot does not count, stuffed dots do.
  size = block.size() + (chunked ? copy.plain.octets : body->size() - 3);
  if (capabilities.size_limit > 0 && size > capabilities.size_limit)
    return smtp::reply(552, "5.3.4",
                       "message of " + std::to_string(size) + " octets exceeds the limit of " +
                           std::to_string(capabilities.size_limit) + " announced by " + peer);
  return {};
}

// What stands over the shared bytes: signature and private header. Rare: a server that needs the form in ASCII gets its
// personal signature made here, on the loop.
void Exchange::make_block(const TokenMinter& minter) {
  const ActivePost& copy = post();
  const bool seven_bit = body == copy.wire_7bit && body != copy.wire;
  if (!seven_bit && !transaction.block.empty()) {
    block.swap(transaction.block);
    return;
  }
  copy.private_header.fill(copy.post, recipient(0), minter, &block, utf8);
  if (copy.signer == nullptr) return;
  const auto form = seven_bit ? PostSigner::Form::kSevenBit : PostSigner::Form::kAsIs;
  const WallTime now = system_clock().wall_now();
  block.insert(
      0, signs_each(copy) ? copy.signer->sign(form, block, now) : copy.signer->common(form, block, now));
}

bool Exchange::seek_to_send() {
  while (next_to_send < recipients.size() && recipients[next_to_send] != Recipient::kOpen) ++next_to_send;
  return next_to_send < recipients.size();
}

void Exchange::clear() {
  active = false;
  body.reset();
  transaction.batch.reset();
  transaction.indices.clear();
  transaction.block.clear();
  open = 0;
}

}  // namespace essaim::delivery
