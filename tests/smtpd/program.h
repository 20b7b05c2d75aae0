// Runs the program of this build as an operator does, with a configuration in a directory of the test's own.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "tests/support/temp_dir.h"

namespace essaim::test {

// What the file holds; "" when there is none.
std::string read_file(const std::string& path);

class Program {
 public:
  // `more` stands at the end of the configuration.
  explicit Program(const std::string& more = "");
  ~Program();

  struct Outcome {
    int code = -1;
    std::string out, err;
  };
  Outcome run(std::vector<std::string> arguments, const std::string& input = "",
              bool with_config = true) const;
  // With standard output into this file.
  Outcome run_into(const std::string& out, std::vector<std::string> arguments, const std::string& input = "",
                   bool with_config = true) const;

  // Sends SIGINT as soon as it is heeded. Gives how the program ended, and what it said to all.
  int interrupted(std::vector<std::string> arguments, std::string* said) const;

  // Starts the server and gives its port; 0 if it did not come up.
  int serve();
  // As home-made daemonizers do it: descriptors 0 to 2 are closed, so that there is no log. True: it is up.
  bool serve_with_nothing_open();
  void signal_server(int number) const;
  // Its exit status, or -1 when it did not end in time.
  int wait_for_end();
  std::string log() const;

  TempDir directory;
  std::string config;

 private:
  pid_t server_ = 0;
};

}  // namespace essaim::test
