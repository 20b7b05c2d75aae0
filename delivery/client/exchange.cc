#include "delivery/client/exchange.h"

#include "core/base/check.h"
#include "delivery/mailbox_text.h"

namespace essaim::delivery {
namespace {

// The wire is checked whole when a rendering is made; here only that it ends, for without its end the peer
// and we would wait for each other.
bool ends_with_dot_line(const std::string& block, const SharedBytes& wire) {
  if (!wire) return false;
  const std::string_view text = *wire;
  return text.ends_with("\r\n.\r\n") || (text == ".\r\n" && block.ends_with("\r\n"));
}

}  // namespace

smtp::Reply Exchange::prepare(const TokenMinter& minter, const Capabilities& capabilities,
                              const std::string& peer) {
  ESSAIM_CHECK(transaction.batch && transaction.batch->post && !transaction.indices.empty());
  for (const auto index : transaction.indices) ESSAIM_CHECK(index < transaction.batch->recipients.size());
  active = true;
  recipients.assign(transaction.indices.size(), Recipient::kOpen);
  open = recipients.size();
  accepted = next_to_send = next_reply = 0;
  progress = mail_accepted = false;
  step = Step::kMail;
  sender.clear();
  block.clear();

  const ActivePost& copy = post();
  // One recipient's tokens must never go to another.
  if (recipients.size() > 1 && !(copy.envelope_sender.constant() && copy.private_header.constant()))
    return smtp::reply(451, "4.3.5", "a personal copy was given for several recipients at once");
  copy.envelope_sender.fill(copy.post, recipient(0), minter, &sender);
  copy.private_header.fill(copy.post, recipient(0), minter, &block);
  if (!is_safe_reverse_path(sender)) return smtp::reply(451, "4.1.7", "the envelope sender cannot be sent");
  if (!is_safe_header_block(block))
    return smtp::reply(451, "4.6.0", "the private header block cannot be sent");
  if (!ends_with_dot_line(block, copy.wire))
    return smtp::reply(451, "4.6.0", "the stored rendering has no end");

  // RFC 1870 §6.1: an estimate; the final dot does not count, stuffed dots do.
  size = block.size() + copy.wire->size() - 3;
  if (capabilities.size_limit > 0 && size > capabilities.size_limit)
    return smtp::reply(552, "5.3.4",
                       "message of " + std::to_string(size) + " octets exceeds the limit of " +
                           std::to_string(capabilities.size_limit) + " announced by " + peer);
  return {};
}

bool Exchange::seek_to_send() {
  while (next_to_send < recipients.size() && recipients[next_to_send] != Recipient::kOpen) ++next_to_send;
  return next_to_send < recipients.size();
}

void Exchange::clear() {
  active = false;
  transaction.batch.reset();
  transaction.indices.clear();
  open = 0;
}

}  // namespace essaim::delivery
