// A site whose pages are asked as a browser asks them, behind the parser.
#pragma once

#include <future>

#include "core/http/routes.h"
#include "tests/lists/site.h"

namespace essaim::test {

struct PageSite : TestSite {
  http::ServerResponse ask(const std::string& method, const std::string& path, const std::string& body = "",
                           const std::string& type = "application/x-www-form-urlencoded",
                           const std::string& language = "") {
    http::ServerRequest request;
    request.method = method;
    request.path = path;
    request.body = body;
    request.client = "192.0.2.9";
    request.fields = {{"content-type", type}, {"accept-language", language}};
    const auto match = routes.find(method, path);
    BOOST_REQUIRE(match.handler != nullptr);
    std::promise<http::ServerResponse> answer;
    (*match.handler)(request, [&](http::ServerResponse response) { answer.set_value(std::move(response)); });
    return answer.get_future().get();
  }

  bool may_act = true;
  http::Routes routes;
};

}  // namespace essaim::test
