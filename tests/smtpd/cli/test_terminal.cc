// What the command line does with the files and the terminal that it is given.
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <boost/test/unit_test.hpp>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/smtpd/program.h"

using essaim::test::Program;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A terminal that is nobody's controlling one, with the program at it.
class AtTerminal {
 public:
  explicit AtTerminal(const std::vector<std::string>& words) {
    ours_ = posix_openpt(O_RDWR | O_NOCTTY);
    BOOST_REQUIRE(ours_ >= 0 && grantpt(ours_) == 0 && unlockpt(ours_) == 0);
    theirs_ = open(ptsname(ours_), O_RDWR | O_NOCTTY);
    BOOST_REQUIRE(theirs_ >= 0);
    std::vector<char*> argv{const_cast<char*>(ESSAIM_PROGRAM)};
    for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    pid_ = fork();
    BOOST_REQUIRE(pid_ >= 0);
    if (pid_ > 0) return;
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) signal(number, SIG_DFL);  // whoever runs us
    for (const int fd : {0, 1, 2}) dup2(theirs_, fd);
    execv(argv[0], argv.data());
    _exit(127);
  }
  ~AtTerminal() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
    close(theirs_);
    close(ours_);
  }

  bool echoes() const {
    termios now{};
    BOOST_REQUIRE(tcgetattr(theirs_, &now) == 0);
    return (now.c_lflag & ECHO) != 0;
  }
  // False: it ended before.
  bool wait_for_prompt() {
    for (int i = 0; i < 6000; ++i) {
      if (!echoes()) return true;
      if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
        pid_ = 0;
        return false;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // How it ended.
  int end_by(int signal) {
    int status = 0;
    kill(pid_, signal);
    BOOST_REQUIRE(waitpid(pid_, &status, 0) == pid_);
    pid_ = 0;
    return status;
  }

 private:
  int ours_ = -1, theirs_ = -1;
  pid_t pid_ = 0;
};

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ESSAIM_THREAD_SANITIZER
#endif
#endif
#if defined(ESSAIM_THREAD_SANITIZER) || defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#else
constexpr bool kThreadSanitizer = false;
#endif

}  // namespace

// The thread sanitizer's own handlers hold back what a handler raises.
BOOST_AUTO_TEST_CASE(a_password_prompt_that_is_interrupted_leaves_a_terminal_that_echoes,
                     *boost::unit_test::enable_if<!kThreadSanitizer>()) {
  const Program program;
  BOOST_REQUIRE(program.run({"storage", "init"}).code == 0);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    AtTerminal essaim({"account", "create", "ann", "--address", "ann@a.example", "--config", program.config});
    BOOST_REQUIRE(essaim.wait_for_prompt());
    const int status = essaim.end_by(signal);
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == signal), signal << " gave " << status);
    BOOST_TEST(essaim.echoes(), signal);
  }
  BOOST_TEST(program.run({"account", "show", "ann"}).code == 1);
}

// Whatever it had done when the signal came; whoever waits for it is to see that it was interrupted.
BOOST_AUTO_TEST_CASE(a_long_command_that_is_interrupted_says_how_far_it_came_and_ends_by_the_signal) {
  Program program;
  BOOST_REQUIRE(program.run({"domain", "create", "lists.example"}).code == 0);
  BOOST_REQUIRE(program.run({"list", "create", "dev@lists.example", "--owner", "o@o.example"}).code == 0);
  std::string people, text = "[lists.\"dev@lists.example\"]\nmembers = [";
  for (int i = 0; i < 20'000; ++i) {
    const std::string one = "m" + std::to_string(i) + "@m.example";
    people += one + "\n";
    text += (i == 0 ? "\"" : ",\n\"") + one + "\"";
  }
  const std::string file = program.directory.write("people", people),
                    directory = program.directory.write("text", text + "]\n");
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"member", "add", "dev@lists.example", "--file", file},
        {"config", "apply", directory},
        {"member", "remove", "dev@lists.example", "--file", file}}) {
    std::string said;
    const int status = program.interrupted(words, &said);
    BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGINT), words[1] << " gave " << status);
    BOOST_TEST((has(said, "interrupted") || has(said, "added") || has(said, "removed") || has(said, " made")),
               words[1] << " said: " << said);
  }
}

BOOST_AUTO_TEST_CASE(a_full_disk_is_called_that_whether_the_output_is_long_or_short) {
  const Program program;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"domain", "create", "lists.example"}, {"man"}, {"config", "sample"}}) {
    const auto outcome = program.run_into("/dev/full", words);
    BOOST_TEST(outcome.code == 1, words[0]);
    BOOST_TEST(has(outcome.err, "cannot write the output: No space left on device"), outcome.err);
  }
}
