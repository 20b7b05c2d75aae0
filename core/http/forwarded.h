// Whom a request comes from when proxies stand before us. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace essaim::http {

// X-Forwarded-For is read from its end, where the proxy next to us wrote, as long as the one who wrote is trusted: what
// a client put there itself is never believed. `trusted` gets IP addresses. An entry that is no address ends it.
std::string client_behind(const std::string& peer_ip, std::string_view x_forwarded_for,
                          const std::function<bool(const std::string& ip)>& trusted);

}  // namespace essaim::http
