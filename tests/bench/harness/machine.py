"""The machine: is it quiet, and what did others use meanwhile. Figures of a busy machine are marked, never hidden."""

import os
import pathlib
import platform
import time

TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.15  # of a core, used by others


def busy_seconds():
    """Processor time of everybody so far."""
    fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (sum(fields[:3]) + sum(fields[5:8])) / TICKS


def load(seconds=0.3):
    """How much of a core is used just now."""
    before, began = busy_seconds(), time.monotonic()
    time.sleep(seconds)
    return (busy_seconds() - before) / (time.monotonic() - began)


def wait_for_quiet(patience):
    """Waits until others use little; gives what they use in the end."""
    deadline = time.monotonic() + patience
    while True:
        now = load()
        if now <= QUIET or time.monotonic() >= deadline:
            return now


class Others:
    """Processor time of those that we did not start, as a share of a core, while something of ours runs."""

    def __init__(self, groups):
        self._groups = groups
        self._before = self._now()
        self._began = time.monotonic()

    def _now(self):
        own = os.times()
        return busy_seconds() - sum(group.cpu() for group in self._groups) - own.user - own.system

    def share(self, ours=0.0):
        """`ours`: seconds of what was started and has ended meanwhile."""
        return max(0.0, (self._now() - self._before - ours) / (time.monotonic() - self._began))


def description():
    model = ""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores ({model}), {memory:.0f} GiB, Linux {platform.release()}"
