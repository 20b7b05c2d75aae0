// What pages load: files with a part of their hash in the name, so that browsers may keep them for good and a new version
// is another file. Routes for them, and the name to link to.
#pragma once

#include <string>
#include <string_view>

#include "core/http/routes.h"

namespace essaim::web {

// "style.css" is "style.0123456789ab.css".
std::string hashed_name(std::string_view name);
// GET /static/... of each.
void add_static_files(http::Routes* routes);

}  // namespace essaim::web
