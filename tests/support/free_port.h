// Ports for servers that are told theirs before they listen.
#pragma once

#include <cstdint>

namespace essaim::test {

// A port of 127.0.0.1 that is free, and stays so until it is listened on: it is below those that the kernel gives to connections,
// and of a file that tests share, scenarios too (tests/scenarios/support/processes.py), its octet is locked as long as this
// process lives.
std::uint16_t free_port();

}  // namespace essaim::test
