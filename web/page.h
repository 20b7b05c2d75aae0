// A page: one heading, a few sentences, what it is about, at most one form and one address. It works without scripts, in any
// width and at any size of text, and loads nothing but our own style. Values are escaped by the templates.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/http/server_response.h"

namespace essaim::web {

struct Page {
  int status = 200;
  std::string language = "en";
  std::string root =
      "../";  // the way to the root from where it is shown, as it may lie behind a proxy's prefix
  std::string title, text;
  std::vector<std::pair<std::string, std::string>> facts;  // what is called how
  std::string quoted_title, quoted;  // what somebody wrote, as it stands there; "": nothing is quoted

  // The form, posted to the page's own address; without buttons there is none.
  struct Choice {  // one of them has to be chosen, and is posted as "by"; none: nothing to choose
    std::string title, nothing_yet;
    std::vector<std::string> values;
  } choice;
  struct Box {  // posted as "also"
    std::string value, words;
    std::string more;  // what somebody wrote; "": nothing
    bool chosen = false;
  };
  std::string boxes_title;  // boxes to tick; none: without a title
  std::vector<Box> boxes;
  std::string reason;  // a title: a text can be written, posted as "reason"
  std::vector<std::pair<std::string, std::string>> buttons;  // posted as "action", and what stands on it

  std::string mail_text, mail;  // an address to write to; "": there is none
};

http::ServerResponse to_response(const Page& page);

}  // namespace essaim::web
