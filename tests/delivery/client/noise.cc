#include "tests/delivery/client/noise.h"

#include <algorithm>

#include "delivery/client/recipient_limits.h"
#include "delivery/client/troubled_hosts.h"
#include "tests/delivery/client/session_bench.h"

namespace essaim::delivery::bench {

std::string run_noise(std::string_view bytes) {
  if (bytes.empty()) return "";
  const auto choice = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  CourierSettings settings;
  settings.helo = "us.example";
  settings.chain_transactions = (choice & 1) != 0;
  settings.transactions_per_connection = (choice & 2) != 0 ? 2 : 0;
  settings.recipient_limits = std::make_shared<RecipientLimits>();
  settings.chain_refusals = std::make_shared<TroubledHosts>();
  PostOptions options;
  if ((choice & 8) != 0) {
    settings.chunking = std::make_shared<TroubledHosts>();
    options.plain = (choice & 16) != 0 ? "Subject: x\r\n\r\nbody\r\n" : std::string(70'000, 'x') + "\r\n";
  }
  const auto post = make_post(options);
  SessionBench bench(settings, (choice & 4) != 0);
  for (const char* recipients : {"a@x b@x c@x", "d@x", "e@y f@y", "g@x"})
    bench.give(make_transaction(recipients, post));
  const std::size_t step = 1 + choice / 8;
  bench.set_more_hosts((choice & 32) != 0);
  bench.session().on_connected(bench.now());
  while (!bytes.empty() && !bench.done()) {
    const std::string_view chunk = bytes.substr(0, step);
    bytes.remove_prefix(chunk.size());
    if (chunk.front() == '\xfe') bench.pass(std::chrono::minutes(4));
    if (chunk.front() == '\xfd' || (choice & 1) == 0) bench.drained();
    bench.feed(chunk);
    if (bench.session().state() == SessionState::kHandshake) bench.session().on_tls_established(bench.now());
  }
  if (!bench.done()) bench.session().on_closed({ErrorCode::kTemporary, "reset"}, false, bench.now());
  if (!bench.done()) return "it did not end";
  // Or it would go round for ever.
  const auto& all = bench.outcomes();
  const bool all_returned = !all.empty() && std::all_of(all.begin(), all.end(), [](const auto& one) {
    return one.second.front().kind == Outcome::Kind::kReturned;
  });
  const std::size_t learned = settings.recipient_limits->size() + settings.chain_refusals->size() +
                              (settings.chunking ? settings.chunking->size() : 0);
  if (all_returned && learned == 0 && !bench.last_end().next_host)
    return "all came back and nothing was learned";
  return bench.violation();
}

}  // namespace essaim::delivery::bench
