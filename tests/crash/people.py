"""People at work in the crash harness: a moderator decides, others join by confirming and leave by the link in their copies.
Each insists until a reply or a page says that it is done; verdict.py compares that with what became of it."""

import http.client
import random
import sqlite3
import threading
import time

import stage
from support import essaim, one_click

JOINED, LEFT = "small1@lists.example", "small2@lists.example"
PATIENCE = 120  # seconds, for what must come


class People:
    def __init__(self, world, traffic):
        self.world, self.traffic = world, traffic
        self.may_begin = threading.Event()
        self.left, self.joined, self.troubles = [], 0, []
        self.threads = [threading.Thread(target=self._work, args=(one,), daemon=True)
                        for one in (self._moderate, self._join, self._leave)]

    def _work(self, one):
        self.may_begin.wait()
        chooser, count = random.Random(one.__name__), 0
        try:
            while not self.traffic.stopping.is_set():
                one(chooser, count)
                count += 1
                self.traffic.stopping.wait(0.3)
        except Exception as error:  # noqa: BLE001 - whatever ends them is for the verdict
            self.troubles.append(f"{one.__name__} ended: {type(error).__name__}: {error}")

    def _write(self, sender, to, message_id, chooser, subject="Re: x"):
        """A mail that is not followed: what it asks for is."""
        import traffic

        mail = traffic.Post(to, message_id, sender)
        self.traffic.insist(mail, essaim.message(sender, to, subject=subject, body="yes\n", message_id=message_id), chooser, drop=0.2)

    def _found(self, what, look):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what} did not come")

    def _key(self, column, value):
        """Of what waits, as its decider has it in a letter."""
        def look():
            with self.traffic.command_lock:
                try:
                    rows = self.world.sql(f"SELECT answer_key FROM held WHERE state = 0 AND {column} = ?", value)
                except sqlite3.Error:
                    return None  # the server is away, or changes the schema
            return rows and rows[0][0]
        return self._found(f"a key for {value}", look)

    def _moderate(self, chooser, count):
        post = self.traffic.post(self.world.moderated, f"<h.{count}@client.example>", chooser, drop=0.15)
        key = self._key("message_id", post.message_id)
        verdict = chooser.choice(["approve", "approve", "reject"])
        post.rejected = verdict == "reject"
        self._write(stage.MODERATOR, f"{verdict}+{key}@lists.example", f"<h.{count}.decided@client.example>", chooser)
        post.acknowledged = time.time()

    def _join(self, chooser, count):
        who = f"j{count}@churn.example"
        name = JOINED.partition("@")[0]
        self._write(who, "sympa@lists.example", f"<j.{count}.ask@client.example>", chooser, subject=f"subscribe {name} Some One")
        key, began = self._key("author", who), time.time()
        self._write(who, f"confirm+{key}@lists.example", f"<j.{count}.yes@client.example>", chooser)
        self.traffic.churn[JOINED, who].append(("add", began, time.time(), True))
        self.joined += 1

    def _leave(self, chooser, count):
        who = f"l{count}@{stage.LEAVERS}"
        began = time.time()
        self._found(f"{who} on the list", lambda: self._add(who))
        self.traffic.churn[LEFT, who].append(("add", began, time.time(), True))
        while not self.traffic.stopping.is_set():
            # Through a smart host it comes elsewhere: there will be another copy.
            receipt = next((r for r in self.world.leavers_sink.receipts() if r.recipient == who), None)
            if receipt:
                break
            time.sleep(0.2)
        else:
            return
        path, began = one_click.link_in(self.world.leavers_sink.message(receipt)), time.time()
        self._found(f"the page for {who}", lambda: self._press(path, read_answer=chooser.random() > 0.2))
        self.traffic.churn[LEFT, who].append(("remove", began, time.time(), True))
        self.left.append(who)

    def _add(self, who):
        with self.traffic.command_lock:
            self.world.server.run("member", "add", LEFT, who, check=False)
            return self.world.server.last.returncode == 0

    def _press(self, path, read_answer):
        """True: the page says that it is done."""
        connection = http.client.HTTPConnection("127.0.0.1", self.world.http_port, timeout=20)
        try:
            connection.request("POST", path, "List-Unsubscribe=One-Click", {"Content-Type": "application/x-www-form-urlencoded"})
            if not read_answer:
                return False
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
        if status not in (200, 503):
            raise AssertionError(f"the page for somebody's link says {status}")
        return status == 200
