#include "web/answer_pages.h"

#include "core/base/log.h"
#include "core/base/text.h"
#include "core/config/values.h"
#include "lists/held/answer.h"
#include "lists/held/keys.h"
#include "lists/held/view.h"
#include "lists/templates/phrases.h"
#include "web/form.h"
#include "web/language.h"
#include "web/page.h"

namespace essaim::web {
namespace {

using lists::HeldView;
using lists::Response;
using lists::Verdict;

constexpr std::string_view kRoot = "/held/";
constexpr std::size_t kLongestReason = 500;

struct Words {
  std::string language;
  std::string operator()(std::string_view english, const lists::Values& values = {}) const {
    return lists::phrase(language, english, values);
  }
};

// Phrases of answers are parts of a mail; on a page they are sentences.
std::string sentence(std::string text) {
  if (text.empty() || text.find('\n') != std::string::npos) return text;
  const bool address = text.substr(0, text.find(' ')).find('@') != std::string::npos;
  if (!address && text.front() >= 'a' && text.front() <= 'z')
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  return text + ".";
}

Page page_of(const Words& say, int status, std::string title, std::string text) {
  Page page;
  page.language = say.language;
  page.status = status;
  page.title = std::move(title);
  page.text = std::move(text);
  return page;
}

Page trouble(const Words& say) {
  return page_of(say, 503, say("Please try again in a few minutes"),
                 say("Nothing was changed: we cannot look after it now."));
}

Page nothing(const Words& say) {
  return page_of(
      say, 404, say("Nothing waits under this link"),
      say("It may have been answered long ago. If not, take the link from our message as it stands there, or "
          "answer that message by mail."));
}

Page no_form(const Words& say) {
  return page_of(say, 400, say("Nothing was changed"),
                 say("Open the link in a browser and press one of the buttons."));
}

Page over(const Words& say, const std::string& what_became_of_it) {
  return page_of(say, 410, say("There is nothing to answer any more"), sentence(what_became_of_it));
}

void describe(const Words& say, const HeldView& view, WallTime now, Page* page) {
  const storage::HeldRecord& held = view.held;
  const auto left = std::chrono::duration_cast<Duration>(held.expires - now);
  if (held.is_post()) {
    page->facts = {{say("From"), held.author},
                   {say("Subject"), escaped_for_display(held.subject, 200)},
                   {say("Size"), config::format_size(static_cast<std::uint64_t>(held.size))}};
    page->quoted_title = say("The message");
    page->quoted = view.words;
  } else if (held.author != held.confirmer()) {
    page->facts = {{say("Asked by"), held.author}};
  }
  if (!view.confirms) page->facts.emplace_back(say("Why it waits"), held.rule);
  page->facts.emplace_back(say("Time left"), say("{{days}} days", {{"days", lists::in_days(left)}}));
}

// The form, and what it is about.
Page form_of(const Words& say, const HeldView& view, WallTime now) {
  Page page =
      page_of(say, 200, view.title,
              view.confirms ? say("Nothing happens as long as nobody confirms it.")
                            : say("The first answer of any of you counts. Without one it is dropped."));
  describe(say, view, now, &page);
  if (view.confirms) {
    const bool invited = view.held.kind == storage::HeldKind::kInvitation;
    page.buttons = {{"approve", invited ? say("Accept") : say("Confirm")}, {"reject", say("Decline")}};
    return page;
  }
  const lists::Values who = {{"who", view.held.author}};
  page.reason = say("Reason, which is sent to {{who}}", who);
  page.buttons = {{"approve", say("Approve")},
                  {"reject", view.held.is_post() ? say("Refuse") : say("Decline")}};
  if (view.held.is_post()) page.buttons.emplace_back("ban", say("Refuse, and block {{who}}", who));
  if (view.asked.size() > 1) {
    page.choice.title = say("You are");
    page.choice.nothing_yet = say("Choose");
    for (const smtp::Address& one : view.asked) page.choice.values.push_back(one.to_string());
  }
  return page;
}

Page done(const Words& say, const Response& response) {
  switch (response.status) {
    case Response::Status::kDone:
      break;
    case Response::Status::kWaits:
      return page_of(say, 200, say("It waits now"), sentence(response.text));
    case Response::Status::kRefused:
      return page_of(say, 403, say("This was not done"), sentence(response.text));
    case Response::Status::kAlready:
      // Whether somebody was first, or it was so before.
      if (response.rule == "decided") return over(say, response.text);
      break;
  }
  Page page = page_of(say, 200, say("Done"), sentence(response.text));
  if (response.text.find('\n') != std::string::npos) std::swap(page.text, page.quoted);
  return page;
}

std::optional<lists::Answer> answer_in(const Form& form, const HeldView& view) {
  lists::Answer answer;
  answer.by = "link";
  const std::string_view action = form.value("action");
  if (action == "approve") return answer;
  answer.verdict = Verdict::kReject;
  answer.ban = action == "ban";
  if (action != "reject" && !(answer.ban && view.held.kind == storage::HeldKind::kModeration))
    return std::nullopt;
  if (view.confirms) return answer;
  for (const char c : trimmed(form.value("reason")).substr(0, kLongestReason)) {
    // Its lines become one, as in an answer by mail.
    answer.reason.push_back(static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
  while (!answer.reason.empty() && !is_valid_utf8(answer.reason)) answer.reason.pop_back();
  return answer;
}

std::optional<smtp::Address> answerer(const Form& form, const HeldView& view) {
  if (view.asked.size() == 1) return view.asked.front();
  const std::string_view by = form.value("by");
  for (const smtp::Address& one : view.asked) {
    if (one.to_string() == by) return one;
  }
  return std::nullopt;
}

}  // namespace

// A request on its way. `page` is written by the work in the database, which may run more than once, and read behind it.
struct AnswerPages::Question {
  http::Respond respond;
  Words say;
  std::string key, client;
  Form form;
  Page page;
  bool posted = false;  // a message for somebody
  int settled = 0;
  std::uint64_t answers = 0;  // of strangers, before this attempt

  void respond_with(const Page& what) {
    http::ServerResponse response = to_response(what);
    if (what.status == 503) response.fields.emplace_back("Retry-After", "60");
    respond(std::move(response));
  }

  // Nothing: there is none to answer, and the page says so.
  Result<std::optional<HeldView>> look(lists::WriteContext& context, bool with_words) {
    auto view = lists::view_held(context, key, say.language, with_words);
    if (!view.ok()) return view.error();
    page = nothing(say);
    if (!view->has_value() || (*view)->over.empty()) return view;
    page = over(say, (*view)->over);
    return std::optional<HeldView>();
  }
};

AnswerPages::AnswerPages(const lists::Services& services, std::function<bool()> may_act)
    : services_(services), may_act_(std::move(may_act)) {}

void AnswerPages::add_to(http::Routes* routes) {
  const std::string path = std::string(kRoot) + "*";
  routes->add("GET", path, [this](const http::ServerRequest& request, http::Respond respond) {
    if (const auto asked = question(request, std::move(respond))) show(asked);
  });
  routes->add("POST", path, [this](const http::ServerRequest& request, http::Respond respond) {
    const auto asked = question(request, std::move(respond));
    if (!asked) return;
    auto form = Form::read(request);
    if (!form.ok()) return asked->respond_with(no_form(asked->say));
    asked->form = *std::move(form);
    decide(asked);
  });
}

AnswerPages::QuestionPtr AnswerPages::question(const http::ServerRequest& request,
                                               http::Respond respond) const {
  auto out = std::make_shared<Question>();
  out->respond = std::move(respond);
  out->key = request.path.substr(kRoot.size());
  out->say.language = language_for(request.field("accept-language"));
  out->client = request.client;
  if (!lists::is_key(out->key)) {
    out->respond_with(nothing(out->say));
    return nullptr;
  }
  if (!may_act_()) {
    out->respond_with(trouble(out->say));
    return nullptr;
  }
  return out;
}

void AnswerPages::show(const QuestionPtr& question) {
  under_way_.begin();
  services_.database->read_latest(
      [this, question](storage::Connection& connection) -> Result<void> {
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), 0};
        auto view = question->look(context, true);
        if (!view.ok()) return view.error();
        if (view->has_value()) question->page = form_of(question->say, **view, context.now);
        return {};
      },
      [this, question](const Result<void>& outcome) { finish(question, outcome); });
}

void AnswerPages::decide(const QuestionPtr& question) {
  under_way_.begin();
  if (services_.sources) question->answers = services_.sources->answers();
  services_.database->write(
      storage::Durability::kAccept,
      [this, question](storage::Connection& connection) -> Result<void> {
        question->posted = false;
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), services_.rank()};
        auto view = question->look(context, false);
        if (!view.ok()) return view.error();
        if (!view->has_value()) return {};
        const auto answer = answer_in(question->form, **view);
        if (!answer) {
          question->page = no_form(question->say);
          return {};
        }
        const auto by = answerer(question->form, **view);
        if (!by) {
          question->page = form_of(question->say, **view, context.now);
          question->page.status = 400;
          question->page.text = question->say("Please say who you are");
          return {};
        }
        lists::Requester who;
        who.address = *by;
        who.client = question->client;
        who.language = question->say.language;
        auto response = lists::answer_held(context, (*view)->held, *answer, who);
        if (!response.ok()) return response.error();
        question->posted = context.posted;
        question->page = done(question->say, *response);
        return {};
      },
      [this, question](const Result<void>& outcome) {
        if (outcome.ok() && question->posted && services_.bell) services_.bell();
        if (!outcome.ok() && settles(question, outcome.error())) return;
        finish(question, outcome);
      });
}

// What a rule asks of others may be on its way: then it is decided once more when it has come.
bool AnswerPages::settles(const QuestionPtr& question, const Error& error) {
  if (error.code != ErrorCode::kTemporary || services_.sources == nullptr) return false;
  if (question->settled++ >= lists::kMostSettled) return false;
  return services_.sources->settle(question->answers, [this, question] {
    decide(question);
    under_way_.end();  // of the attempt before
  });
}

void AnswerPages::finish(const QuestionPtr& question, const Result<void>& outcome) {
  if (!outcome.ok()) log::warning("answer-failed", {{"error", outcome.error().message}});
  question->respond_with(outcome.ok() ? question->page : trouble(question->say));
  under_way_.end();
}

}  // namespace essaim::web
