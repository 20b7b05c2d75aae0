// Networks (core/base/network.h) under the names that the guard and its settings use.
#pragma once

#include "core/base/network.h"

namespace essaim::smtpd::guard {

using essaim::Network;
using essaim::NetworkHash;
using essaim::parse_network;

}  // namespace essaim::smtpd::guard
