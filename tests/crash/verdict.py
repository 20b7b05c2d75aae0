"""What must be true in the end: promises compared with what arrived, the ledger with the sink, the database with itself."""

import collections
import datetime
import sys
import time

import stage

# A kill or a failure cuts off outcomes of the last moments only. Generous: the machine may be slow.
IN_FLIGHT = 10.0        # seconds between an arrival and the kill that made it come again
UNSYNCED = 4.0          # the same for power: about a second is promised, and syncing takes its time on a busy machine
SINK_LAGS = 1.5         # what the sink finds in its sockets after the server has gone
LATE = 5.0              # for an attempt that was under way when the lifetime ended


UNFINISHED = ("SELECT p.id FROM post p WHERE (p.expanded = 0 OR EXISTS "
              "(SELECT 1 FROM batch_state s WHERE s.post_id = p.id AND s.queue <> 0))")


def wait_for_quiet(world, timeout=400):
    """Until nothing is left to do, however much that is; what stands still for so many seconds has failed."""
    def left():
        if not world.sql(UNFINISHED + " LIMIT 1"):
            return None
        return world.sql("SELECT COUNT(*), COALESCE(SUM(pending), 0) FROM batch_state WHERE queue <> 0")[0]

    before, since = left(), time.monotonic()
    while before is not None:
        time.sleep(0.5)
        now = left()
        if now != before:
            before, since = now, time.monotonic()
        elif time.monotonic() > since + timeout:
            raise AssertionError(f"nothing was done for {timeout} s; left are (batches, recipients): {now}")


