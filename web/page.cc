#include "web/page.h"

#include "core/base/check.h"
#include "lists/templates/mustache.h"
#include "web/files.h"
#include "web/static_files.h"

namespace essaim::web {
namespace {

// Nothing is loaded but our style, nothing is framed, forms go nowhere else, and no script runs.
constexpr const char* kPolicy =
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

}  // namespace

http::ServerResponse to_response(const Page& page) {
  static const std::string style = hashed_name("style.css");
  const auto text = lists::fill_html(file_named("page.html"), {{"language", page.language},
                                                               {"root", page.root},
                                                               {"style", style},
                                                               {"title", page.title},
                                                               {"text", page.text},
                                                               {"button", page.button},
                                                               {"mail_text", page.mail_text},
                                                               {"mail", page.mail}});
  ESSAIM_CHECK(text.ok());
  http::ServerResponse response;
  response.status = page.status;
  response.content_type = "text/html; charset=utf-8";
  response.content_policy = kPolicy;
  response.fields = {{"Content-Language", page.language}, {"Vary", "Accept-Language"}};
  response.body = *text;
  return response;
}

}  // namespace essaim::web
