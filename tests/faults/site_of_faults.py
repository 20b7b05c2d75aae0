"""What the fault tests share: a server whose files, clock and statements can be made to fail, a list, senders that try until
they are believed, and the checks of the state afterwards."""

import collections
import os
import pathlib
import sqlite3
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenarios"))
sys.path.insert(0, str(HERE.parent / "crash"))

from support import essaim, processes, sink  # noqa: E402

import control  # noqa: E402

WHOLE = bool(os.environ.get("ESSAIM_FAULTS_ALL"))  # tests/faults/run; else a short sweep
LIST = "dev@lists.example"
AUTHOR = "x@client.example"
MEMBERS = [f"m{i}@a{i % 2}.example" for i in range(6)]
SETTINGS = 'retry_initial = "300ms"\nretry_max = "1s"\ncommand_timeout = "1s"\nconnect_timeout = "2s"\n'
UNFINISHED = ("SELECT p.id FROM post p WHERE (p.expanded = 0 OR EXISTS "
              "(SELECT 1 FROM batch_state s WHERE s.post_id = p.id AND s.queue <> 0))")


class Site(processes.Scenario):
    """begin() makes it; post() gives what was promised; check() compares."""

    def begin(self, members=MEMBERS, sink_rules=(), smarthost=True, delivery="", list_settings=None, keep=False, **server):
        self.members = list(members)
        self.accepted = {}  # Message-ID -> queue id
        self.tries = collections.Counter()
        if smarthost:
            self.sink = self.started(sink.Sink(self.folder, rules=sink_rules, keep=keep))
        self.essaim = essaim.Essaim(self.folder, smarthost=self.sink.addresses[0] if smarthost else None,
                                    delivery=SETTINGS + delivery, start=False, **server)
        self.port = processes.free_port()
        self.essaim.config.write_text(self.essaim.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}"))
        self.essaim.port = self.port
        self.control = control.Control(self.folder / "control")
        self.essaim.environment = {"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"),
                                   "ESSAIM_SHIM_CONTROL": str(self.control.path),
                                   "ESSAIM_SHIM_DIR": str(self.essaim.folder)}
        self.started(self.essaim)
        self.essaim.start()
        self.essaim.make_list(LIST, self.members, post="anyone", **(list_settings or {}))

    def start(self, **environment):
        """Starts the server again, with more in its environment. False: it ended by itself."""
        offset = self.log_size()
        self.essaim.process = processes.Process(
            "essaim", [processes.BUILD / "essaim", "serve", "--config", self.essaim.config], self.essaim.log,
            env={**self.essaim.environment, **environment})
        # The socket takes connections long before the server does: its log tells.
        return processes.wait_for("the server to listen", lambda: (
            "up" if " listening " in self.log_since(offset)
            else None if self.essaim.process.running() else "down"), 60) == "up"

    def start_with(self, fault):
        """With that planned (storage/fault.h). False: it could not start; then it has said why and ended as a failed start does."""
        offset = self.log_size()
        if self.start(ESSAIM_FAULT=fault):
            return True
        self.assertEqual(1, self.essaim.process.process.returncode, self.log_since(offset))
        self.assertIn("fault planned by a test", self.log_since(offset))
        return False

    def sweep(self, sweeps, one_run):
        """Runs for each k, or some of them; `one_run` gives whether the fault came to pass."""
        for sweep, apart in sweeps:
            k, reached = 1, True
            while reached:
                reached = False  # one that breaks a promise is the last of its sweep
                with self.subTest(fault=sweep.format(k=k)):
                    reached = one_run(sweep.format(k=k))
                k += 1 if WHOLE else apart
            print(f"{sweep}: up to about the {k}. of a run", flush=True)

    def try_post(self, message_id, list_=LIST, body="The swarm moves on.\n"):
        """One try: the reply, or (0, why) when there was none. A 250 is a promise."""
        self.tries[message_id] += 1
        try:
            reply = self.essaim.post(AUTHOR, list_, essaim.message(AUTHOR, list_, message_id=message_id, body=body))
        except Exception as error:  # noqa: BLE001 - whatever smtplib makes of a connection that is cut
            return 0, str(error)
        if reply[0] == 250:
            self.accepted.setdefault(message_id, self.essaim.queue_id(reply))
            self.assertEqual(self.accepted[message_id], self.essaim.queue_id(reply), "the same message, the same id")
        return reply

    def post(self, message_id, list_=LIST, timeout=processes.PATIENCE, **how):
        """As a sender does: again and again, until it is accepted."""
        def accepted():
            reply = self.try_post(message_id, list_, **how)
            self.assertLess(reply[0], 500, reply)
            return reply[0] == 250
        processes.wait_for(f"{message_id} to be accepted", accepted, timeout, every=0.1)

    def sql(self, text):
        connection = sqlite3.connect(f"file:{self.essaim.database}?mode=ro", uri=True, timeout=120)
        try:
            return connection.execute(text).fetchall()
        finally:
            connection.close()

    def wait_quiet(self, timeout=processes.PATIENCE):
        processes.wait_for("the queue to be empty", lambda: not self.sql(UNFINISHED + " LIMIT 1"), timeout, every=0.1)

    def receipts(self):
        return self.sink.receipts()

    def check(self, failed=(), twice=0):
        """All that was accepted has reached everybody but `failed`, once (but for `twice` in all); the ledger knows it; the
        database is whole; nothing else was distributed."""
        self.wait_quiet()
        arrived = collections.defaultdict(collections.Counter)
        for receipt in self.receipts():
            arrived[receipt.message_id][receipt.recipient] += 1
        expected = set(self.members) - set(failed)
        for message_id in self.accepted:
            self.assertEqual(expected, set(arrived[message_id]), f"who got {message_id}")
        again = sum(n - 1 for got in arrived.values() for n in got.values())
        self.assertLessEqual(again, twice, [(m, r, n) for m, got in arrived.items() for r, n in got.items() if n > 1])
        posts = collections.Counter(row[0] for row in self.sql(f"SELECT message_id FROM post WHERE list_address = '{LIST}'"))
        self.assertFalse([m for m, n in posts.items() if n > 1], "distributed twice")
        self.assertFalse(set(self.accepted) - set(posts), "accepted and not in the ledger")
        self.assertFalse(set(arrived) - set(posts), "arrived and not in the ledger")
        for message_id, delivered, lost, suppressed, pending, total in self.sql(
                "SELECT p.message_id, s.delivered, s.failed, s.suppressed, s.pending, b.total FROM batch_state s "
                "JOIN batch b ON b.post_id = s.post_id AND b.number = s.number JOIN post p ON p.id = s.post_id"):
            if message_id not in self.accepted:
                continue  # a report may be made, and be on its way, at any time after its post has ended
            self.assertEqual(total, delivered + lost + suppressed)
            self.assertEqual(0, pending)
        self.assertEqual([("ok",)], self.sql("PRAGMA integrity_check"))

    def log_since(self, offset):
        return self.essaim.log.read_text(errors="replace")[offset:]

    def log_size(self):
        return len(self.essaim.log.read_text(errors="replace"))

    def in_time(self, condition, what, timeout=processes.PATIENCE):
        return processes.wait_for(what, condition, timeout, every=0.1)


def pause(seconds):
    """For what must be seen to last; nothing is concluded from how long it took."""
    time.sleep(seconds)
