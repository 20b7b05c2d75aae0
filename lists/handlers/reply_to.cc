#include "lists/handlers/changes.h"

namespace essaim::lists::handlers {

Result<void> reply_to(Draft& draft) {
  switch (draft.target.settings.reply_to) {
    case ReplyTo::kAuthor:
      return {};
    case ReplyTo::kNone:
      draft.header.remove("Reply-To");
      return {};
    case ReplyTo::kList:
      return draft.header.set("Reply-To", draft.target.list.address());
    case ReplyTo::kAddress:
      return draft.header.set("Reply-To", draft.target.settings.reply_to_address);
  }
  return {};
}

}  // namespace essaim::lists::handlers
