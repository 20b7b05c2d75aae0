// What a listener is for. `role` of [[listen]] names it.
#pragma once

namespace essaim::smtpd {

enum class ListenerRole { kMx, kSubmission, kSubmissions, kStatus, kHttp };

// The others are served by core/http.
constexpr bool speaks_smtp(ListenerRole role) {
  return role != ListenerRole::kStatus && role != ListenerRole::kHttp;
}

// Only for those who log in (RFC 6409); kSubmissions begins with TLS (RFC 8314).
constexpr bool is_submission(ListenerRole role) {
  return role == ListenerRole::kSubmission || role == ListenerRole::kSubmissions;
}

}  // namespace essaim::smtpd
