// The files that are compiled into the program, by name: web/templates and web/static. Internal to web/.
#pragma once

#include <string_view>
#include <vector>

namespace essaim::web {

struct File {
  std::string_view name, bytes;
};
const std::vector<File>& files();  // made by the build
// Aborts if there is none.
std::string_view file_named(std::string_view name);

}  // namespace essaim::web
