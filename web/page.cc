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

using Values = std::map<std::string, std::string>;

std::string filled(std::string_view name, const Values& values) {
  auto text = lists::fill_html(file_named(name), values);
  ESSAIM_CHECK(text.ok());
  return *std::move(text);
}

std::string facts_of(const Page& page) {
  std::string out;
  for (const auto& [name, value] : page.facts) out += filled("fact.html", {{"name", name}, {"value", value}});
  return out;
}

std::string choice_of(const Page& page) {
  if (page.choice.values.empty()) return "";
  std::string options;
  for (const std::string& value : page.choice.values) options += filled("option.html", {{"value", value}});
  return filled(
      "choice.html",
      {{"title", page.choice.title}, {"nothing_yet", page.choice.nothing_yet}, {"options", options}});
}

std::string boxes_of(const Page& page) {
  if (page.boxes.empty()) return "";
  std::string boxes;
  for (std::size_t i = 0; i < page.boxes.size(); ++i) {
    const Page::Box& box = page.boxes[i];
    boxes += filled("box.html", {{"number", std::to_string(i)},
                                 {"value", box.value},
                                 {"words", box.words},
                                 {"more", box.more},
                                 {"chosen", box.chosen ? "1" : ""}});
  }
  return filled("boxes.html", {{"title", page.boxes_title}, {"boxes", boxes}});
}

std::string buttons_of(const Page& page) {
  std::string out;
  for (const auto& [value, words] : page.buttons)
    out += filled("button.html", {{"value", value}, {"words", words}});
  return out;
}

}  // namespace

http::ServerResponse to_response(const Page& page) {
  static const std::string style = hashed_name("style.css");
  http::ServerResponse response;
  response.status = page.status;
  response.content_type = "text/html; charset=utf-8";
  response.content_policy = kPolicy;
  response.fields = {{"Content-Language", page.language}, {"Vary", "Accept-Language"}};
  response.body = filled("page.html", {{"language", page.language},
                                       {"root", page.root},
                                       {"style", style},
                                       {"title", page.title},
                                       {"text", page.text},
                                       {"facts", facts_of(page)},
                                       {"quoted_title", page.quoted_title},
                                       {"quoted", page.quoted},
                                       {"boxes", boxes_of(page)},
                                       {"choice", choice_of(page)},
                                       {"reason", page.reason},
                                       {"buttons", buttons_of(page)},
                                       {"mail_text", page.mail_text},
                                       {"mail", page.mail}});
  return response;
}

}  // namespace essaim::web
