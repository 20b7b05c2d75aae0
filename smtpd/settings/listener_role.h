// What a listener is for. `role` of [[listen]] names it.
#pragma once

namespace essaim::smtpd {

enum class ListenerRole { kMx, kStatus, kHttp };

// The others are served by core/http.
constexpr bool speaks_smtp(ListenerRole role) {
  return role == ListenerRole::kMx;
}

}  // namespace essaim::smtpd
