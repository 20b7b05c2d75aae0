// What a message asks of TLS on its way (RFC 8689). It is part of where the message goes: mail that asks for more has
// destinations, connections and limits of its own. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "storage/records.h"

namespace essaim::delivery {

enum class TlsDemand : std::uint8_t {
  kNone,
  kRequired,  // REQUIRETLS: verified TLS, to a host that offers REQUIRETLS (§4.2.1)
  kReport,  // REQUIRETLS with a null reverse-path: verified TLS, and the parameter where it is offered (§5)
  kOptional,  // "TLS-Required: No": what the recipient's domain publishes is no condition (§4.2.2)
};

inline TlsDemand demand_of(const storage::PostRecord& post) {
  switch (post.tls) {
    case storage::TlsRequest::kRequired:
      return post.envelope_sender.empty() ? TlsDemand::kReport : TlsDemand::kRequired;
    case storage::TlsRequest::kOptional:
      return TlsDemand::kOptional;
    case storage::TlsRequest::kNone:
      break;
  }
  return TlsDemand::kNone;
}

// Where a slice of a batch is to go.
struct Way {
  std::string domain;  // of its recipients; "": to the smart host of all
  TlsDemand tls = TlsDemand::kNone;
  friend bool operator==(const Way&, const Way&) = default;
};

struct WayHash {
  std::size_t operator()(const Way& way) const {
    return std::hash<std::string>{}(way.domain) ^ static_cast<std::size_t>(way.tls);
  }
};

}  // namespace essaim::delivery