class Verdict:
    def __init__(self, world, traffic, ends=(), with_power=False, log=print):
        self.world, self.traffic, self.ends, self.with_power, self.log = world, traffic, sorted(ends), with_power, log
        self.broken = []
        self.arrived = collections.defaultdict(dict)  # message id -> {recipient: [(time, transaction)]}
        for receipt in world.receipts():  # millions, with few different texts
            self.arrived[sys.intern(receipt.message_id)].setdefault(sys.intern(receipt.recipient), []).append(
                (int(receipt.time) / 1000, sys.intern(receipt.transaction)))
        for got in self.arrived.values():
            for times in got.values():
                times.sort()  # of several sinks, one behind the other

    def wrong(self, text):
        self.broken.append(text)

    def all(self):
        """The broken promises."""
        self.read_ledger()
        self.promises()
        self.sums()
        self.states()
        self.lifetimes()
        self.people()
        self.duplicates()
        self.figures()
        return self.broken

    def read_ledger(self):
        self.ledger = {}
        for list_ in self.world.lists:
            for row in self.world.server.json("post", "find", "--list", list_, "--limit", "1000000"):
                known = self.ledger.get(row["message_id"])
                if known:
                    self.wrong(f"{row['message_id']} was distributed twice: {known['id']} and {row['id']}")
                self.ledger[row["message_id"]] = row

    def promises(self):
        """Whoever was a member when a post was accepted, and stayed, has it; who had left before, has not."""
        absences, presences = self._membership()
        for post in self.traffic.posts:
            got = self.arrived.get(post.message_id, {})
            row = self.ledger.get(post.message_id)
            if post.acknowledged is None:
                self.wrong(f"{post.message_id} was never accepted after {post.tries} tries")
                continue
            if post.rejected:
                if row is not None or got:
                    self.wrong(f"{post.message_id} was rejected by its moderator and went to {len(got)}")
                continue
            if row is None:
                self.wrong(f"{post.message_id} was acknowledged and is not in the ledger")
                continue
            for reply in post.replies:
                if row["id"] not in reply:
                    self.wrong(f"{post.message_id} is {row['id']} in the ledger; a sender was told {reply}")
            expected = [m for m in self.world.lists[post.list] if not m.startswith((stage.REFUSED, stage.NEVER))]
            missing = [m for m in expected if m not in got]
            if missing and post.list != self.world.fleeting:
                self.wrong(f"{post.message_id} did not reach {len(missing)} of {len(expected)} members, among them {missing[:3]}")
            elif missing:
                states = self._states(row)
                for member in missing:
                    if states.get(member) != "failed":
                        self.wrong(f"{post.message_id} did not reach {member}, and the ledger says {states.get(member)}")
            for address, since in presences.get(post.list, []):
                if since < post.first_try and address not in got:
                    self.wrong(f"{post.message_id} did not reach {address}, who joined before it was posted")
            for address, left, back in absences.get(post.list, []):
                if left < post.first_try and post.acknowledged < back and address in got:
                    self.wrong(f"{post.message_id} reached {address}, who had left before it was posted")

    def _membership(self):
        absences, presences = collections.defaultdict(list), collections.defaultdict(list)
        for (list_, address), changes in self.traffic.churn.items():
            # A command that failed, or was cut off, may have happened.
            if len(changes) == 1 and changes[0][0] == "add" and changes[0][3]:
                presences[list_].append((address, changes[0][2]))
            if len(changes) == 2 and changes[1][0] == "remove" and changes[1][3]:
                absences[list_].append((address, changes[1][2], float("inf")))
        return absences, presences

    def _states(self, row, which="all"):
        shown = self.world.server.json("post", "show", row["id"], "--recipients", which)["recipients"]
        return {r["recipient"]: r["state"] for r in shown}

    def sums(self):
        """The counts of the ledger agree with themselves and with the sink, post by post."""
        self.cut_off = 0
        ours = {post.message_id for post in self.traffic.posts}
        for message_id in (self.arrived.keys() & ours) - self.ledger.keys():
            self.wrong(f"{message_id} arrived and is not in the ledger")
        for message_id, row in self.ledger.items():
            got, counts = self.arrived.get(message_id, {}), row["counts"]
            if counts["accepted"] != sum(counts[k] for k in ("delivered", "failed", "suppressed", "pending")):
                self.wrong(f"{message_id}: the sums of the ledger do not agree: {counts}")
            if counts["pending"] or not row["expanded"]:
                self.wrong(f"{message_id}: not finished: {row}")
            if counts["delivered"] == len(got):
                continue
            # A final dot that a kill cut off from its reply reached the sink and not the ledger. It is sent again, unless the
            # member left meanwhile (suppressed) or the lifetime ended (failed). Nothing else explains it.
            states = self._states(row)
            for address in got:
                if states.get(address) == "delivered":
                    continue
                at = max(t for t, _ in got[address])
                left = self._has_left(row["list"], address)
                expired = states.get(address) == "failed" and row["list"] == self.world.fleeting
                if not (states.get(address) == "suppressed" and left) and not expired:
                    self.wrong(f"{message_id}: {address} got it, the ledger says {states.get(address)}, and nothing explains it")
                elif not self._ends_behind(at, float("inf")):
                    self.wrong(f"{message_id}: {address} got it, the ledger says {states.get(address)}, and no kill came between")
                self.cut_off += 1
            if counts["delivered"] > len(got):
                self.wrong(f"{message_id}: the ledger has {counts['delivered']} delivered, the sink {len(got)}")

    def _has_left(self, list_, address):
        """Before the post was accepted or later (promises() judges the former): what a claim had taken by then is sent, and the next
        claim, behind a kill, leaves it out."""
        people = self.traffic.people.left if self.traffic.people else []
        return address in people or any(change[0] == "remove" for change in self.traffic.churn.get((list_, address), []))

    def states(self):
        """No batch is left that nobody owns, or that a dead epoch owns; nothing of a post without batches."""
        for row in self.world.sql("SELECT post_id, number, queue, owner, epoch, pending FROM batch_state WHERE queue <> 0"):
            self.wrong(f"a batch is left over: {row}")
        for row in self.world.sql("SELECT post_id, number FROM batch_state WHERE pending <> 0 OR "
                                  "delivered + failed + suppressed <> (SELECT total FROM batch b WHERE b.post_id = "
                                  "batch_state.post_id AND b.number = batch_state.number)"):
            self.wrong(f"a finished batch has not all its recipients: {row}")
        for row in self.world.sql("SELECT id FROM post p WHERE batches <> (SELECT COUNT(*) FROM batch b WHERE b.post_id = p.id)"
                                  " OR recipients <> (SELECT COALESCE(SUM(total), 0) FROM batch b WHERE b.post_id = p.id)"):
            self.wrong(f"the batches of post {row[0]} are not those it counts")
        for text in self.world.damage():
            self.wrong(f"the database is damaged: {text}")

    def lifetimes(self):
        """Nothing is past its lifetime: neither unfinished, nor sent after it."""
        for row in self.world.sql(UNFINISHED + " AND p.expires < ?",
                                  int((datetime.datetime.now().timestamp() - LATE) * 1000)):
            self.wrong(f"post {row[0]} is past its lifetime and not finished")
        expiry = dict(self.world.sql("SELECT message_id, expires FROM post"))
        for message_id, got in self.arrived.items():
            last = max((t for times in got.values() for t, _ in times), default=0)
            if message_id in expiry and last > expiry[message_id] / 1000 + LATE:
                self.wrong(f"{message_id} was sent {last - expiry[message_id] / 1000:.1f} s after its lifetime")

    def people(self):
        """What a reply or a page said was done for somebody is kept, and failures are counted once."""
        if not self.traffic.people:
            return
        self.broken += self.traffic.people.troubles
        undecided = self.world.sql("SELECT message_id FROM held WHERE state = 0 AND kind = 0")
        if undecided:
            self.wrong(f"posts wait although their moderator was told that they are decided: {undecided[:5]}")
        ways = dict(self.world.sql("SELECT address, how FROM departure"))
        for address in self.traffic.people.left:
            if ways.get(address) != "one-click":
                self.wrong(f"{address} left by the link; what is known of that is {ways.get(address)}")
        for address, bounces, posts in self.world.sql(
                "SELECT l.local, m.bounces, (SELECT COUNT(*) FROM post p WHERE p.list_id = m.list_id AND p.kind = 0) FROM member m "
                "JOIN list l ON l.id = m.list_id WHERE m.local_key = ? AND m.role = 0", f"{stage.REFUSED}0"):
            if bounces != posts:
                self.wrong(f"{address}: {posts} posts failed for a member, who has {bounces} bounces")

    def _ends_behind(self, at, until):
        """The ends that can have taken the outcome of what arrived then and again at `until`: the first one behind it, and one just
        before it, as the sink may have found it in its socket when the server was gone."""
        found = []
        for lag in (0.0, SINK_LAGS):
            end, by_power = next((end for end in self.ends if end[0] >= at - lag), (None, None))
            if end is not None and end <= until and end - at <= (UNSYNCED if by_power else IN_FLIGHT):
                found.append(end)
        return found

    def duplicates(self):
        """What came twice was under way at a kill, or not synced when the power failed."""
        self.twice, self.oldest, dots = 0, 0.0, collections.defaultdict(set)
        for message_id, got in self.arrived.items():
            for address, times in (got.items() if message_id in self.ledger else ()):
                for (first, transaction), (second, _) in zip(times, times[1:]):
                    self.twice += 1
                    # Between them there may be ends that took the outcome with them, one after the other.
                    ends = self._ends_behind(first, second)
                    if not ends:
                        self.wrong(f"{message_id} came to {address} twice ({first:.3f}, {second:.3f}) and no kill explains it")
                        continue
                    # The one behind it, until that has as many as it can have.
                    end = next((e for e in ends if transaction in dots[e] or len(dots[e]) < stage.CONNECTIONS), ends[0])
                    self.oldest = max(self.oldest, end - first)
                    dots[end].add(transaction)
        self.dots = sum(len(d) for d in dots.values())
        self.most_dots = max((len(d) for d in dots.values()), default=0)
        self.bound = len(self.ends) * (stage.CONNECTIONS + stage.HANDFUL)
        if not self.with_power and self.most_dots > stage.CONNECTIONS + stage.HANDFUL:
            self.wrong(f"{self.most_dots} transactions came again after one kill")

    def figures(self):
        recipients = sum(len(g) for g in self.arrived.values())
        posts = self.traffic.posts
        self.log(f"posts {len(posts)}, acknowledged {sum(p.acknowledged is not None for p in posts)}, "
                 f"tries {sum(p.tries for p in posts)}; recipients {recipients}; changes of membership "
                 f"{sum(len(c) for c in self.traffic.churn.values())}")
        again = [p for p in posts if p.unread]
        repeated = self.world.log_lines_with(" duplicate ")
        self.log(f"senders that did not get the reply to their final dot and tried again: {len(again)}; told that it was there "
                 f"already: {repeated + sum('duplicate' in r for p in posts for r in p.replies[1:])}; "
                 f"distributed twice: {sum('distributed twice' in b for b in self.broken)}")
        bound = "outcomes of the last second" if self.with_power else \
            f"bound {self.bound}: {stage.CONNECTIONS} final dots and {stage.HANDFUL} at each end"
        self.log(f"transactions that came again {self.dots}, at most {self.most_dots} after one end ({bound}); recipients "
                 f"{self.twice}; the oldest arrived {self.oldest:.2f} s before the end")
        self.log(f"arrived, cut off from the reply, and left or expired before it could be sent again: {self.cut_off}")
        if self.traffic.people:
            held = [p for p in posts if p.list == self.world.moderated]
            self.log(f"decided by a moderator {len(held)}, of these rejected {sum(p.rejected for p in held)}; joined by confirming "
                     f"{self.traffic.people.joined}; left by the link {len(self.traffic.people.left)}")
        self.log(f"lost {sum('did not reach' in b for b in self.broken)}")
