// /unsubscribe/TOKEN: what List-Unsubscribe of a personal copy leads to (RFC 8058).
//
//   GET, HEAD   a page with a button; changes nothing, however often it is asked for
//   POST        List-Unsubscribe=One-Click (a mail provider) or action=leave (our button): has left when the answer comes,
//               without login, cookie or redirect; again is no mistake
//
//   token                        GET    POST
//   good, a member               200    200, has left
//   good, no member any more     200    200
//   its key is retired, or the list is gone   410
//   not ours                     404
//   no form of these             -      400
//   no database now              503
//
// Handlers run on the server's loop; the rest on threads of the database. Services outlive it; the destructor waits for what is
// under way.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/http/routes.h"
#include "lists/leaving.h"
#include "lists/services.h"
#include "web/under_way.h"

namespace essaim::web {

class LeavePages {
 public:
  // `may_act`: whether this node may write now (thread-safe).
  LeavePages(const lists::Services& services, std::function<bool()> may_act);
  LeavePages(const LeavePages&) = delete;
  LeavePages& operator=(const LeavePages&) = delete;

  void add_to(http::Routes* routes);

 private:
  struct Question;
  using QuestionPtr = std::shared_ptr<Question>;

  QuestionPtr question(const http::ServerRequest& request, http::Respond respond) const;
  void show(const QuestionPtr& question);
  void leave(const QuestionPtr& question);
  // `respond` behind it, and one less under way.
  void answer(const QuestionPtr& question, const Result<void>& outcome);

  const lists::Services& services_;
  const std::function<bool()> may_act_;
  UnderWay under_way_;
};

}  // namespace essaim::web
