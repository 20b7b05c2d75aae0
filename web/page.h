// A page: one heading, a few sentences, at most one button and one address. It works without scripts, in any width and at any
// size of text, and loads nothing but our own style. Values are escaped by the template.
#pragma once

#include <string>

#include "core/http/server_response.h"

namespace essaim::web {

struct Page {
  int status = 200;
  std::string language = "en";
  std::string root =
      "../";  // the way to the root from where it is shown, as it may lie behind a proxy's prefix
  std::string title, text;
  std::string button;           // posts the form action=leave to the page's own address; "": there is none
  std::string mail_text, mail;  // an address to write to; "": there is none
};

http::ServerResponse to_response(const Page& page);

}  // namespace essaim::web
