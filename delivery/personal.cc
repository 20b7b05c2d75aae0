#include "delivery/personal.h"

#include <utility>

#include "core/base/text.h"
#include "delivery/mailbox_text.h"

namespace essaim::delivery {

Result<Template> Template::compile(std::string_view text) {
  Template out;
  std::string before;
  std::size_t pos = 0;
  while (pos < text.size()) {
    if (text[pos] != '{') {
      before.push_back(text[pos++]);
      continue;
    }
    if (pos + 1 < text.size() && text[pos + 1] == '{') {
      before.push_back('{');
      pos += 2;
      continue;
    }
    const std::size_t end = text.find('}', pos);
    if (end == std::string_view::npos)
      return Error{ErrorCode::kInvalid,
                   "template: a brace at octet " + std::to_string(pos) + " is not closed"};
    const std::string_view name = text.substr(pos + 1, end - pos - 1);
    Slot slot = Slot::kNone;
    if (name == "verp") slot = Slot::kVerp;
    if (name == "leave") slot = Slot::kLeave;
    if (name == "link") slot = Slot::kLink;
    if (name == "address") slot = Slot::kAddress;
    if (slot == Slot::kNone)
      return Error{ErrorCode::kInvalid,
                   "template: no slot is called '" + escaped_for_display(name, 40) + "'"};
    out.pieces_.push_back(Piece{std::exchange(before, {}), slot});
    pos = end + 1;
  }
  if (!before.empty()) out.pieces_.push_back(Piece{std::move(before), Slot::kNone});
  return out;
}

bool Template::constant() const {
  for (const auto& piece : pieces_)
    if (piece.slot != Slot::kNone) return false;
  return true;
}

void Template::fill(const storage::PostRecord& post, const storage::BatchRecipient& recipient,
                    const TokenMinter& minter, std::string* out, bool utf8) const {
  for (const auto& piece : pieces_) {
    out->append(piece.text);
    switch (piece.slot) {
      case Slot::kNone:
        break;
      case Slot::kVerp:
        minter.append_verp(post, recipient, out);
        break;
      case Slot::kLeave:
        minter.append_leave(post, recipient, out);
        break;
      case Slot::kLink:
        minter.append_link(post, recipient, out);
        break;
      case Slot::kAddress:
        // An address that cannot be written stays out; its RCPT is not sent either.
        append_mailbox(recipient.local, recipient.domain, out, utf8);
        break;
    }
  }
}

}  // namespace essaim::delivery
