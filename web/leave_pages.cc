#include "web/leave_pages.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/templates/phrases.h"
#include "storage/directory_store.h"
#include "storage/member_store.h"
#include "web/form.h"
#include "web/language.h"
#include "web/page.h"

namespace essaim::web {
namespace {

constexpr std::string_view kRoot = "/unsubscribe/";
// What a mail provider posts (RFC 8058 §3.2), and our own button.
constexpr std::string_view kOneClickName = "List-Unsubscribe", kOneClickValue = "One-Click";

enum class Found { kMember, kNoMember, kLeft, kRetired, kNoList, kNotOurs, kNoForm, kTrouble };

int status_of(Found found) {
  switch (found) {
    case Found::kMember:
    case Found::kNoMember:
    case Found::kLeft:
      return 200;
    case Found::kRetired:
    case Found::kNoList:
      return 410;
    case Found::kNotOurs:
      return 404;
    case Found::kNoForm:
      return 400;
    case Found::kTrouble:
      break;
  }
  return 503;
}

std::optional<lists::LeftBy> way_of(const http::ServerRequest& request) {
  // Tolerated: the right body under another type, or none.
  if (trimmed(request.body) == "List-Unsubscribe=One-Click") return lists::LeftBy::kOneClick;
  const auto form = Form::read(request);
  if (!form.ok()) return std::nullopt;
  if (form->value(kOneClickName) == kOneClickValue) return lists::LeftBy::kOneClick;
  if (form->value("action") == "leave") return lists::LeftBy::kPage;
  return std::nullopt;
}

Page page_for(Found found, const std::string& list, const std::string& leave_by_mail,
              const std::string& language) {
  Page page;
  page.status = status_of(found);
  page.language = language;
  const auto say = [&](std::string_view english) {
    return lists::phrase(language, english, {{"list", list}});
  };
  switch (found) {
    case Found::kMember:
      page.title = say("Leave the list {{list}}?");
      page.text = say("Press the button, and you get no more messages from {{list}}.");
      page.buttons = {{"leave", say("Leave the list")}};
      break;
    case Found::kLeft:
      page.title = say("You have left {{list}}");
      page.text =
          say("No further messages of this list are sent to you. One that is on its way may still arrive.");
      break;
    case Found::kNoMember:
      page.title = say("You are no member of {{list}}");
      page.text = say("No messages of this list are sent to the address that this link was made for.");
      break;
    case Found::kRetired:
      page.title = say("This link is not good any more");
      page.text = say("It was made too long ago, and nothing was changed.");
      page.mail_text = say("To leave {{list}}, write to");
      page.mail = leave_by_mail;
      break;
    case Found::kNoList:
      page.title = say("This list is no more");
      page.text = say("Nobody gets messages from it.");
      break;
    case Found::kNotOurs:
      page.title = say("This link is not complete");
      page.text =
          say("Nothing was changed. Take the link from a message of the list as it stands there, or leave by "
              "mail: for the "
              "list dev@lists.example.org, write to dev-unsubscribe@lists.example.org.");
      break;
    case Found::kNoForm:
      page.title = say("Nothing was changed");
      page.text = say("Open the link in a browser and press the button.");
      break;
    case Found::kTrouble:
      page.title = say("Please try again in a few minutes");
      page.text = say("Nothing was changed: we cannot look after it now.");
      break;
  }
  return page;
}

}  // namespace

// A request on its way. Found is written by the work in the database, which may run more than once, and read behind it.
struct LeavePages::Question {
  http::Respond respond;
  std::string token, language;
  std::optional<lists::LeftBy> by;
  lists::Leaver leaver;
  Found found = Found::kNotOurs;
  lists::Departure departure;
  bool posted = false;  // a message for somebody
  std::string list, leave_by_mail;

  void respond_with(Found what) {
    http::ServerResponse response = to_response(page_for(what, list, leave_by_mail, language));
    if (what == Found::kTrouble) response.fields.emplace_back("Retry-After", "60");
    respond(std::move(response));
  }

