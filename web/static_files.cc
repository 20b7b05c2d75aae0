#include "web/static_files.h"

#include <algorithm>

#include "core/base/check.h"
#include "core/base/encoding.h"
#include "core/base/mac.h"
#include "web/files.h"

namespace essaim::web {
namespace {

constexpr std::size_t kHashOctets = 6;

struct Kind {
  std::string_view ending, type;
};
constexpr Kind kKinds[] = {{".css", "text/css; charset=utf-8"}};

const Kind* kind_of(std::string_view name) {
  const auto* const found = std::find_if(std::begin(kKinds), std::end(kKinds),
                                         [name](const Kind& k) { return name.ends_with(k.ending); });
  return found == std::end(kKinds) ? nullptr : found;
}

}  // namespace

std::string_view file_named(std::string_view name) {
  const auto found =
      std::find_if(files().begin(), files().end(), [name](const File& f) { return f.name == name; });
  ESSAIM_CHECK(found != files().end());
  return found->bytes;
}

std::string hashed_name(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return std::string(name.substr(0, dot)) + "." +
         hex_encoded(octets(sha256(file_named(name))).substr(0, kHashOctets)) + std::string(name.substr(dot));
}

void add_static_files(http::Routes* routes) {
  for (const File& file : files()) {
    const Kind* const kind = kind_of(file.name);
    if (kind == nullptr) continue;  // a template
    routes->add(
        "GET", "/static/" + hashed_name(file.name),
        [kind, bytes = file.bytes](const http::ServerRequest&, const http::Respond& respond) {
          http::ServerResponse response;
          response.content_type = kind->type;
          response.body = bytes;
          response.cacheable = true;
          response.fields = {{"Cache-Control", "public, max-age=31536000, immutable"}};
          respond(std::move(response));
        },
        http::AccessLog::kFailures);
  }
}

}  // namespace essaim::web
