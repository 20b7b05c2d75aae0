// Whom a request comes from when proxies stand before us. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace essaim::http {

// X-Forwarded-For is read from its end, where the proxy next to us wrote, as long as the one who wrote is trusted: what
// a client put there itself is never believed. `trusted` gets IP addresses. An entry that is no address ends it.
std::string client_behind(const std::string& peer_ip, std::string_view x_forwarded_for,
                          const std::function<bool(const std::string& ip)>& trusted);

// The same from the fields Forwarded (RFC 7239), by the for= of their elements. Each is read by itself: a proxy may have added one of
// its own behind that of a client, whose quotes must not reach over.
std::string client_behind_forwarded(const std::string& peer_ip, const std::vector<std::string_view>& fields,
                                    const std::function<bool(const std::string& ip)>& trusted);

// The value of for= of each element of a field, in order: "192.0.2.60", "2001:db8::17"; without a port; "" where there is none.
// A field with a quote that does not end is one element without: who wrote what of it cannot be told.
std::vector<std::string> forwarded_for(std::string_view field);

}  // namespace essaim::http
