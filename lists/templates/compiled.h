// The compiled catalogues, made by the build. Internal to lists/templates.
#pragma once

#include <string_view>
#include <vector>

namespace essaim::lists {

struct CompiledCatalogue {
  const char* language;
  std::string_view bytes;
};
const std::vector<CompiledCatalogue>& compiled_catalogues();

}  // namespace essaim::lists