  // Reads the token with the keys as they are in the database, and what it names. True: it is good.
  Result<bool> look(storage::Connection& connection) {
    found = Found::kNotOurs;
    auto keys = lists::read_leave_keys(connection);
    if (!keys.ok()) return keys.error();
    const auto read = lists::Tokens::read_link(*keys, token);
    if (!read) return false;
    leaver.list_id = read->list_id;
    leaver.member_id = read->member_id;
    auto known = storage::DirectoryStore(connection).find_list_by_id(read->list_id);
    if (!known.ok()) return known.error();
    found = Found::kNoList;
    if (!known->has_value()) return false;
    list = (*known)->address();
    leave_by_mail = (*known)->local + "-unsubscribe@" + (*known)->domain;
    found = Found::kRetired;
    if (read->retired) return false;
    auto member = storage::MemberStore(connection).find_by_id(read->member_id);
    if (!member.ok()) return member.error();
    found = member->has_value() && (*member)->left == 0 ? Found::kMember : Found::kNoMember;
    return found == Found::kMember;
  }
};

LeavePages::LeavePages(const lists::Services& services, std::function<bool()> may_act)
    : services_(services), may_act_(std::move(may_act)) {}

void LeavePages::add_to(http::Routes* routes) {
  const std::string path = std::string(kRoot) + "*";
  routes->add("GET", path, [this](const http::ServerRequest& request, http::Respond respond) {
    if (const auto asked = question(request, std::move(respond))) show(asked);
  });
  routes->add("POST", path, [this](const http::ServerRequest& request, http::Respond respond) {
    const auto asked = question(request, std::move(respond));
    if (!asked) return;
    asked->by = way_of(request);
    if (!asked->by) return asked->respond_with(Found::kNoForm);
    asked->leaver.by = *asked->by;
    leave(asked);
  });
}

// Null: it was answered. What the keys in memory say is none of ours needs no look into the database, unless a key is
// newer than those.
LeavePages::QuestionPtr LeavePages::question(const http::ServerRequest& request,
                                             http::Respond respond) const {
  auto out = std::make_shared<Question>();
  out->respond = std::move(respond);
  out->token = request.path.substr(kRoot.size());
  out->language = language_for(request.field("accept-language"));
  out->leaver.client = request.client;
  const auto form = lists::Tokens::form_of_link(services_.tokens->leave_keys(), out->token);
  if (form == lists::Tokens::LinkForm::kForeign) {
    out->respond_with(Found::kNotOurs);
    return nullptr;
  }
  if (!may_act_()) {
    out->respond_with(Found::kTrouble);
    return nullptr;
  }
  return out;
}

void LeavePages::show(const QuestionPtr& question) {
  under_way_.begin();
  services_.database->read_long(
      storage::Database::How::kLatest,
      [question](storage::Connection& connection) -> Result<void> {
        const auto looked = question->look(connection);
        return looked.ok() ? Result<void>() : looked.error();
      },
      [this, question](const Result<void>& outcome) { answer(question, outcome); });
}

void LeavePages::leave(const QuestionPtr& question) {
  under_way_.begin();
  services_.database->write(
      storage::Durability::kAccept,
      [this, question](storage::Connection& connection) -> Result<void> {
        question->departure = {};
        question->posted = false;
        const auto looked = question->look(connection);
        if (!looked.ok()) return looked.error();
        if (!*looked) return {};
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), services_.rank()};
        auto departure = lists::leave(context, question->leaver);
        if (!departure.ok()) return departure.error();
        question->departure = *std::move(departure);
        question->posted = context.posted;
        question->found = question->departure.left ? Found::kLeft : Found::kNoMember;
        return {};
      },
      [this, question](const Result<void>& outcome) {
        if (outcome.ok() && status_of(question->found) == 200) {
          question->departure.list = question->list;
          lists::note_departure(question->leaver, question->departure);
        }
        if (outcome.ok() && question->posted && services_.bell) services_.bell();
        answer(question, outcome);
      });
}

void LeavePages::answer(const QuestionPtr& question, const Result<void>& outcome) {
  if (!outcome.ok()) log::warning("leave-failed", {{"error", outcome.error().message}});
  question->respond_with(outcome.ok() ? question->found : Found::kTrouble);
  under_way_.end();
}

}  // namespace essaim::web
