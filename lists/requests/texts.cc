// What sites write, and whom they block.
#include "lists/blocklist.h"
#include "lists/policies.h"
#include "lists/requests/verbs.h"
#include "lists/site_texts.h"

namespace essaim::lists {

using storage::TextKind;
using storage::TextStore;

Done set_text(const Doing& doing) {
  const Request& request = doing.request;
  const storage::ListRecord& place = request.list;
  ESSAIM_TRY(check_text(doing.connection(), place, request.kind, request.name, request.text));
  TextStore texts(doing.connection());
  auto known = texts.find(owner_of(place), request.kind, request.name);
  if (!known.ok()) return known.error();
  if (known->has_value() && (*known)->text == request.text)
    return Response{Response::Status::kAlready, doing.say("{{name}} is like that already"), ""};
  storage::TextRecord fresh;
  fresh.owner = owner_of(place);
  fresh.kind = request.kind;
  fresh.name = request.name;
  fresh.text = request.text;
  fresh.changed = doing.context.now;
  fresh.by = doing.who.name();
  ESSAIM_TRY(texts.set(fresh, scope_of(place)));
  return Response{Response::Status::kDone, doing.say("{{name}} is kept"), ""};
}

Done delete_text(const Doing& doing) {
  const Request& request = doing.request;
  const storage::ListRecord& place = request.list;
  auto removed =
      TextStore(doing.connection()).remove(owner_of(place), request.kind, request.name, scope_of(place));
  if (!removed.ok()) return removed.error();
  if (!*removed) return Response{Response::Status::kAlready, doing.say("there is no {{name}}"), ""};
  if (request.kind == TextKind::kScenario && !request.name.starts_with("include."))
    ESSAIM_TRY(check_users(doing.connection(), place, request.name));
  if (request.kind == TextKind::kFilter) ESSAIM_TRY(check_searchers(doing.connection(), place, request.name));
  return Response{Response::Status::kDone, doing.say("{{name}} is gone"), ""};
}

Done change_block(const Doing& doing) {
  const bool add = doing.request.verb == Verb::kBlock;
  auto changed = change_blocklist(doing.connection(), doing.request.list, doing.request.name, add,
                                  doing.context.now, doing.who.name());
  if (!changed.ok()) return changed.error();
  return Response{*changed ? Response::Status::kDone : Response::Status::kAlready,
                  doing.say(add ? "{{name}} is blocked" : "{{name}} is not blocked"), ""};
}

}  // namespace essaim::lists
