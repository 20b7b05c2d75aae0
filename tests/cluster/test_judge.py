"""The judge of a cluster, shown small worlds: what it must call wrong, and what a trouble explains."""

import collections
import datetime
import pathlib
import sys
import tempfile
import types
import unittest

for folder in ("../scenarios", "../crash"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / folder))

import judge  # noqa: E402
from troubles import Trouble  # noqa: E402

POST = "0123456789abc"
LIST = "small@lists.example"
MEMBER = "m1@a.example"
BEGAN = 1_000_000.0  # of the only trouble


class World:
    """One post of one list to one member; the ledger has it in the state, and the sink has it at these times."""

    fleeting = None

    def __init__(self, folder, state, times):
        log = pathlib.Path(folder) / "node.log"
        log.write_text("")
        self.nodes = [types.SimpleNamespace(log=log, number=1)]
        self.lists = {LIST: [MEMBER]}
        self.server = self
        self.state, self.times = state, times

    def receipts(self):
        return [types.SimpleNamespace(time=int(at * 1000), message_id="<1@x>", recipient=MEMBER, transaction=str(n))
                for n, at in enumerate(self.times)]

    def json(self, _, what, *_arguments):
        counts = collections.Counter({"accepted": 1, self.state: 1})
        row = {"id": POST, "message_id": "<1@x>", "list": LIST, "expanded": True, "counts": counts}
        return [row] if what == "find" else {"recipients": [{"recipient": MEMBER, "state": self.state}]}


def wrong(state, times, member_left=False):
    """What the judge says of sums and duplicates."""
    traffic = types.SimpleNamespace(posts=[types.SimpleNamespace(message_id="<1@x>")], churn={}, people=None)
    if member_left:
        traffic.churn[LIST, MEMBER] = [("add", 0, 1.0, True), ("remove", 0, BEGAN + 100, True)]
    with tempfile.TemporaryDirectory() as folder:
        verdict = judge.ClusterVerdict(World(folder, state, times), traffic, [Trouble("node killed", (1,), BEGAN, BEGAN + 1)],
                                       log=lambda _: None)
        verdict.read_ledger()
        verdict.sums()
        verdict.duplicates()
        return verdict.broken


class Judge(unittest.TestCase):
    def test_one_copy_that_both_know_of(self):
        self.assertEqual(wrong("delivered", [BEGAN - 500]), [])

    def test_a_copy_that_the_ledger_has_and_the_sink_has_not(self):
        self.assertIn("the ledger has 1 delivered, the sink 0", wrong("delivered", [])[0])

    def test_a_copy_to_somebody_who_left_while_the_node_was_killed(self):
        self.assertEqual(wrong("suppressed", [BEGAN - 1], member_left=True), [])

    def test_the_same_long_before_any_trouble(self):
        self.assertIn("no kill came between", wrong("suppressed", [BEGAN - 500], member_left=True)[0])

    def test_the_same_to_somebody_who_stayed(self):
        self.assertIn("nothing explains it", wrong("suppressed", [BEGAN - 1])[0])

    def test_two_copies_around_a_trouble(self):
        self.assertEqual(wrong("delivered", [BEGAN - 1, BEGAN + 20]), [])

    def test_two_copies_long_before_any_trouble(self):
        self.assertIn("nothing explains it", wrong("delivered", [BEGAN - 500, BEGAN - 490])[0])

    def test_a_node_that_sends_on_while_it_is_cut_off(self):
        for sent, broken in ((judge.stage.CONNECTIONS, 0), (judge.stage.CONNECTIONS + 1, 1)):
            for began, expected in ((BEGAN, broken), (BEGAN + 100, 0)):
                self.assertEqual(expected, len(cut_off(began, sent)), (sent, began))


def cut_off(began, transactions):
    """What the judge says of so many that ended 7 seconds behind BEGAN, of a node that was cut off for ten."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder, "delivered", [])
        stamp = datetime.datetime.fromtimestamp(BEGAN + 7, datetime.timezone.utc).isoformat()
        world.nodes[0].log.write_text("".join(f"{stamp} delivered id={POST} list={LIST} to=m{n}@a.example relay=a\n" for n in range(transactions)))
        world.receipts = lambda: [types.SimpleNamespace(time=int((BEGAN + 7) * 1000), message_id="<1@x>", recipient=f"m{n}@a.example", transaction=str(n))
                                  for n in range(transactions)]
        traffic = types.SimpleNamespace(posts=[types.SimpleNamespace(message_id="<1@x>")], churn={}, people=None)
        verdict = judge.ClusterVerdict(world, traffic, [Trouble("wires held", (1,), began, began + 10)], log=lambda _: None)
        verdict.read_ledger()
        verdict.pauses()
        return verdict.broken


if __name__ == "__main__":
    unittest.main()
