// An SMTP server for the engine's tests, on threads and blocking sockets: it shares no code with what it
// tests. It listens on all of 127.0.0.0/8 at one port, and behaves by the address that the client chose, so
// that one sink plays all the hosts of a test. Counts every accepted recipient.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace essaim::test {

struct HostPolicy {
  std::string greeting = "220 sink ESMTP";
  // The reply to RCPT: recipient, how often this one was asked before.
  std::function<std::string(const std::string& recipient, int before)> rcpt;
  std::function<std::string()> mail;  // the reply to MAIL
  std::function<std::string()> dot;   // the reply to the message, DATA or BDAT
  int reading_ms = 0;                 // does not read a message for so long
  int message_ms = 0;                 // takes this long for a message
  std::vector<std::string> keywords = {"PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "SIZE 0"};  // of EHLO
};

class TestSink {
 public:
  TestSink();
  ~TestSink();
  TestSink(const TestSink&) = delete;
  TestSink& operator=(const TestSink&) = delete;

  std::uint16_t port() const { return port_; }
  void set(const std::string& ip, HostPolicy policy);
  std::map<std::string, int> accepted() const;  // recipient -> how often
  std::size_t total() const { return total_; }
  std::vector<std::string> order() const;  // of acceptance
  std::vector<std::string> senders() const;
  int connections(const std::string& ip) const;
  int most_at_once(const std::string& ip) const;
  int most_at_once() const;  // over all addresses
  int transactions() const { return transactions_; }
  std::vector<std::string> commands(
      const std::string& ip) const;                      // MAIL, RCPT, DATA and BDAT, of all connections
  std::map<std::string, std::string> came_from() const;  // recipient -> address of the client
  std::map<std::string, std::string> bodies() const;     // recipient -> message as on the wire, lines with LF

 private:
  void accept_loop();
  void serve(int fd, const std::string& ip, const std::string& client);

  int listen_fd_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> total_{0};
  std::atomic<int> transactions_{0};
  mutable std::mutex mutex_;
  std::map<std::string, HostPolicy> policies_;
  int open_now_ = 0, most_of_all_ = 0;
  std::map<std::string, int> accepted_, asked_, connections_, open_, most_;
  std::vector<std::string> order_, senders_;
  std::map<std::string, std::vector<std::string>> commands_;
  std::map<std::string, std::string> came_from_, bodies_;
  std::vector<int> fds_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace essaim::test
