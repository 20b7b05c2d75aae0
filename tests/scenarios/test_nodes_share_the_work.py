"""Nodes on one database: any accepts, all know at once, a big post is everybody's, a small one stays; and they drain."""

import time
import unittest

from support import essaim, nodes, processes, sink


class NodesShareTheWork(nodes.Nodes):
    sink_options = ("--delay", "20")

    def test_any_accepts_and_all_deliver(self):
        one = self.node("one")
        two = self.node("two")
        members = [f"m{i}@d{i % 50}.example" for i in range(12_000)]
        one.make_list("big@lists.example", members, post="anyone")
        # A list that one has made is there on the other with the next word, and a member is one.
        one.make_list("small@lists.example", ["ann@a.example"], post="members")
        refused = two.post("bob@b.example", "small@lists.example", essaim.message("bob@b.example", "small@lists.example"))
        self.assertEqual(550, refused[0], refused)
        one.run("member", "add", "small@lists.example", "bob@b.example")
        accepted = two.post("bob@b.example", "small@lists.example", essaim.message("bob@b.example", "small@lists.example"))
        self.assertEqual(250, accepted[0], accepted)
        two.wait_finished(two.queue_id(accepted))
        self.assertEqual((0, 2), (self.delivered_by(one), self.delivered_by(two)), "a small post stays where it came in")
        for node in (one, two):  # until then it takes all for itself
            self.wait_for_log(node, 'nodes-at-work nodes="1, 2"')
        # The same message again, at the other node: it is known.
        text = essaim.message(nodes.AUTHOR, "big@lists.example", message_id="<again@client.example>")
        first = one.post(nodes.AUTHOR, "big@lists.example", text)
        again = two.post(nodes.AUTHOR, "big@lists.example", text)
        self.assertEqual((250, 250), (first[0], again[0]))
        self.assertEqual(one.queue_id(first), one.queue_id(again))

        processes.wait_for("both to deliver", lambda: self.delivered_by(one) > 0 and self.delivered_by(two) > 2)
        owners = {batch["node"] for batch in one.json("queue", "list")["batches"] if batch["state"] == "active"}
        ledger = one.wait_finished(one.queue_id(first))
        self.assertEqual(12_000, ledger["counts"]["delivered"])
        counts = self.sink.recipients()
        self.assertEqual(set(members), set(counts) - {"ann@a.example", "bob@b.example"})
        self.assertEqual(12_002, sum(counts.values()), "nobody got it twice")
        self.assertLessEqual(owners, {1, 2})
        self.assertEqual({"one": "serving", "two": "serving"}, self.states(one))

    def test_a_node_that_has_stopped_is_forgotten_when_it_is_told_so(self):
        one = self.node("one")
        two = self.node("two")
        one.run("node", "delete", "two.lists.example", check=False)
        self.assertEqual((1, True), (one.last.returncode, "is serving" in one.last.stderr), one.last)
        self.assertEqual(0, two.stop())
        one.run("node", "delete", "two.lists.example")
        self.assertEqual({"one": "serving"}, self.states(one))
        two.start()
        self.assertEqual([1, 3], [node["number"] for node in one.json("node", "list")], "no number is given twice")

    def test_a_node_that_starts_takes_of_a_rate_what_it_may_take_if_all_start_with_it(self):
        rule = '[[destination]]\nmatch = ["*"]\nrate = "60/s"\nconnections = 60\n'
        one, *others = (self.node(name, extra=rule, delivery="connections_initial = 20\n") for name in ("one", "two", "three"))
        one.make_list("big@lists.example", [f"m{i}@d{i % 50}.example" for i in range(3_000)], post="anyone")
        one.run("queue", "suspend", "--reason", "until all have stopped")
        self.post(one, "big@lists.example")
        for node in (one, *others):
            node.stop()
        one.run("queue", "resume")

        def begins():
            """How many it sends in the first moment: a second's worth of its part is there at once."""
            before = len(self.sink.receipts())
            one.start()
            processes.wait_for("mail", lambda: len(self.sink.receipts()) > before)
            time.sleep(1)
            one.stop()
            times = sorted(int(receipt.time) for receipt in self.sink.receipts()[before:])
            return sum(1 for at in times if at < times[0] + 300)

        # Where the machine was busy some may have come together.
        self.assertLess(min(begins() for _ in range(3)), 50, "20 and what the rate adds")

    def test_a_post_that_is_held_on_one_stops_on_all(self):
        one = self.node("one")
        two = self.node("two")
        members = [f"m{i}@d{i % 50}.example" for i in range(12_000)]
        one.make_list("big@lists.example", members, post="anyone")
        for node in (one, two):
            self.wait_for_log(node, 'nodes-at-work nodes="1, 2"')
        post = one.queue_id(one.post(nodes.AUTHOR, "big@lists.example", essaim.message(nodes.AUTHOR, "big@lists.example")))
        processes.wait_for("both to deliver", lambda: self.delivered_by(one) > 0 and self.delivered_by(two) > 2)
        held = one.json("queue", "hold", post)
        self.assertEqual(1, held["posts"], held)

        def at_rest():
            return not [b for b in one.json("queue", "list")["batches"] if b["state"] == "active"]

        processes.wait_for("the batches to come back from both", at_rest)
        sent = sum(self.sink.recipients().values())
        time.sleep(3)
        self.assertEqual(sent, sum(self.sink.recipients().values()), "nothing of it goes out")
        self.assertLess(sent, 12_000)
        self.assertEqual(0, one.json("queue", "hold", post)["busy"])
        # A part of it is deleted at the other node, while both deliver again.
        one.run("queue", "release", post)
        processes.wait_for("some more", lambda: sum(self.sink.recipients().values()) > sent)
        deleted = two.json("queue", "delete", post)
        counts = one.wait_finished(post)["counts"]
        self.assertGreater(deleted["recipients"], 0)
        self.assertEqual(12_000, counts["delivered"] + counts["suppressed"])
        self.assertEqual(deleted["recipients"], counts["suppressed"])
        self.assertEqual(counts["delivered"], sum(self.sink.recipients().values()), "nobody got it twice")

    def test_what_is_tried_again_at_one_is_tried_again_at_all(self):
        one = self.node("one")
        two = self.node("two")
        one.make_list("dev@lists.example", ["ann@a.example"], post="anyone")
        for node in (one, two):
            self.wait_for_log(node, 'nodes-at-work nodes="1, 2"')
        address = self.sink.addresses[0]
        self.sink.stop()

        def dead(node):
            return [d for d in node.json("destination", "list")["destinations"] if d["state"].startswith("suspended")]

        posts = []
        for node in (one, two):
            posts.append(self.post(node, "dev@lists.example"))
            processes.wait_for("the destination to be found dead", lambda: dead(node))
        self.sink = self.started(sink.Sink(self.folder, listen=(address,)))
        one.run("queue", "retry", "--all")
        # By itself each would wait for most of a minute.
        processes.wait_for("it to be forgotten at both", lambda: not dead(one) and not dead(two), timeout=40)
        for post in posts:
            self.assertEqual(1, one.wait_finished(post)["counts"]["delivered"])

    def test_a_newer_program_migrates_while_older_ones_work(self):
        one = self.node("one")
        two = self.node("two")
        one.make_list("dev@lists.example", ["ann@a.example"], post="anyone")
        one.run("node", "drain", "two.lists.example")
        self.wait_for_log(two, "draining")
        two.stop()
        # What the step of a newer program does: it adds, and says that these programs go on beside it.
        self.database.execute("ALTER TABLE post ADD COLUMN of_later BIGINT NOT NULL DEFAULT 7; CREATE TABLE of_later (id BIGINT);"
                              "UPDATE meta SET value = value + 1 WHERE name = 'schema-version'", "essaim")
        one.wait_finished(self.post(one, "dev@lists.example"))
        one.stop()
        one.start()  # an older one may be started again, too
        one.wait_finished(self.post(one, "dev@lists.example"))
        self.assertEqual(2, self.sink.recipients()["ann@a.example"])
        # A step that does more than add: they are refused, and told why.
        self.database.execute("UPDATE meta SET value = 1000 WHERE name = 'works-with'", "essaim")
        one.stop()
        one.run("serve", check=False)
        self.assertNotEqual(0, one.last.returncode)
        self.assertIn("newer than this program's", one.last.stdout + one.last.stderr)

    def test_a_node_is_drained_and_comes_back(self):
        one = self.node("one")
        two = self.node("two")
        one.make_list("dev@lists.example", ["ann@a.example"], post="anyone")
        one.run("node", "drain", "two.lists.example")
        self.wait_for_log(two, "draining")
        self.assertEqual({"one": "serving", "two": "draining"}, self.states(one))
        with self.assertRaises(Exception) as caught:
            two.client()
        self.assertIn("421", str(caught.exception))
        one.run("node", "undrain", "2")
        self.wait_for_log(two, "drain-over")
        self.post(two, "dev@lists.example")
        processes.wait_for("the post", lambda: self.sink.recipients()["ann@a.example"] == 1)
        two.stop()
        self.assertEqual("stopped", self.states(one)["two"])
        self.assertNotEqual("", one.run("node", "drain", "nobody", check=False) + one.last.stderr)


if __name__ == "__main__":
    unittest.main()
