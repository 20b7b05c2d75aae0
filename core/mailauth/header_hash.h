// The hash that is signed: the named fields, canonical, and behind them the signature's own field without the value of
// b= and without its last line end (RFC 6376 §3.7). Of fields with the same name the lowest is taken first (§5.4.2);
// a name beyond the last one stands for nothing. Pure functions.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/mac.h"
#include "core/mail/header_block.h"
#include "core/mailauth/canonical.h"

namespace essaim::mailauth {

// Fields by name, from below; made once for all signatures of a message. Points into the block.
class FieldIndex {
 public:
  explicit FieldIndex(const mail::HeaderBlock& header);
  // What h= takes: a null pointer where there is no such field any more.
  std::vector<const mail::HeaderField*> select(const std::vector<std::string>& names) const;
  // A field that says who writes, about what and in which form is there more often than `names`, which has it, names it, and
  // not with the same value: who reads the upper one reads what nobody signed (RFC 6376 §8.15).
  bool is_doubled(const std::vector<std::string>& names) const;

 private:
  std::unordered_map<std::string, std::vector<const mail::HeaderField*>> fields_;
};

void hash_fields(const std::vector<const mail::HeaderField*>& fields, Canonicalization canonicalization,
                 Sha256* hash);
// `field`: `name: value CRLF` with the value of b= already out.
void hash_own_field(std::string_view field, Canonicalization canonicalization, Sha256* hash);

}  // namespace essaim::mailauth
