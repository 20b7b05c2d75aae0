// Puts a scenario together from its texts: "include.<function>.header" first where there is one, then the file itself
// with what it includes. For functions with a blocklist a rule that refuses its addresses quietly comes before all.
// Pure but for `find`.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/base/result.h"
#include "lists/scenario/scenario.h"

namespace essaim::lists::scenario {

// The text of "send.private" or "include.x", as the search order finds it first; nothing if there is none.
using FindText = std::function<Result<std::optional<std::string>>(const std::string& file)>;

enum class Includes {
  kRequired,   // one that is missing is an error: for what is being saved
  kTolerated,  // as if it were empty, as in Sympa: for what is in force
};

// kNotFound: there is no such scenario. kInvalid as in parse.h; also for includes in a circle. Errors of `find`.
Result<std::shared_ptr<const Scenario>> compile(const std::string& function, const std::string& name,
                                                const FindText& find, bool blocklist,
                                                Includes includes = Includes::kTolerated);

}  // namespace essaim::lists::scenario
