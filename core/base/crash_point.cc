#include "core/base/crash_point.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

namespace essaim::crash {

std::atomic<int> g_state{0};

namespace {

struct Plan {
  std::string name;
  std::atomic<long> passes_left{0};
};

// Read once; "name" alone means the first passing.
Plan& plan() {
  static Plan* made = [] {
    auto* p = new Plan;  // never destroyed: threads may pass while the process ends
    if (const char* text = std::getenv("ESSAIM_CRASH_AT"); text != nullptr && *text != '\0') {
      p->name = text;
      p->passes_left = 1;
      if (std::size_t colon = p->name.find(':'); colon != std::string::npos) {
        p->passes_left = std::atol(p->name.c_str() + colon + 1);
        p->name.resize(colon);
      }
    }
    return p;
  }();
  return *made;
}

}  // namespace

void pass(const char* name) {
  Plan& armed = plan();
  if (armed.name.empty()) {
    g_state.store(1, std::memory_order_relaxed);
    return;
  }
  g_state.store(2, std::memory_order_relaxed);
  if (armed.name == name && armed.passes_left.fetch_sub(1) == 1) kill(getpid(), SIGKILL);
}

}  // namespace essaim::crash
