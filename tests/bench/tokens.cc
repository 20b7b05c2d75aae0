// essaim-tokens: what the tokens of a personal copy cost a recipient, each kind alone and all three as copies need them, and
// what it costs to read a link: nanoseconds of the thread's processor time.
#include "lists/tokens.h"

#include <cstdio>
#include <ctime>
#include <string>

using namespace essaim;

namespace {

constexpr int kRounds = 200'000;

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

template <typename Work>
void measure(const char* name, const Work& work) {
  std::string out;
  std::size_t octets = 0;
  const double began = processor_seconds();
  for (int i = 0; i < kRounds; ++i) {
    out.clear();
    work(Id{1'000'000} + i, &out);
    octets += out.size();
  }
  std::printf("%-36s %7.0f ns  %zu octets\n", name, (processor_seconds() - began) / kRounds * 1e9,
              octets / kRounds);
}

}  // namespace

int main() {
  const lists::Tokens tokens(std::string(32, 'a'), lists::LeaveKeys::of(std::string(32, 'b')));
  storage::PostRecord post;
  post.id = 99;
  post.list_id = 7;
  const auto verp = [&](Id member, std::string* out) { tokens.append_verp(post, member, out); };
  const auto leave = [&](Id member, std::string* out) { tokens.append_leave(7, member, out); };
  const auto link = [&](Id member, std::string* out) { tokens.append_link(7, member, out); };
  measure("verp (return address)", verp);
  measure("leave (address)", leave);
  measure("link (one click)", link);
  measure("verp and leave", [&](Id member, std::string* out) {
    verp(member, out);
    leave(member, out);
  });
  measure("verp, leave and link", [&](Id member, std::string* out) {
    verp(member, out);
    leave(member, out);
    link(member, out);
  });
  std::string sample;
  tokens.append_link(7, 1'000'000, &sample);
  measure("reading a link", [&](Id, std::string* out) {
    if (lists::Tokens::read_link(tokens.leave_keys(), sample)) out->push_back('1');
  });
  return 0;
}
