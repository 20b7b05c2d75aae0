// What a hostile server may send: every promise of the session's contract (tests/delivery/client) holds.
#include "tests/delivery/client/noise.h"
#include "tests/fuzz/target.h"

ESSAIM_FUZZ_TARGET(client_session) {
  ESSAIM_CHECK(essaim::delivery::bench::run_noise(data).empty());
}
