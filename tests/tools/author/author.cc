// essaim-author: connects, shakes hands, logs in and submits at full load, each step only where it is asked for; tells how often it
// did in how long.
//
//   essaim-author --to ADDRESS:PORT --count N|--seconds S [--sessions N] [--tls starttls|implicit] [--resume]
//                 [--login NAME --password TEXT --mechanism PLAIN|SCRAM-SHA-256]
//                 [--from ADDRESS --rcpt ADDRESS --size OCTETS --per-connection N]
//
// --count: connections, or messages where there is --rcpt. --seconds: as many as go in that time; what is begun is finished.
// --resume: with the session of the connection before.
// On standard output: done=N failed=N resumed=N seconds=S rate=R p50_ms=T p99_ms=T cpu_s=S (its own), of connections or messages.
// Exit code 1 if anything failed; the first reason is on standard error.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <limits>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "tests/tools/author/connection.h"

namespace {

using Steady = std::chrono::steady_clock;

struct Options {
  std::string host = "127.0.0.1";
  int port = 25;
  int sessions = 1;
  long count = 0;
  double seconds = 0;
  author::Tls tls = author::Tls::kNone;
  bool resume = false;
  std::string login, password, mechanism = "PLAIN", from = "author@client.example", rcpt;
  std::size_t size = 4096;
  long per_connection = 1;
};

struct Totals {
  std::mutex mutex;
  std::vector<double> milliseconds;
  long failed = 0, resumed = 0;
  std::string why;
};

std::string message(const Options& options, int thread, long number) {
  std::string out = "From: " + options.from + "\r\nTo: " + options.rcpt +
                    "\r\nSubject: load\r\nDate: Sun, 22 Nov 2026 18:52:04 +0000\r\n" + "Message-ID: <" +
                    std::to_string(getpid()) + "." + std::to_string(thread) + "." + std::to_string(number) +
                    "@author.example>\r\n\r\n";
  while (out.size() < options.size)
    out += "The bees of the swarm hang together in a cluster while their scouts look for a new home.\r\n";
  return out + ".\r\n";
}

// What all threads share: how many are left, and until when.
struct Plan {
  std::atomic<long> left;
  Steady::time_point until;

