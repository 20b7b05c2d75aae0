"""Ends the server again and again, in every way that the issue names, while traffic goes on."""

import collections
import errno
import re
import subprocess
import time
import signal

import control
import power
from support import processes

SOURCES = ["core", "storage", "lists", "delivery", "web", "smtpd"]
# Of clusters (scenarios/test_nodes_die.py aims there), of databases that are not files, and of a command (test_restored_from_a_backup.py).
ELSEWHERE = ("take-over.", "stage.", "restore.")
# Passed when the server starts, if there is something to recover or to bring on.
MIGRATION = "migration.before-commit"
# Which files a torn write hits: half of the k-th write happens, and the process is gone.
TORN = ["/journal/", "essaim.db-wal"]
# Which files cannot be synced for a while before the power fails; the second is the first and the database itself.
UNSYNCED = ["essaim.db-wal", "essaim.db", "/journal/"]


def points():
    """The named places of the code, as far as the program at hand has them."""
    found, program = set(), (processes.BUILD / "essaim").read_bytes()
    for box in SOURCES:
        for path in (processes.ROOT / box).rglob("*.cc"):
            found.update(re.findall(r'ESSAIM_CRASH_POINT\("([^"]+)"\)', path.read_text()))
    return sorted(name for name in found if name.encode() in program and not name.startswith(ELSEWHERE))


class Conductor:
    def __init__(self, world, traffic, kills, with_power=False, log=print):
        self.world, self.traffic, self.kills, self.log = world, traffic, kills, log
        self.random = world.random
        self.points = points()
        self.hits = collections.Counter()
        self.aims = collections.Counter()
        self.kinds = collections.Counter()
        self.times = []  # of the ends: (time, was it the power)
        self.pauses = []
        self.disk, self.unsynced = None, None
        if with_power:
            log_file = world.folder / "changes"
            world.server.environment["ESSAIM_SHIM_LOG"] = str(log_file)
            self.disk = power.Disk(world.server.folder, log_file, self.random)

    def _plan(self):
        """Every point in turn, the rest at random."""
        if self.disk is not None:
            ways = ["power", "power", "power again", "unsynced", "unsynced", "random", "torn"]
            return ["unsynced"] + [self.random.choice(ways) for _ in range(self.kills)]
        plan = []
        while len(plan) < self.kills:
            each = [("point", p) for p in self.points] + ["random"] * 8 + ["again"] * 4 + ["torn"] * 3 + ["pause"] * 4
            self.random.shuffle(each)
            plan += each
        # People are let in behind it: a very old database has no place for what they do.
        plan.insert(0, ("point", MIGRATION))
        return plan

    def _power_failure(self):
        with self.traffic.command_lock:
            self.world.kill()
            self._ended("power failure", by_power=True)  # now: what is left on the disk takes a while to make
            self.disk.fail()

    def _ended(self, what, by_power=False):
        self.times.append((time.time(), by_power))
        self.kinds[what] += 1

    def _wait_for_end(self, seconds):
        try:
            self.world.server.process.process.wait(seconds)
            return True
        except subprocess.TimeoutExpired:
            return False

    def _aim(self, point):
        """The server runs under load and was ended; it is started so that it ends at the point. True: it did."""
        for attempt in range(4):
            times = 1 if attempt > 0 else self.random.choice({"recover": [1, 1, 2], "migration": [1]}.get(
                point.split(".")[0].split("-")[0], [1, 2, 3, 10, 30]))
            if point == MIGRATION:
                with self.traffic.command_lock:
                    self.world.make_old()
            self.aims[point] += 1
            self.world.spawn(f"{point}:{times}")
            if point.startswith("expand"):
                self.traffic.more_big.set()
            if self._wait_for_end(6 if point.startswith("recover") or point == MIGRATION else 12):
                if point == MIGRATION:
                    self.traffic.let_people_in()
                if self.world.server.process.process.returncode != -signal.SIGKILL:
                    raise AssertionError(f"the server ended by itself:\n{self.world.server.process.output()[-3000:]}")
                self.hits[point] += 1
                self._ended("at a point")
                return
            # Not passed: an orderly end passes more of them. Else it is ended in the middle of its work, which leaves more
            # for the next start.
            if attempt % 2 == 1:
                self.world.server.process.send(signal.SIGTERM)
                if self._wait_for_end(10):
                    passed = self.world.server.process.process.returncode == -signal.SIGKILL
                    self.hits[point] += passed
                    self._ended("at a point" if passed else "as asked")
                    if passed:
                        return
                    continue
            self.world.kill()
            self._ended("at random instead of a point")

    def _end_in_some_way(self, what):
        """The server runs; afterwards it does not."""
        if what == "again":
            # Right after the start, perhaps before it listens.
            self.world.kill()
            self._ended("at random")
            self.world.spawn()
            time.sleep(self.random.uniform(0, 0.5))
            self.world.kill()
            self._ended("right after the start")
        elif what == "torn":
            path = self.random.choice(TORN)
            self.world.kill()
            self._ended("at random")
            self.world.control.fail(control.WRITE, control.TEAR, path, first=self.random.choice([1, 2, 5, 20, 100]))
            self.world.spawn()
            if self._wait_for_end(6):
                self._ended(f"in the middle of a write to {path.strip('/')}")
            else:
                self.world.kill()
                self._ended("at random")
            self.world.control.heal()
        elif what == "unsynced":
            # Posts that are accepted afterwards must not rest on what the failed sync left behind.
            self.world.control.fail(control.SYNC, errno.EIO, self.unsynced, first=self.random.choice([1, 2, 3, 10]),
                                    times=self.random.choice([1, 1, 2, 5]))
            deadline = time.time() + 3
            while not self.world.control["failed"] and time.time() < deadline:
                time.sleep(0.02)
            self.kinds[f"failed sync of {self.unsynced.strip('/')}"] += self.world.control["failed"] > 0
            time.sleep(self.random.uniform(0.0, 1.5))
            self._power_failure()
            self.world.control.heal()
        elif what.startswith("power"):
            time.sleep(self.random.uniform(0.0, 0.3) if what == "power again" else self.random.uniform(0.3, 5.0))
            self._power_failure()
        else:
            time.sleep(self.random.uniform(0.1, 2.0))
            self.world.kill()
            self._ended("at random")

    def _start(self):
        if self.disk is not None:
            # A file is meant by what is said when it is opened.
            self.unsynced = self.random.choice(UNSYNCED)
            self.world.control.fail(0, errno.EIO, self.unsynced)
        self.world.spawn()

    def conduct(self):
        if self.disk is not None:
            self.world.kill()
            self.disk.begin()
            self._start()
            self.world.wait_until_up()
            self.traffic.let_people_in()
        self.traffic.start()
        time.sleep(1.0)
        plan = self._plan()
        said = 0
        while len(self.times) < self.kills:
            what = plan.pop(0)
            if what == "pause":
                began = time.time()
                self.world.server.process.send(signal.SIGSTOP)
                time.sleep(self.random.uniform(0.1, 3.0))
                self.world.server.process.send(signal.SIGCONT)
                self.pauses.append((began, time.time()))
                self.kinds["stopped and continued"] += 1
                time.sleep(0.3)
                continue
            if isinstance(what, tuple):
                time.sleep(self.random.uniform(0.2, 1.0))
                self.world.kill()
                self._ended("at random")
                self._aim(what[1])
            else:
                self._end_in_some_way(what)
            self._start()
            self.world.wait_until_up()
            if len(self.times) // 50 > said:
                said = len(self.times) // 50
                self.log(f"{len(self.times)} kills, {len(self.traffic.posts)} posts")
