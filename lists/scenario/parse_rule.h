// One rule of a scenario; the grammar stands in parse.h. Internal to lists/scenario.
#pragma once

#include <optional>
#include <string_view>

#include "lists/scenario/cursor.h"
#include "lists/scenario/scenario.h"

namespace essaim::lists::scenario {

// Fills the rule but for its place; or says what is wrong. `line` is trimmed and may end with a comment.
std::optional<Complaint> read_rule(std::string_view line, Rule* rule);

// parse_condition.cc
std::optional<Complaint> read_condition(Cursor* cursor, Condition* condition);
// "[sender]", "[msg_header->Subject][0]"; the cursor stands at the "[".
std::optional<Complaint> read_variable(Cursor* cursor, Piece* piece);

}  // namespace essaim::lists::scenario
