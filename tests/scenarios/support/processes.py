"""Starting and ending programs: each has its folder, its log and its pid, and only what was started here is ended."""

import fcntl
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = pathlib.Path(os.environ.get("ESSAIM_BUILD", ROOT / "build" / "debug"))
NEIGHBOURS = pathlib.Path(os.environ.get("ESSAIM_NEIGHBOURS", ROOT / "build" / "neighbours"))
port_locks = None
ports_given = set()


def memory():
    """A folder in memory, None where there is none with room, as for `dir` of tempfile: what goes with a test is not worth the
    writes and syncs of a disk."""
    path = "/dev/shm"
    if not os.access(path, os.W_OK):
        return None
    room = os.statvfs(path)
    return path if room.f_bavail * room.f_frsize >= 2 << 30 else None


def free_port(host="127.0.0.1"):
    """A port that is free on that address, for TCP and UDP, and below those that the kernel gives to connections. No test that
    runs beside this one gets the same before it is listened on: of a file that all share its octet is locked."""
    global port_locks
    port_locks = port_locks or open(pathlib.Path(tempfile.gettempdir()) / f"essaim-ports-{os.getuid()}", "a")
    with open("/proc/sys/net/ipv4/ip_local_port_range") as text:
        end = int(text.read().split()[0])
    for port in random.sample(range(10_240, max(end, 12_000)), 1000):
        if port in ports_given:
            continue
        try:
            fcntl.lockf(port_locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
            with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
                tcp.bind((host, port))
                udp.bind((host, port))
        except OSError:
            continue
        ports_given.add(port)
        return port
    raise AssertionError("no port is free")


# Seconds for whatever must come: what is there ends the wait, and a machine may be busy with other things. It is twice what the
# server takes for the longest that it does by itself.
PATIENCE = 180


def wait_for(what, condition, timeout=PATIENCE, every=0.02):
    """Polls until the condition gives something true, and gives that."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout} s in vain for {what}")
        time.sleep(every)


def accepts_connections(host, port):
    try:
        socket.create_connection((host, port), timeout=10).close()
        return True
    except OSError:
        return False


class Process:
    """A program with its output in a file."""

    def __init__(self, name, command, log, env=None, stdout=None):
        self.name = name
        self.log = pathlib.Path(log)
        self._file = open(self.log, "ab")
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=stdout or self._file,
            stderr=self._file,
            env={**os.environ, **(env or {})},
            start_new_session=True,
        )

    @property
    def pid(self):
        return self.process.pid

    def running(self):
        return self.process.poll() is None

    def output(self):
        return self.log.read_text(errors="replace")

    def send(self, number):
        if self.running():
            self.process.send_signal(number)

    def send_to_all(self, number):
        """Also to the processes that it started."""
        if self.running():
            os.killpg(self.process.pid, number)

    def stop(self, number=signal.SIGTERM, timeout=120):
        """Asks it to end, insists after the time out, and gives the exit status."""
        if self.running():
            self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(f"{self.name} did not end within {timeout} s:\n{self.output()[-2000:]}")
        self._file.close()
        return self.process.returncode


class Scenario(unittest.TestCase):
    """A test case with a folder of its own; what it started is stopped in reverse order, and the logs are shown when it
    failed."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="essaim-scenario-", dir=memory()))
        self.folder.chmod(0o755)
        self._logs = []
        self.addCleanup(self._finish)

    def _finish(self):
        result = self._outcome.result
        failed = any(getattr(test, "test_case", test) is self for test, _ in result.failures + result.errors)
        if failed:
            for name, path in self._logs:
                text = pathlib.Path(path).read_text(errors="replace") if pathlib.Path(path).exists() else ""
                print(f"---- {name} ----\n{text[-6000:]}", flush=True)
        if os.environ.get("ESSAIM_KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def started(self, neighbour):
        """Registers it for the end of the test."""
        self._logs.append((neighbour.name, neighbour.log))
        self.addCleanup(neighbour.stop)
        return neighbour
