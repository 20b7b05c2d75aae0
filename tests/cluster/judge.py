"""What must be true of a cluster in the end: the verdict of the crash harness, with duplicates explained by what happened to
the node that sent first, and no batch with two active owners."""

import bisect
import collections
import datetime
import re

import cluster as cluster_module
import stage
from verdict import Verdict

# Outcomes that a node had not yet written to the database when it was lost (DESIGN 2): two seconds or 500 a batch; and
# what the machine, which is busy, adds.
UNSAVED = 2.0
SLACK = 8.0
LAGS = 2.0
# Behind the last save that the database took: the next one comes within 2.25 s, is waited for 1 s, and that is looked at every
# 0.25 s. And what the machine adds.
PAUSES_WITHIN = 3.5 + 3.0
ALTERNATIONS, ALTERNATE_WITHIN = 4, 2.0  # so many, within seconds: no attempts are so close
SENT = re.compile(r"^(\S+) (?:delivered|sent) id=(\w+) .*? to=([^ ]+)")


def as_number(identity):
    """As the database has it: see core/base/id.h."""
    number = 0
    for digit in identity:
        number = number << 5 | "0123456789abcdefghjkmnpqrstvwxyz".index(digit)
    return number


class ClusterVerdict(Verdict):
    def __init__(self, world, traffic, troubles, log=print):
        super().__init__(world, traffic, [t.began for t in troubles], log=log)
        self.troubles = troubles
        self.read_logs()

    def all(self):
        broken = super().all()
        self.owners()
        self.pauses()
        return broken

    def read_logs(self):
        """Who sent what when: (post id, recipient) -> [(time, node)]."""
        self.sent = collections.defaultdict(list)
        for node in self.world.nodes:
            with open(node.log, encoding="utf-8", errors="replace", newline="\n") as lines:
                for found in filter(None, map(SENT.match, lines)):
                    time, post, recipient = found.groups()
                    at = datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()
                    self.sent[post, recipient].append((at, node.number))

    def _ends_behind(self, at, until):
        """As what a kill cuts off, with troubles, which last until others have taken over."""
        found = self.explanation(at, None)
        return [found.began] if found else []

    def explanation(self, at, nodes):
        """The trouble that may have kept the outcome of `at` from the database; of one of these nodes, if they are known."""
        for trouble in self.troubles:
            if nodes and trouble.nodes and not nodes & set(trouble.nodes):
                continue
            if trouble.began - UNSAVED - SLACK <= at <= trouble.ended + cluster_module.TAKEOVER + SLACK:
                return trouble
        return None

    def duplicates(self):
        self.twice, self.oldest, came_again = 0, 0.0, collections.Counter()
        self.cut_off_at, dots = 0, collections.defaultdict(set)
        for message_id, got in self.arrived.items():
            row = self.ledger.get(message_id)
            for address, times in (got.items() if row else ()):
                for (first, transaction), (second, _) in zip(times, times[1:]):
                    self.twice += 1
                    nodes = {node for at, node in self.sent.get((row["id"], address), []) if at <= first + LAGS}
                    trouble = self.explanation(first, nodes)
                    if trouble is None:
                        self.wrong(f"{message_id} came to {address} twice ({first:.3f}, {second:.3f}), first from {nodes or 'nobody who knows'}, "
                                   "and nothing explains it")
                        continue
                    came_again[id(trouble)] += 1
                    dots[id(trouble)].add(transaction)
                    self.oldest = max(self.oldest, trouble.began - first)
        # One loss of a node: its open batches, up to 500 unsaved outcomes each, and what was under way.
        bound = cluster_module.BATCHES * 500 + stage.CONNECTIONS + stage.HANDFUL
        for trouble in self.troubles:
            if came_again[id(trouble)] > bound * max(1, len(trouble.nodes)):
                self.wrong(f"{came_again[id(trouble)]} recipients got it again because of: {trouble}")
        self.dots = sum(len(d) for d in dots.values())
        self.most_dots, self.bound = max((len(d) for d in dots.values()), default=0), bound
        by_kind = collections.Counter()
        for trouble in self.troubles:
            by_kind[trouble.kind] += came_again[id(trouble)]
        self.log("recipients that got a post again, by what explains it: " + (", ".join(f"{kind} {n}" for kind, n in by_kind.items() if n) or "none"))

    def pauses(self):
        """A node that cannot reach the database begins nothing more, long before its lease ends. What was under way may end."""
        message_ids = {row["id"]: message_id for message_id, row in self.ledger.items()}
        for trouble in self.troubles:
            if not trouble.kind.startswith("wires held"):
                continue
            late = set()
            for (post, recipient), sendings in self.sent.items():
                arrived = self.arrived.get(message_ids.get(post), {}).get(recipient, [])
                for at, node in sendings:
                    if node in trouble.nodes and trouble.began + PAUSES_WITHIN < at < trouble.ended:
                        late.update(transaction for came, transaction in arrived if abs(came - at) <= LAGS)
            if len(late) > stage.CONNECTIONS:
                self.wrong(f"{len(late)} transactions ended more than {PAUSES_WITHIN} s after the node had been cut off: {trouble}")

    def owners(self):
        """A batch goes from node to node with a takeover or between attempts. Two that had it at once would send in turns."""
        batches = collections.defaultdict(list)
        ids = {row["id"]: row for row in self.ledger.values()}
        for post, number, first, last in self.world.sql("SELECT post_id, number, first_key, last_key FROM batch"):
            batches[post].append((first, last, number))
        activity = collections.defaultdict(lambda: collections.defaultdict(list))  # batch -> node -> times
        for (post, recipient), sendings in self.sent.items():
            if post not in ids:
                continue
            local, _, domain = recipient.rpartition("@")
            key = f"{domain} {local}"
            spans = sorted(batches[as_number(post)])
            place = bisect.bisect_right([first for first, _, _ in spans], key) - 1
            for at, node in sendings:
                activity[post, place][node].append(at)
        shared = 0
        for batch, by_node in activity.items():
            shared += len(by_node) > 1
            sendings = sorted((at, node) for node, times in by_node.items() for at in times)
            changes = [at for (_, one), (at, other) in zip(sendings, sendings[1:]) if one != other]
            for first, last in zip(changes, changes[ALTERNATIONS - 1:]):
                if last < first + ALTERNATE_WITHIN:
                    self.wrong(f"batch {batch} was sent by nodes {sorted(by_node)} in turns, {ALTERNATIONS} times from {first:.3f} to {last:.3f}")
                    break
        if not activity:
            self.wrong("no batch was found in the logs")
        self.log(f"batches whose recipients were served by more than one node, one after the other: {shared} of {len(activity)}")
