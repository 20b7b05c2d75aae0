// What a server answers: a table of methods and paths. Only what stands here exists; no path reaches a file.
// Filled before the server starts, immutable from then on.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/http/server_request.h"
#include "core/http/server_response.h"

namespace essaim::http {

// Answers one request; may be called on any thread, once; later calls do nothing. Without an answer in time the client
// gets 503.
using Respond = std::function<void(ServerResponse)>;
// Called on the server's loop; must not block. The request is valid during the call.
using Handler = std::function<void(const ServerRequest& request, Respond respond)>;

enum class AccessLog {
  kAll,
  kFailures,  // of what machines ask every second, only these are worth a line
  kNone,      // "no" is an answer as well, and whoever gives it says so when it changes
};

class Routes {
 public:
  // `path` is a whole path, or ends with "/*": all below it. GET also answers HEAD.
  void add(std::string method, std::string path, Handler handler, AccessLog log = AccessLog::kAll);

  struct Match {
    const Handler* handler = nullptr;  // null: 404, or 405 with `allow`
    AccessLog log = AccessLog::kAll;
    std::string allow;
    std::string hidden;  // "/x/*" of a route with all below it: what the log shows instead of the path
  };
  Match find(std::string_view method, std::string_view path) const;

 private:
  struct Route {
    std::string method, path;
    Handler handler;
    AccessLog log;
    bool fits(std::string_view path) const;
    std::string hidden() const { return path.ends_with("/*") ? path : std::string(); }
  };
  std::vector<Route> routes_;
};

}  // namespace essaim::http
