// The sink's event loop and its sessions. See sink.cc for what it does.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/ssl.h>

#include "tests/tools/sink/rules.h"

namespace sink {

// Milliseconds of the wall clock: receipts are compared with other logs.
inline std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

struct Options {
  std::vector<std::string> listen;
  std::string log;
  std::string keep;
  std::string tls;
  std::string port_file;
  std::string commands;            // file for MAIL, RCPT, DATA and BDAT as they came
  std::vector<std::string> offer;  // further lines of the reply to EHLO; CHUNKING is understood
  bool eight_bit = true;
  std::uint64_t size = 100'000'000;
  int latency_ms = 0;
  int delay_ms = 0;
  bool pipelining = true;
  bool resumption = true;
  Rules rules;
};

struct Counters {
  std::uint64_t recipients = 0, transactions = 0, connections = 0, bytes = 0, tls = 0, resumed = 0;
  std::uint64_t open = 0, max_open = 0;
  std::int64_t first_ms = 0, last_ms = 0;
};

struct Session {
  int fd = -1;
  SSL* ssl = nullptr;
  bool handshaking = false;
  std::string address;  // of the sink, that the client connected to
  std::string client;   // its IP address
  bool in_chunk = false, last_chunk = false;
  std::size_t chunk_left = 0;
  std::string chunks;  // of the message so far
  std::string in;
  std::string out;
  bool in_data = false;
  std::size_t scanned = 0;  // of `in`, known not to hold the end of data
  bool writing = false;     // waits for writability
  bool closing = false;     // after `out` is written
  bool dead = false;
  bool hung = false;
  bool mail = false;  // was accepted once; a refused one withdraws it
  std::string sender;
  std::vector<std::string> recipients;
  std::int64_t paused_until = 0;  // ms; input waits
  // With a delay: what we said and when it leaves.
  struct Held {
    std::int64_t due;
    std::string bytes;
  };
  std::deque<Held> held;
  std::string leaving;
};

class Server {
 public:
  explicit Server(Options options) : options_(std::move(options)) {}
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  bool start();
  void turn();  // waits at most 100 ms
  std::string report() const;

 private:
  void accept_from(int listener);
  void readable(Session* session);
  void process(Session* session);
  bool command(Session* session, std::string_view line);  // false: stop processing input for now
  bool end_of_data(Session* session, std::string_view message, bool stuffed = true);
  bool begin_chunk(Session* session, std::string_view line);
  bool end_of_chunk(Session* session);
  void log_command(const Session& session, std::string_view line);
  // Applies a matching rule. True: the stage is dealt with.
  bool misbehave(Session* session, const char* stage, const std::string& subject, bool* go_on);
  bool obey(Session* session, const Action& action, bool* go_on);
  void pause(Session* session, int milliseconds);
  void write_out(Session* session);  // now, or `delay_ms` later
  void flush(Session* session, std::string* bytes);
  void release_held();
  void finish(Session* session);
  void watch(Session* session, bool writable);
  void handshake(Session* session);
  void record(Session* session, std::string_view message, bool stuffed);

  Options options_;
  int epoll_ = -1;
  int log_fd_ = -1;
  int commands_fd_ = -1;
  SSL_CTX* tls_ = nullptr;
  std::map<int, std::string> listeners_;
  std::map<int, std::unique_ptr<Session>> sessions_;
  std::vector<std::unique_ptr<Session>> dying_;
  std::multimap<std::int64_t, int> paused_;
  std::deque<std::pair<std::int64_t, int>> held_;  // all waits are equally long: in order
  Counters counters_;
};

}  // namespace sink
