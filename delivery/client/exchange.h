// One transaction under way: which recipients are still open, and how far its commands have been sent. Data
// of the ClientSession; buffers are kept from one transaction to the next, so that a recipient costs no
// allocation.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "delivery/client/capabilities.h"
#include "delivery/work.h"

namespace essaim::delivery {

struct Exchange {
  enum class Recipient : std::uint8_t {
    kOpen,       // no reply yet
    kAccepted,   // 2xx to RCPT; waits for the final dot
    kConcluded,  // its outcome was told
    kSkipped,    // likewise, and no RCPT is sent for it
  };
  enum class Step : std::uint8_t { kMail, kRcpt, kData, kAllSent };  // kData: or BDAT

  bool active = false;
  Transaction transaction;
  std::vector<Recipient> recipients;  // as transaction.indices
  std::size_t open = 0;               // not concluded
  std::size_t accepted = 0;
  bool mail_accepted = false;
  // Some recipient was concluded who need not come back, or the next connection goes otherwise for what was learned on this
  // one: so work that is returned does not go round for ever.
  bool progress = false;
  // Recipients: those accepted before the first one was refused as too many, while none behind it is accepted; 0: none was, or
  // it was no count.
  std::size_t told_limit = 0;
  bool told_no_count = false;
  Step step = Step::kMail;       // the next command
  std::size_t next_to_send = 0;  // position of the next RCPT
  std::size_t next_reply = 0;    // position whose RCPT is answered next
  std::string sender;            // reverse-path without brackets
  std::string block;             // private header block
  std::uint64_t size = 0;        // octets, for SIZE=
  SharedBytes body;              // what goes out behind the block
  bool chunked = false;          // of `body` only what is in the post's `plain` goes out, by BDAT
  bool eight_bit = false;        // `body` has octets above 127
  bool utf8 = false;             // the transaction needs SMTPUTF8, and it is there
  bool chained = false;          // its envelope went out behind a final dot, and no reply to it has come

  const ActivePost& post() const { return *transaction.batch->post; }
  const storage::BatchRecipient& recipient(std::size_t position) const {
    return transaction.batch->recipients[transaction.indices[position]];
  }

  const RecipientDsn* dsn(std::size_t position) const {
    const auto& all = transaction.batch->dsn;
    return all.empty() ? nullptr : &all[transaction.indices[position]];
  }

  // Begins with `transaction`, which is filled: the rendering is chosen by what the server can take (RFC
  // 6152, 6531), the sender and the block of its copy are made. `chunking` tells whether BDAT may be used.
  // What is wrong with it for all its recipients (or code 0) is given back; nothing of it may be sent then.
  smtp::Reply prepare(const TokenMinter& minter, const Capabilities& capabilities, bool chunking,
                      const std::string& peer);
  // Moves next_to_send to the next open recipient; false: there is none.
  bool seek_to_send();
  void clear();

 private:
  void make_block(const TokenMinter& minter);
  smtp::Reply choose_rendering(const Capabilities& capabilities, bool chunking, const std::string& peer);
};

}  // namespace essaim::delivery
