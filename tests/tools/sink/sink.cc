// essaim-sink: the other side for tests and benches. Accepts mail on many addresses at once, counts it, logs
// what it acknowledged, keeps messages if asked, and misbehaves on request (rules.h). One thread, epoll, no
// library but OpenSSL, so that it is never the bottleneck.
//
//   essaim-sink --listen 127.0.1.1:2526 [--listen ...] [--log FILE] [--keep DIR] [--tls PEM]
//   [--no-pipelining] [--no-resumption]
//               [--size N] [--latency MS] [--delay MS] [--on RULE]... [--port-file FILE]
//
// --latency: the reply to the end of a message comes so much later (a slow host). --delay: every reply and the greeting
// do (a far one: the round trip of its network; without TLS, whose handshake would not be late). --no-resumption: every
// TLS handshake is a full one.
//
// --offer adds a line to the reply to EHLO (DSN, SMTPUTF8, "LIMITS RCPTMAX=5", CHUNKING: then BDAT works), --no-8bitmime takes
// 8BITMIME away. --commands writes MAIL, RCPT, DATA and BDAT as they came: <sink address> <client IP> <line>.
// An IPv6 address stands in brackets: [::1]:2526.
//
// Log, one line per acknowledged recipient, written before the reply is sent:
//   <unix time in ms> <recipient> <envelope sender> <octets> <sink address> <transaction> <Message-ID>
// On SIGUSR1 and at the end (SIGTERM) it prints one line of counters to standard output:
//   recipients=N transactions=N connections=N max_connections=N bytes=N first_ms=T last_ms=T tls=N resumed=N
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>

#include "tests/tools/sink/server.h"

namespace {

volatile std::sig_atomic_t g_report = 0;
volatile std::sig_atomic_t g_stop = 0;

constexpr const char* kUsage =
    "usage: essaim-sink --listen IP:PORT... [--log FILE] [--keep DIR] [--tls PEM] [--no-pipelining]\n"
    "                   [--no-resumption] [--size N] [--latency MS] [--delay MS] [--on RULE]... [--port-file "
    "FILE]\n"
    "                   [--offer KEYWORD]... [--no-8bitmime] [--commands FILE]\n";

// What --help says besides: what the names of the options do not tell.
constexpr const char* kHelp =
    "\nAccepts mail by SMTP, and misbehaves on request.\n"
    "  --log      a line per recipient that was acknowledged: unix ms, recipient, sender, octets, sink, "
    "transaction, "
    "Message-ID\n"
    "  --keep     each message as a file in a folder that is there\n"
    "  --latency  the reply to the end of a message comes so much later\n"
    "  --delay    every reply does; not with --tls\n"
    "  --on       STAGE[@PATTERN]=[first:N:|every:N:]ACTION, the first that matches decides\n"
    "             STAGE: connect ehlo starttls mail rcpt data dot quit idle\n"
    "             PATTERN: of the shell, on the address of MAIL and RCPT, else on the sink's own\n"
    "             ACTION: a reply, close, reset, hang, flood, garbage, nul, delay:MS, accept-close\n"
    "SIGUSR1 and SIGTERM print counters.\n\n"
    "  essaim-sink --listen 127.0.0.1:2526 --log got --on 'rcpt@gone@*=550 5.1.1 no such user' --on "
    "'dot=delay:100'\n";

int usage(const std::string& wrong) {
  std::cerr << "essaim-sink: " << wrong << "\n" << kUsage;
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  sink::Options options;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::cout << kUsage << kHelp;
      return 0;
    }
    if (name == "--no-pipelining") {
      options.pipelining = false;
      continue;
    }
    if (name == "--no-8bitmime") {
      options.eight_bit = false;
      continue;
    }
    if (name == "--no-resumption") {
      options.resumption = false;
      continue;
    }
    if (i + 1 >= argc) return usage(name + " needs a value");
    std::string value = argv[++i];
    if (name == "--listen") {
      options.listen.push_back(value);
    } else if (name == "--log") {
      options.log = value;
    } else if (name == "--commands") {
      options.commands = value;
    } else if (name == "--offer") {
      options.offer.push_back(value);
    } else if (name == "--keep") {
      options.keep = value;
    } else if (name == "--tls") {
      options.tls = value;
    } else if (name == "--size") {
      options.size = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--latency") {
      options.latency_ms = std::atoi(value.c_str());
    } else if (name == "--delay") {
      options.delay_ms = std::atoi(value.c_str());
    } else if (name == "--port-file") {
      options.port_file = value;
    } else if (name == "--on") {
      if (!options.rules.add(value)) return usage("not a rule: " + value);
    } else {
      return usage("unknown option " + name);
    }
  }
  if (options.listen.empty()) return usage("--listen is missing");
  if (options.delay_ms > 0 && !options.tls.empty()) return usage("--delay goes without --tls");
  std::signal(SIGPIPE, SIG_IGN);
  struct sigaction action {};
  action.sa_handler = [](int signal) { (signal == SIGUSR1 ? g_report : g_stop) = 1; };
  sigaction(SIGUSR1, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  sink::Server server(std::move(options));
  if (!server.start()) return 1;
  while (g_stop == 0) {
    server.turn();
    if (g_report != 0) {
      g_report = 0;
      std::cout << server.report() << std::endl;
    }
  }
  std::cout << server.report() << std::endl;
  return 0;
}