  bool goes_on() const { return Steady::now() < until; }
};

// One connection, with what is left to do on it.
void connect_once(const Options& options, SSL_CTX* context, author::Memory* memory, int thread, long number,
                  long left, const Plan& plan, Totals* totals) {
  auto began = Steady::now();
  std::vector<double> took;
  const auto note = [&] {
    took.push_back(std::chrono::duration<double, std::milli>(Steady::now() - began).count());
    began = Steady::now();
  };
  author::Connection connection(memory);
  bool good = connection.open(options.host, options.port, options.tls, context, options.resume);
  if (good && !options.login.empty())
    good = connection.login(options.mechanism, options.login, options.password);
  if (good && options.rcpt.empty()) note();
  for (long i = 0; good && !options.rcpt.empty() && i < left && (i == 0 || plan.goes_on()); ++i) {
    good = connection.submit(options.from, options.rcpt, message(options, thread, number + i));
    if (good) note();
  }
  if (good) connection.quit();
  const std::lock_guard lock(totals->mutex);
  totals->milliseconds.insert(totals->milliseconds.end(), took.begin(), took.end());
  totals->resumed += connection.resumed() ? 1 : 0;
  if (good) return;
  ++totals->failed;
  if (totals->why.empty()) totals->why = connection.why();
}

void work(const Options& options, SSL_CTX* context, int thread, Plan* plan, Totals* totals) {
  author::Memory memory;
  const long wanted = options.rcpt.empty() ? 1 : options.per_connection;
  while (plan->goes_on()) {
    const long before = plan->left.fetch_sub(wanted);
    if (before <= 0) break;
    connect_once(options, context, &memory, thread, before, std::min(wanted, before), *plan, totals);
  }
  SSL_SESSION_free(memory.session);
}

constexpr const char* kUsage =
    "usage: essaim-author --to ADDRESS:PORT --count N|--seconds S [--sessions N] [--tls starttls|implicit] "
    "[--resume]\n"
    "                     [--login NAME --password TEXT --mechanism PLAIN|SCRAM-SHA-256]\n"
    "                     [--from ADDRESS --rcpt ADDRESS --size OCTETS --per-connection N]\n";

bool parse(int argc, char** argv, Options* out) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--resume") {
      out->resume = true;
      continue;
    }
    if (++i == argc) return false;
    const std::string value = argv[i];
    if (name == "--to") {
      const std::size_t colon = value.rfind(':');
      if (colon == std::string::npos) return false;
      out->host = value.substr(0, colon);
      out->port = std::atoi(value.c_str() + colon + 1);
    } else if (name == "--count") {
      out->count = std::atol(value.c_str());
    } else if (name == "--seconds") {
      out->seconds = std::atof(value.c_str());
    } else if (name == "--sessions") {
      out->sessions = std::atoi(value.c_str());
    } else if (name == "--tls") {
      if (value != "starttls" && value != "implicit") return false;
      out->tls = value == "starttls" ? author::Tls::kStartTls : author::Tls::kImplicit;
    } else if (name == "--login") {
      out->login = value;
    } else if (name == "--password") {
      out->password = value;
    } else if (name == "--mechanism") {
      if (value != "PLAIN" && value != "SCRAM-SHA-256") return false;
      out->mechanism = value;
    } else if (name == "--from") {
      out->from = value;
    } else if (name == "--rcpt") {
      out->rcpt = value;
    } else if (name == "--size") {
      out->size = static_cast<std::size_t>(std::atol(value.c_str()));
    } else if (name == "--per-connection") {
      out->per_connection = std::atol(value.c_str());
    } else {
      return false;
    }
  }
  return out->port > 0 && out->sessions > 0 && (out->count > 0) != (out->seconds > 0) &&
         out->per_connection > 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && (argv[1] == std::string("--help") || argv[1] == std::string("-h"))) {
    std::cout
        << kUsage
        << "Connects, logs in and submits at full load; --count and --seconds are of connections, or of "
        << "messages where there is --rcpt.\n";
    return 0;
  }
  Options options;
  if (!parse(argc, argv, &options)) {
    std::cerr << kUsage;
    return 2;
  }
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  Totals totals;
  std::vector<std::thread> threads;
  const auto began = Steady::now();
  Plan plan = {std::numeric_limits<long>::max(), Steady::time_point::max()};
  if (options.count > 0)
    plan.left = options.count;
  else
    plan.until =
        began + std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(options.seconds));
  for (int i = 0; i < options.sessions; ++i)
    threads.emplace_back([&, i] { work(options, context, i, &plan, &totals); });
  for (std::thread& thread : threads) thread.join();
  const double seconds = std::chrono::duration<double>(Steady::now() - began).count();
  SSL_CTX_free(context);
  auto& all = totals.milliseconds;
  std::sort(all.begin(), all.end());
  const auto at = [&](double part) {
    return all.empty() ? 0.0
                       : all[std::min(all.size() - 1,
                                      static_cast<std::size_t>(part * static_cast<double>(all.size())))];
  };
  std::printf("done=%zu failed=%ld resumed=%ld seconds=%.3f rate=%.1f p50_ms=%.3f p99_ms=%.3f cpu_s=%.3f\n",
              all.size(), totals.failed, totals.resumed, seconds, static_cast<double>(all.size()) / seconds,
              at(0.5), at(0.99), static_cast<double>(std::clock()) / CLOCKS_PER_SEC);
  if (totals.failed > 0) std::cerr << "essaim-author: " << totals.why << "\n";
  return totals.failed > 0 ? 1 : 0;
}
