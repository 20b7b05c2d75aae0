#include "smtpd/daemon/control.h"

#include <memory>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace essaim::smtpd {

Result<std::unique_ptr<Control>> Control::make() {
  signal(SIGPIPE, SIG_IGN);
  sigset_t set;
  sigemptyset(&set);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, s);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
  const int wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (signals < 0 || wake < 0) return io_error("signalfd");
  return std::unique_ptr<Control>(new Control(signals, wake));
}

Control::~Control() {
  close(signals_);
  close(wake_);
}

Control::Event Control::wait(Duration tick) {
  const MonoTime until = system_clock().mono_now() + tick;
  for (;;) {
    std::deque<std::function<void()>> tasks;
    {
      const std::lock_guard lock(mutex_);
      if (std::exchange(terminating_, false)) return Event::kTerminate;
      if (std::exchange(restarting_, false)) return Event::kRestart;
      tasks.swap(tasks_);
    }
    for (auto& task : tasks) task();
    if (!tasks.empty()) continue;

    int patience = -1;
    if (tick > Duration::zero()) {
      const Duration left = until - system_clock().mono_now();
      if (left <= Duration::zero()) return Event::kTick;
      patience = static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count()) + 1;
    }
    pollfd ready[2] = {{signals_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (poll(ready, 2, patience) <= 0) continue;
    std::uint64_t count = 0;
    while (read(wake_, &count, sizeof count) > 0) {
    }
    signalfd_siginfo info{};
    if (read(signals_, &info, sizeof info) == sizeof info)
      return info.ssi_signo == SIGHUP ? Event::kReload : Event::kTerminate;
  }
}

void Control::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  ring();
}

void Control::drop_tasks() {
  std::deque<std::function<void()>> tasks;
  const std::lock_guard lock(mutex_);
  tasks.swap(tasks_);
}

void Control::terminate() {
  {
    const std::lock_guard lock(mutex_);
    terminating_ = true;
  }
  ring();
}

void Control::restart() {
  {
    const std::lock_guard lock(mutex_);
    restarting_ = true;
  }
  ring();
}

void Control::ring() {
  const std::uint64_t one = 1;
  static_cast<void>(!write(wake_, &one, sizeof one));
}

}  // namespace essaim::smtpd
