#include "web/answer_pages.h"

#include <algorithm>

#include "core/base/log.h"
#include "core/base/text.h"
#include "lists/held/answer.h"
#include "lists/held/keys.h"
#include "lists/held/prepare.h"
#include "lists/held/view.h"
#include "lists/templates/phrases.h"
#include "lists/templates/span.h"
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
                   {say("Size"), bytes_for_display(static_cast<double>(held.size))}};
    page->quoted_title = say("The message");
    page->quoted = view.words;
  } else if (held.author != held.confirmer()) {
    page->facts = {{say("Asked by"), held.author}};
  }
  if (!view.confirms) page->facts.emplace_back(say("Why it waits"), held.rule);
  page->facts.emplace_back(say("Time left"), lists::days_in_words(say.language, lists::in_days(left)));
}

std::string name_of(const Words& say, const storage::HeldRecord& held, const std::string& what) {
  if (!held.is_post()) return what;
  return say("{{subject}}, from {{who}}",
             {{"subject", escaped_for_display(held.subject, 200)}, {"who", held.author}});
}

void offer_others(const Words& say, const HeldView& view, const std::vector<Id>& chosen, Page* page) {
  page->boxes_title = say("Others that wait: what you press counts for those that are ticked, too");
  std::string all;
  for (const lists::WaitingToo& other : view.others) {
    const std::string id = format_id(other.held.id);
    all += (all.empty() ? "" : ",") + id;
    page->boxes.push_back({id, name_of(say, other.held, other.what), other.words,
                           std::find(chosen.begin(), chosen.end(), other.held.id) != chosen.end()});
  }
  if (view.others.size() > 1) page->boxes.insert(page->boxes.begin(), {all, say("All of them"), "", false});
}

// The form, and what it is about; `also` are the others that were ticked already.
Page form_of(const Words& say, const HeldView& view, WallTime now, const std::vector<Id>& also = {}) {
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
  const bool several = !view.others.empty();
  if (several) offer_others(say, view, also, &page);
  page.reason =
      several ? say("Reason, which is sent to all of them") : say("Reason, which is sent to {{who}}", who);
  page.buttons = {{"approve", say("Approve")},
                  {"reject", view.held.is_post() ? say("Refuse") : say("Decline")}};
  if (view.held.is_post())
    page.buttons.emplace_back(
        "ban", several ? say("Refuse, and block the authors") : say("Refuse, and block {{who}}", who));
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

std::vector<Id> also_in(const Form& form) {
  std::vector<Id> out;
  for (const auto& [name, value] : form.fields()) {
    if (name != "also") continue;
    for (const std::string_view one : split(value, ',')) {
      const auto id = parse_id(std::string(one));
      if (id && out.size() < lists::kMostOthers && std::find(out.begin(), out.end(), *id) == out.end())
        out.push_back(*id);
    }
  }
  return out;
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

// What became of one of several.
struct Outcome {
  std::string name, text;
  bool decided = false;
};

Page several_done(const Words& say, const std::vector<Outcome>& outcomes) {
  const bool any =
      std::any_of(outcomes.begin(), outcomes.end(), [](const Outcome& one) { return one.decided; });
  Page page =
      page_of(say, any ? 200 : 410, any ? say("Done") : say("There is nothing to answer any more"), "");
  for (const Outcome& one : outcomes) page.facts.emplace_back(one.name, one.text);
  return page;
}

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
  // Of several: what they are decided with and how, those to come, and what became of each.
  storage::HeldRecord one;
  lists::Answer answer;
  lists::Requester who;
  lists::PreparedAnswers prepared;  // of the one that is being answered
  std::vector<Id> also;
  std::size_t next = 0;
  std::optional<Outcome> other;
  std::vector<Outcome> outcomes;

  void respond_with(const Page& what) {
    http::ServerResponse response = to_response(what);
    if (what.status == 503) response.fields.emplace_back("Retry-After", "60");
    respond(std::move(response));
  }

  // What is left is a page that says why.
  void end_with(Page what) {
    page = std::move(what);
    also.clear();
  }

  // Shows what waits, or why there is nothing.
  Result<void> look(lists::WriteContext& context) {
    auto view = lists::view_held(context, key, say.language, true);
    if (!view.ok()) return view.error();
    if (!view->has_value())
      end_with(nothing(say));
    else if (!(*view)->over.empty())
      end_with(over(say, (*view)->over));
    else
      end_with(form_of(say, **view, context.now, also_in(form)));
    return {};
  }

  // Of a large post, what it becomes if the form lets it pass.
  Result<void> prepare_it(lists::WriteContext& reading, lists::PreparedAnswers* out) const {
    auto view = lists::view_held(reading, key, say.language, false);
    if (!view.ok()) return view.error();
    if (!view->has_value() || !(*view)->over.empty()) return {};
    const auto said = answer_in(form, **view);
    const auto by = answerer(form, **view);
    if (!said || !by) return {};
    lists::Requester answers_it;
    answers_it.address = *by;
    return lists::prepare_answer(reading, (*view)->held, *said, answers_it, out);
  }

  // The same of one of the others.
  Result<void> prepare_other(lists::WriteContext& reading, Id id, lists::PreparedAnswers* out) const {
    auto held = storage::HeldStore(reading.connection).find(id);
    if (!held.ok()) return held.error();
    if (!held->has_value() || !lists::is_decided_with(**held, one)) return {};
    return lists::prepare_answer(reading, **held, answer, who, out);
  }

  // Answers what the key is for, by the form.
  Result<void> answer_it(lists::WriteContext& context) {
    also = also_in(form);
    outcomes.clear();
    auto view = lists::view_held(context, key, say.language, false);
    if (!view.ok()) return view.error();
    if (!view->has_value()) {
      end_with(nothing(say));
      return {};
    }
    one = (*view)->held;
    std::erase(also, one.id);
    // Somebody may have decided it meanwhile; what was ticked beside it is decided all the same.
    const bool others = !also.empty() && lists::still_decides_others(one, context.now);
    if (!others) also.clear();
    if (!(*view)->over.empty() && !others) {
      end_with(over(say, (*view)->over));
      return {};
    }
    const auto said = answer_in(form, **view);
    if (!said) {
      end_with(no_form(say));
      return {};
    }
    const auto by = answerer(form, **view);
    if (!by) {
      ESSAIM_TRY(look(context));
      if (page.status == 200) {
        page.status = 400;
        page.text = say("Please say who you are");
      }
      return {};
    }
    answer = *said;
    who = {};
    who.address = *by;
    who.client = client;
    who.language = say.language;
    auto response = (*view)->over.empty() ? lists::answer_held(context, one, answer, who)
                                          : Response{Response::Status::kAlready, (*view)->over, "decided"};
    if (!response.ok()) return response.error();
    posted = context.posted;
    page = done(say, *response);
    outcomes.push_back(outcome_of(name_of(say, one, (*view)->what), *response));
    return {};
  }

  // Answers one of the others likewise.
  Result<void> answer_other(lists::WriteContext& context, Id id) {
    other.reset();
    auto held = storage::HeldStore(context.connection).find(id);
    if (!held.ok()) return held.error();
    if (!held->has_value() || !lists::is_decided_with(**held, one)) return {};
    auto view = lists::view_held(context, (*held)->key, say.language, false);
    if (!view.ok()) return view.error();
    if (!view->has_value()) return {};
    // Until it is done.
    other = Outcome{name_of(say, **held, (*view)->what), sentence(say("temporary trouble, try again later"))};
    auto response = lists::answer_held(context, **held, answer, who);
    if (!response.ok()) return response.error();
    posted = context.posted;
    other = outcome_of(std::move(other->name), *response);
    return {};
  }

  static Outcome outcome_of(std::string name, const Response& response) {
    return {std::move(name), sentence(response.text), response.rule != "decided"};
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
  services_.database->read_long(
      storage::Database::How::kLatest,
      [this, question](storage::Connection& connection) -> Result<void> {
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), 0};
        return question->look(context);
      },
      [this, question](const Result<void>& outcome) { finish(question, outcome); });
}

