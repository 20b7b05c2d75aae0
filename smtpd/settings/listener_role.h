// What a listener is for. `role` of [[listen]] names it, except kOurselves: that one is always there, on loopback, for what this
// server has for its own lists.
#pragma once

namespace essaim::smtpd {

enum class ListenerRole { kMx, kSubmission, kSubmissions, kStatus, kHttp, kOurselves };

// The others are served by core/http.
constexpr bool speaks_smtp(ListenerRole role) {
  return role != ListenerRole::kStatus && role != ListenerRole::kHttp;
}

// Only for those who log in (RFC 6409); kSubmissions begins with TLS (RFC 8314).
constexpr bool is_submission(ListenerRole role) {
  return role == ListenerRole::kSubmission || role == ListenerRole::kSubmissions;
}

}  // namespace essaim::smtpd
