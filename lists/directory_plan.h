// How to come from what the database has to what a text wants: in lines for people, and in steps that do it. Internal to
// lists/. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lists/directory_steps.h"
#include "lists/directory_text.h"

namespace essaim::lists {

// A part that is done in one transaction.
struct DirectoryStep {
  std::int64_t changes = 0;  // lines of the plan
  std::size_t rows = 0;      // that it writes, about
  MakeStep make;
};

struct DirectoryPlan {
  std::vector<std::string> lines;
  // Domains and lists first, then people, then what goes; they point into what the plan was made of.
  std::vector<DirectoryStep> steps;
};

// What `wanted` does not name stays, unless `remove_others`.
DirectoryPlan plan_directory(const DirectoryText& is, const DirectoryText& wanted, bool remove_others);

}  // namespace essaim::lists