void AnswerPages::decide(const QuestionPtr& question) {
  under_way_.begin();
  if (services_.sources) question->answers = services_.sources->answers();
  lists::prepare_and_stage(
      services_,
      [question](lists::WriteContext& reading, lists::PreparedAnswers* out) {
        return question->prepare_it(reading, out);
      },
      [this, question](lists::PreparedAnswers prepared) {
        question->prepared = std::move(prepared);
        decide_it(question);
      });
}

void AnswerPages::decide_it(const QuestionPtr& question) {
  services_.database->write(
      storage::Durability::kAccept,
      [this, question](storage::Connection& connection) -> Result<void> {
        question->posted = false;
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), services_.rank()};
        context.prepared = &question->prepared;
        return question->answer_it(context);
      },
      [this, question](const Result<void>& outcome) {
        if (outcome.ok() && question->posted && services_.bell) services_.bell();
        if (!outcome.ok() && settles(question, outcome.error())) return;
        if (outcome.ok() && !question->also.empty()) return decide_others(question);
        finish(question, outcome);
      });
}

// Each in a transaction of its own: one that cannot be decided does not keep the others.
void AnswerPages::decide_others(const QuestionPtr& question) {
  if (question->next == question->also.size()) {
    question->page = several_done(question->say, question->outcomes);
    return finish(question, {});
  }
  const Id id = question->also[question->next++];
  lists::prepare_and_stage(
      services_,
      [question, id](lists::WriteContext& reading, lists::PreparedAnswers* out) {
        return question->prepare_other(reading, id, out);
      },
      [this, question, id](lists::PreparedAnswers prepared) {
        question->prepared = std::move(prepared);
        decide_other(question, id);
      });
}

void AnswerPages::decide_other(const QuestionPtr& question, Id id) {
  services_.database->write(
      storage::Durability::kAccept,
      [this, question, id](storage::Connection& connection) -> Result<void> {
        question->posted = false;
        lists::WriteContext context{services_, connection, services_.clock->wall_now(), services_.rank()};
        context.prepared = &question->prepared;
        return question->answer_other(context, id);
      },
      [this, question](const Result<void>& outcome) {
        if (outcome.ok() && question->posted && services_.bell) services_.bell();
        if (!outcome.ok()) log::warning("answer-failed", {{"error", outcome.error().message}});
        if (question->other) question->outcomes.push_back(*std::move(question->other));
        decide_others(question);
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
