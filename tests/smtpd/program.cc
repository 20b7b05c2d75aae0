#include "tests/smtpd/program.h"

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/check.h"

namespace essaim::test {
namespace {

// Whether it has a handler for the signal, as /proc/PID/status says.
bool heeds(pid_t pid, int number) {
  const std::string status = read_file("/proc/" + std::to_string(pid) + "/status");
  const std::string name = "\nSigCgt:";
  const std::size_t at = status.find(name);
  return at != std::string::npos &&
         (std::strtoull(status.c_str() + at + name.size(), nullptr, 16) >> (number - 1) & 1) != 0;
}
pid_t start(const std::vector<std::string>& arguments, const std::string& in, const std::string& out,
            const std::string& err) {
  std::vector<char*> argv{const_cast<char*>(ESSAIM_PROGRAM)};
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const pid_t pid = fork();
  ESSAIM_CHECK(pid >= 0);
  if (pid > 0) return pid;
  for (const int number : {SIGINT, SIGQUIT})
    ::signal(number, SIG_DFL);  // ignored by whoever runs us in the background
  if (in.empty()) {
    for (const int fd : {0, 1, 2}) close(fd);
    execv(argv[0], argv.data());
    _exit(127);
  }
  const int in_fd = open(in.c_str(), O_RDONLY);
  const int out_fd = open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
  const int err_fd = err == out ? out_fd : open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (in_fd < 0 || out_fd < 0 || err_fd < 0) _exit(126);
  dup2(in_fd, 0);
  dup2(out_fd, 1);
  dup2(err_fd, 2);
  execv(argv[0], argv.data());
  _exit(127);
}

}  // namespace

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

Program::Program(const std::string& more) {
  config = directory.write("essaim.toml",
                           "hostname = \"mx1.lists.example\"\npostmaster = \"postmaster@site.example\"\n"
                           "state = \"" +
                               directory.path("state") +
                               "\"\nloops = 2\n"
                               "[storage]\nurl = \"sqlite:" +
                               directory.path("essaim.db") +
                               "\"\n"
                               "[[listen]]\naddress = \"127.0.0.1:0\"\n" +
                               more);
}
Program::~Program() {
  if (server_ > 0) {
    kill(server_, SIGKILL);
    waitpid(server_, nullptr, 0);
  }
}

Program::Outcome Program::run(std::vector<std::string> arguments, const std::string& input,
                              bool with_config) const {
  return run_into(directory.path("stdout"), std::move(arguments), input, with_config);
}
Program::Outcome Program::run_into(const std::string& out, std::vector<std::string> arguments,
                                   const std::string& input, bool with_config) const {
  if (with_config) {
    arguments.push_back("--config");
    arguments.push_back(config);
  }
  const std::string in = directory.write("stdin", input);
  unlink(directory.path("stdout").c_str());
  const pid_t pid = start(arguments, in, out, directory.path("stderr"));
  int status = 0;
  ESSAIM_CHECK(waitpid(pid, &status, 0) == pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          read_file(directory.path("stdout")), read_file(directory.path("stderr"))};
}

int Program::interrupted(std::vector<std::string> arguments, std::string* said) const {
  arguments.push_back("--config");
  arguments.push_back(config);
  const std::string out = directory.path("interrupted");
  unlink(out.c_str());
  const pid_t pid = start(arguments, "/dev/null", out, out);
  int status = 0;
  for (int i = 0; i < 60'000 && waitpid(pid, &status, WNOHANG) == 0; ++i) {
    if (heeds(pid, SIGINT)) {
      kill(pid, SIGINT);
      ESSAIM_CHECK(waitpid(pid, &status, 0) == pid);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  *said = read_file(out);
  return status;
}

int Program::serve() {
  const std::string log = directory.path("log");
  unlink(log.c_str());
  server_ = start({"serve", "--config", config}, "/dev/null", log, log);
  for (int i = 0; i < 6000; ++i) {
    const std::string text = read_file(log);
    const std::size_t at = text.find("listening address=127.0.0.1:");
    if (at != std::string::npos && text.find('\n', at) != std::string::npos)
      return std::atoi(text.c_str() + at + std::string("listening address=127.0.0.1:").size());
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) {
      server_ = 0;
      return 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return 0;
}
bool Program::serve_with_nothing_open() {
  server_ = start({"serve", "--config", config}, "", "", "");
  for (int i = 0; i < 6000; ++i) {
    if (run({"reload"}).code == 0) return true;
    if (waitpid(server_, nullptr, WNOHANG) == server_) {
      server_ = 0;
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}
void Program::signal_server(int number) const {
  kill(server_, number);
}
int Program::wait_for_end() {
  for (int i = 0; i < 6000; ++i) {
    int status = 0;
    if (waitpid(server_, &status, WNOHANG) == server_) {
      server_ = 0;
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return -1;
}
std::string Program::log() const {
  return read_file(directory.path("log"));
}

}  // namespace essaim::test
