// /held/KEY: what the link in a question leads to: a confirmation, or what moderators, owners and listmasters decide. The
// same answers as by mail, by the same way (lists/held/answer.h): the first one counts, on whatever node.
//
//   GET, HEAD   what it is about, and buttons; changes nothing, however often it is asked for
//   POST        action=approve, reject or ban; reason=...; by=ADDRESS of who answers, where several were asked;
//               also=ID,ID: the same answer for others that wait for the same people of the same list
//
//   key                          GET    POST
//   it waits                     200    200, done; 403: a rule does not allow what was confirmed
//   decided, or too late         410    410, with what became of it
//   nothing has it (any more)    404    404
//   no form of these             -      400
//   no database now              503    503
//
// Of several, each is decided in a transaction of its own and has its line on the page: 200 if any was decided by this. Posted
// again, after a crash or by whoever pressed twice, what was done says so and the rest is done.
//
// The key is the authority; `by` is a word of who has it, as the From of an answer by mail is.
//
// Handlers run on the server's loop; the rest on threads of the database. Services outlive it; the destructor waits for what is
// under way.
#pragma once

#include <functional>
#include <memory>

#include "core/http/routes.h"
#include "lists/services.h"
#include "web/under_way.h"

namespace essaim::web {

class AnswerPages {
 public:
  // `may_act`: whether this node may write now (thread-safe).
  AnswerPages(const lists::Services& services, std::function<bool()> may_act);
  AnswerPages(const AnswerPages&) = delete;
  AnswerPages& operator=(const AnswerPages&) = delete;

  void add_to(http::Routes* routes);

 private:
  struct Question;
  using QuestionPtr = std::shared_ptr<Question>;

  // Null: it was answered.
  QuestionPtr question(const http::ServerRequest& request, http::Respond respond) const;
  void show(const QuestionPtr& question);
  void decide(const QuestionPtr& question);
  void decide_it(const QuestionPtr& question);
  void decide_other(const QuestionPtr& question, Id id);
  void decide_others(const QuestionPtr& question);
  bool settles(const QuestionPtr& question, const Error& error);
  // Responds, and one less is under way.
  void finish(const QuestionPtr& question, const Result<void>& outcome);

  const lists::Services& services_;
  const std::function<bool()> may_act_;
  UnderWay under_way_;
};

}  // namespace essaim::web
