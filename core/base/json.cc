#include "core/base/json.h"

template class nlohmann::basic_json<nlohmann::ordered_map>;

namespace essaim {

std::string json_text(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace essaim
