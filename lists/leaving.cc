#include "lists/leaving.h"

#include "core/base/counters.h"
#include "core/base/log.h"
#include "lists/requests/request.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"

namespace essaim::lists {

std::string_view to_string(LeftBy by) {
  switch (by) {
    case LeftBy::kMail:
      return "mail";
    case LeftBy::kOneClick:
      return "one-click";
    case LeftBy::kPage:
      break;
  }
  return "page";
}

Result<Departure> leave(WriteContext& context, const Leaver& leaver) {
  Departure out;
  auto list = storage::DirectoryStore(context.connection).find_list_by_id(leaver.list_id);
  if (!list.ok()) return list.error();
  if (!list->has_value()) return out;
  out.list = (*list)->address();
  auto member = storage::MemberStore(context.connection).find_by_id(leaver.member_id);
  if (!member.ok()) return member.error();
  const bool is_member = member->has_value() && (*member)->left == 0 &&
                         (*member)->list_id == leaver.list_id && (*member)->role == storage::Role::kMember;
  if (!is_member) return out;
  Request request;
  request.verb = Verb::kUnsubscribe;
  request.list = **list;
  request.email = {(*member)->local, (*member)->domain};
  Requester who;
  who.address = request.email;
  who.approved_by = to_string(leaver.by);
  who.client = leaver.client;
  who.language = (*member)->language;
  who.in_reply_to = leaver.in_reply_to;
  auto response = carry_out(context, request, who);
  if (!response.ok()) return response.error();
  out.left = response->status == Response::Status::kDone;
  if (out.left) out.member = request.email.to_string();
  return out;
}

void note_departure(const Leaver& leaver, const Departure& departure) {
  if (departure.left) count(leaver.by == LeftBy::kOneClick ? Counter::kLeftByOneClick : Counter::kLeftByPage);
  log::info("left", {{"list", departure.list},
                     {"member", departure.left ? departure.member : format_id(leaver.member_id)},
                     {"by", to_string(leaver.by)},
                     {"client", leaver.client},
                     {"result", departure.left ? "left" : "was no member"}});
}

}  // namespace essaim::lists
