// What differs from recipient to recipient: the envelope sender and a small private header block. A post stores both as
// text with slots, fixed at acceptance:
//   {verp}     keyed token of (post, member): the local part of an address to which bounces return
//   {leave}    keyed token of (list, member): leaving the list by mail
//   {link}     the same at the end of a link, by HTTP
//   {address}  the recipient's address
// A Template is compiled once per active post; filling it appends to a buffer that the caller reuses, so a recipient
// costs no allocation in the steady state. Immutable and thread-safe after compilation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "storage/records.h"

namespace essaim::delivery {

// Mints the tokens; bound by the daemon to the lists' keys. Thread-safe.
class TokenMinter {
 public:
  virtual ~TokenMinter() = default;
  virtual void append_verp(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                           std::string* out) const = 0;
  virtual void append_leave(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                            std::string* out) const = 0;
  virtual void append_link(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                           std::string* out) const = 0;
};

class Template {
 public:
  // An unknown slot or an unclosed brace is kInvalid. "{{" stands for one brace.
  static Result<Template> compile(std::string_view text);
  bool constant() const;  // no slots
  void fill(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
            const TokenMinter& minter, std::string* out,
            bool utf8 = false) const;  // utf8: {address} may have it

 private:
  enum class Slot { kNone, kVerp, kLeave, kLink, kAddress };
  struct Piece {
    std::string text;  // before the slot
    Slot slot = Slot::kNone;
  };
  std::vector<Piece> pieces_;
};

}  // namespace essaim::delivery
