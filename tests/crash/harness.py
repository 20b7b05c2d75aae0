"""The crash harness: posts at full load, members that come and go, a server that is killed again and again, and a sink that
remembers every recipient it acknowledged. After the last start it waits for quiet and compares what was promised with what
arrived. Used by tests/crash/run."""

import collections
import os
import pathlib
import random
import signal
import smtplib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))

from support import essaim, processes, sink  # noqa: E402

# Named places of the code (git grep ESSAIM_CRASH_POINT), each passed often enough under load to be hit.
POINTS = [
    "accept.before-commit", "accept.after-commit", "expand.before-commit", "expand.after-commit", "claim.after-commit",
    "journal.before-append", "journal.after-append", "save.before-commit", "save.after-commit", "recover.before-commit",
    "recover.after-commit",
]
# Final dots under way at a kill: one for each connection that the smart host may have.
CONNECTIONS = 20
HANDFUL = 5


class Post:
    def __init__(self, list_, message_id):
        self.list, self.message_id = list_, message_id
        self.first_try = time.time()
        self.acknowledged = None
        self.tries = 0


class Harness:
    def __init__(self, folder, kills, seed, small=3, big=2, big_members=20_000, log=print):
        self.folder, self.kills, self.log = pathlib.Path(folder), kills, log
        self.random = random.Random(seed)
        self.stop_posting = threading.Event()
        self.posts = []
        self.lock = threading.Lock()
        self.lists = {f"small{i}@lists.example": [f"m{k}@s{k % 7}.example" for k in range(10)] for i in range(small)}
        self.lists.update({f"big{i}@lists.example": [f"m{k}@d{k % 100}.example" for k in range(big_members)]
                           for i in range(big)})
        self.churn = collections.defaultdict(list)  # (list, address) -> [(action, began, ended)]
        self.kinds = collections.Counter()

    def set_up(self):
        self.sink = sink.Sink(self.folder, keep=False)
        self.server = essaim.Essaim(self.folder, smarthost=self.sink.addresses[0],
                                    delivery='retry_initial = "1s"\nretry_max = "3s"')
        for address, members in self.lists.items():
            self.server.make_list(address, members, post="anyone")

    # What goes on while the server dies

    def _post_loop(self, number):
        chooser = random.Random(number)
        count = 0
        while not self.stop_posting.is_set():
            # Mostly small lists; a big one now and then keeps expansion and delivery under way all the time.
            big = number == 0
            list_ = chooser.choice([a for a in self.lists if a.startswith("big" if big else "small")])
            post = Post(list_, f"<crash.{number}.{count}@client.example>")
            count += 1
            with self.lock:
                self.posts.append(post)
            text = essaim.message("x@client.example", list_, message_id=post.message_id)
            while post.acknowledged is None:
                post.tries += 1
                try:
                    client = smtplib.SMTP("127.0.0.1", self.server.port, local_hostname="client.example", timeout=20)
                    try:
                        client.ehlo()
                        client.mail("x@client.example")
                        client.rcpt(list_)
                        code, _ = client.data(text)
                        if code == 250:
                            post.acknowledged = time.time()
                    finally:
                        client.close()
                except (OSError, smtplib.SMTPException):
                    pass
                if post.acknowledged is None:
                    if self.stop_posting.is_set() and post.tries > 3 and self.server.process.running():
                        break
                    time.sleep(0.1)
            time.sleep(4.0 if big else 0.02)

    def _churn_loop(self):
        chooser = random.Random(4711)
        present = collections.defaultdict(set)
        count = 0
        while not self.stop_posting.is_set():
            list_ = chooser.choice(list(self.lists))
            if present[list_] and chooser.random() < 0.5:
                address, verb = present[list_].pop(), "remove"
            else:
                count += 1
                address, verb = f"c{count}@churn.example", "add"
                present[list_].add(address)
            began = time.time()
            self.server.run("member", verb, list_, address, check=False)
            self.churn[list_, address].append((verb, began, time.time(), self.server.last.returncode == 0))
            time.sleep(0.1)

    def _restart(self, crash_at=None):
        if crash_at:
            os.environ["ESSAIM_CRASH_AT"] = crash_at
        else:
            os.environ.pop("ESSAIM_CRASH_AT", None)
        try:
            self.server.start()
        except AssertionError:
            # An armed point may be passed before the server listens; anything else is a failure.
            if not crash_at or self.server.process.process.returncode != -signal.SIGKILL:
                raise
        os.environ.pop("ESSAIM_CRASH_AT", None)

    def conduct(self):
        threads = [threading.Thread(target=self._post_loop, args=(n,), daemon=True) for n in range(4)]
        threads.append(threading.Thread(target=self._churn_loop, daemon=True))
        for thread in threads:
            thread.start()
        done = 0
        point = None
        while done < self.kills:
            kind = self.random.choice(["any", "any", "point", "again", "pause"])
            if point is not None:
                # A point is armed: it ends the server by itself, or else we do.
                try:
                    self.server.process.process.wait(3)
                    self.kinds["point hit"] += 1
                except Exception:  # noqa: BLE001 - subprocess.TimeoutExpired
                    self.server.kill()
                    self.kinds["point not passed"] += 1
                point = None
            elif kind == "pause":
                self.server.process.send(signal.SIGSTOP)
                time.sleep(self.random.uniform(0.1, 1.0))
                self.server.process.send(signal.SIGCONT)
                self.kinds["stopped and continued"] += 1
                continue
            else:
                time.sleep(self.random.uniform(0.0, 0.1) if kind == "again" else self.random.uniform(0.2, 2.0))
                self.server.kill()
                self.kinds["right after the start" if kind == "again" else "at random"] += 1
            done += 1
            if kind == "point" and done < self.kills:
                point = f"{self.random.choice(POINTS)}:{self.random.choice([1, 1, 2, 5, 20])}"
            self._restart(point)
            if done % 50 == 0:
                self.log(f"{done} kills, {len(self.posts)} posts")
        if point is not None:
            self.server.process.process.poll() is None and self.server.kill()
            self._restart()
        self.stop_posting.set()
        for thread in threads:
            thread.join(60)

    # What must be true in the end

    def wait_for_quiet(self, timeout=300):
        def quiet():
            rows = self.server.json("queue", "list")["batches"]
            return not rows

        processes.wait_for("an empty queue", quiet, timeout, every=0.5)

    def verdict(self):
        """A list of broken promises; prints the figures."""
        broken = []
        arrived = collections.defaultdict(collections.Counter)
        when = {}
        for receipt in self.sink.receipts():
            arrived[receipt.message_id][receipt.recipient] += 1
            when[receipt.message_id, receipt.recipient] = int(receipt.time) / 1000
        duplicates = sum(n - 1 for counter in arrived.values() for n in counter.values())
        bound = self.kills * (CONNECTIONS + HANDFUL)
        acknowledged = [post for post in self.posts if post.acknowledged]
        ledger = {}
        for list_ in self.lists:
            for row in self.server.json("post", "find", "--list", list_, "--limit", "100000"):
                if row["message_id"] in ledger:
                    broken.append(f"{row['message_id']} was distributed twice: {ledger[row['message_id']]['id']} and {row['id']}")
                ledger[row["message_id"]] = row
        for post in acknowledged:
            counts = arrived[post.message_id]
            row = ledger.get(post.message_id)
            if row is None:
                broken.append(f"{post.message_id} was acknowledged and is not in the ledger")
                continue
            missing = [m for m in self.lists[post.list] if m not in counts]
            if missing:
                broken.append(f"{post.message_id} did not reach {len(missing)} members, among them {missing[:3]}")
            for (list_, address), changes in self.churn.items():
                if list_ != post.list or address in counts:
                    continue
                adds = [c for c in changes if c[0] == "add"]
                removes = [c for c in changes if c[0] == "remove"]
                if adds and adds[0][3] and adds[0][2] < post.first_try and not removes:
                    broken.append(f"{post.message_id} did not reach {address}, a member before it was posted")
        cut_off = 0
        for message_id, counts in arrived.items():
            row = ledger.get(message_id)
            if row is None:
                broken.append(f"{message_id} arrived and is not in the ledger")
                continue
            shown = row["counts"]
            if shown["accepted"] != sum(shown[k] for k in ("delivered", "failed", "suppressed", "pending")):
                broken.append(f"{message_id}: the sums of the ledger do not agree: {shown}")
            if shown["pending"]:
                broken.append(f"{message_id}: {shown['pending']} are pending")
            if shown["delivered"] == len(counts):
                continue
            # A final dot that a kill cut off from its reply reached the sink and not the ledger. It is sent again, unless
            # the member left meanwhile: then the ledger says suppressed, and cannot know better. Nothing else explains it.
            rows = self.server.json("post", "show", row["id"], "--recipients", "suppressed")["recipients"]
            unexplained = set(counts) - {r["recipient"] for r in rows}
            if len(unexplained) != shown["delivered"]:
                broken.append(f"{message_id}: the ledger says {shown}, the sink has {len(counts)} recipients, "
                              f"{len(unexplained)} of them not suppressed")
            for address in set(counts) - unexplained:
                left_after = any(c[0] == "remove" and c[2] >= when[message_id, address]
                                 for c in self.churn.get((row["list"], address), []))
                if not left_after:
                    broken.append(f"{message_id}: {address} got it and is suppressed, but did not leave after that")
                cut_off += 1
        if duplicates + cut_off > bound:
            broken.append(f"{duplicates} duplicates, more than {bound}")
        self.log(f"kills {self.kills} ({', '.join(f'{n} {kind}' for kind, n in self.kinds.items())})")
        self.log(f"posts {len(self.posts)}, acknowledged {len(acknowledged)}, tries {sum(p.tries for p in self.posts)}; "
                 f"recipients {sum(len(c) for c in arrived.values())}; changes of membership {len(self.churn)}")
        self.log(f"duplicates {duplicates}, bound {bound} ({CONNECTIONS} final dots and {HANDFUL} at each kill)")
        self.log(f"arrived, cut off from the reply, and left before it could be sent again: {cut_off}")
        self.log(f"lost {sum(1 for b in broken if 'did not reach' in b)}")
        return broken

    def tear_down(self):
        self.server.stop()
        self.sink.stop()
