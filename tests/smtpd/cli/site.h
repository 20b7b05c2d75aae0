// The command line as people and scripts use it, without a running server. For tests.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "tests/smtpd/program.h"

namespace essaim::test {

using Parsed = nlohmann::json;

struct Site : Program {
  Outcome ok(std::vector<std::string> arguments, const std::string& input = "") const {
    Outcome o = run(arguments, input);
    BOOST_REQUIRE_MESSAGE(o.code == 0,
                          arguments[0] << " " << (arguments.size() > 1 ? arguments[1] : "") << ": " << o.err);
    return o;
  }
  Parsed json(std::vector<std::string> arguments) const {
    arguments.push_back("--json");
    return Parsed::parse(ok(std::move(arguments)).out);
  }
  void make_list() const {
    ok({"domain", "create", "lists.example"});
    ok({"list", "create", "dev@lists.example", "--owner", "owner@people.example"});
  }
};

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace essaim::test
