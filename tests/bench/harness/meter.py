"""What a contender used: processor time and anonymous memory of all its processes, and of nobody else."""

import contextlib
import os
import pathlib
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
CGROUPS = pathlib.Path("/sys/fs/cgroup")


def _write(path, text):
    path.write_text(str(text))


def _tree(root):
    """A process and all that descend from it."""
    children = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


class Group:
    """A control group (v1 or v2) when they may be made, else the tree of processes below `root`. What is started inside
    `with group.starting():` belongs to it, with its children."""

    def __init__(self, name):
        self.root = None
        name = f"essaim-bench-{os.getpid()}-{name}"
        self._folders = []
        if (CGROUPS / "cpuacct").is_dir():
            candidates = [CGROUPS / "cpuacct" / name, CGROUPS / "memory" / name]
        else:
            candidates = [CGROUPS / name]
            with contextlib.suppress(OSError):
                _write(CGROUPS / "cgroup.subtree_control", "+cpu +memory")
        try:
            for folder in candidates:
                folder.mkdir()
                self._folders.append(folder)
        except OSError:
            self.close()

    @contextlib.contextmanager
    def starting(self):
        before = [self._own(folder) for folder in self._folders]
        for folder in self._folders:
            _write(folder / "cgroup.procs", os.getpid())
        try:
            yield
        finally:
            for folder in before:
                _write(folder / "cgroup.procs", os.getpid())

    @staticmethod
    def _own(folder):
        """The group of this process in the same hierarchy."""
        for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or folder.parent.name in controllers.split(","):
                base = CGROUPS if not controllers else folder.parent
                if (base / path.lstrip("/") / "cgroup.procs").exists() and (controllers or folder.parent == CGROUPS):
                    return base / path.lstrip("/")
        return folder.parent

    def pids(self):
        if self._folders:
            return [int(pid) for pid in (self._folders[0] / "cgroup.procs").read_text().split()]
        return _tree(self.root) if self.root else []

    def cpu(self):
        """Seconds so far."""
        if self._folders:
            if self._folders[0].parent.name == "cpuacct":
                return int((self._folders[0] / "cpuacct.usage").read_text()) / 1e9
            for line in (self._folders[0] / "cpu.stat").read_text().splitlines():
                if line.startswith("usage_usec"):
                    return int(line.split()[1]) / 1e6
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                # With the children that it waited for; those alive are in the tree themselves.
                total += sum(int(field) for field in fields[11:15])
        return total / TICKS

    def memory(self):
        """Anonymous memory now, octets: what is shared counts once."""
        for folder in self._folders:
            statistics = folder / "memory.stat"
            if statistics.exists():
                for line in statistics.read_text().splitlines():
                    if line.startswith(("total_rss ", "anon ")):
                        return int(line.split()[1])
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                    if line.startswith("RssAnon"):
                        total += int(line.split()[1]) * 1024
        return total

    def close(self):
        """After its processes have ended."""
        for folder in self._folders:
            for _ in range(50):
                try:
                    folder.rmdir()
                    break
                except OSError:
                    time.sleep(0.1)
        self._folders = []


class Peak:
    """The highest memory of a group, looked at ten times a second."""

    def __init__(self, group):
        self._group = group
        self._ended = threading.Event()
        self.octets = group.memory()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self):
        while not self._ended.wait(0.1):
            self.octets = max(self.octets, self._group.memory())

    def megabytes(self):
        self._ended.set()
        self._thread.join()
        return max(self.octets, self._group.memory()) / 1e6


def resident_peak_mb(pid):
    """Of one process, with the pages it shares with files."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0
