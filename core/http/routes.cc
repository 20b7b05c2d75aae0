#include "core/http/routes.h"

#include "core/base/check.h"

namespace essaim::http {

void Routes::add(std::string method, std::string path, Handler handler, AccessLog log) {
  ESSAIM_CHECK(path.starts_with("/"));
  routes_.push_back({std::move(method), std::move(path), std::move(handler), log});
}

bool Routes::Route::fits(std::string_view wanted) const {
  if (!path.ends_with("/*")) return wanted == path;
  const std::string_view above = std::string_view(path).substr(0, path.size() - 1);
  return wanted.size() > above.size() && wanted.starts_with(above);
}

Routes::Match Routes::find(std::string_view method, std::string_view path) const {
  Match match;
  for (const Route& r : routes_) {
    if (!r.fits(path)) continue;
    if (r.method == method || (r.method == "GET" && method == "HEAD"))
      return {&r.handler, r.log, "", r.hidden()};
    for (const std::string& allowed : {r.method, std::string(r.method == "GET" ? "HEAD" : "")}) {
      if (allowed.empty() || match.allow.find(allowed) != std::string::npos) continue;
      match.allow += (match.allow.empty() ? "" : ", ") + allowed;
      match.hidden = r.hidden();
    }
  }
  return match;
}

}  // namespace essaim::http
