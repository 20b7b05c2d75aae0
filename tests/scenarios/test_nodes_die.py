"""Nodes that are killed, stopped and continued, and a database that goes away: nothing acknowledged is lost, what comes twice
is explained, and others go on with the work."""

import shutil
import signal
import unittest

from support import essaim, nodes, processes

MEMBERS = [f"m{i}@d{i % 20}.example" for i in range(6_000)]


class NodesDie(nodes.Nodes):
    sink_options = ("--delay", "40")

    def begin(self, *names):
        started = [self.node(name) for name in names]
        started[0].make_list("big@lists.example", MEMBERS, post="anyone")
        # Whoever has not heard of the other yet takes all that there is.
        everybody = ", ".join(str(number + 1) for number in range(len(names)))
        for node in started:
            self.wait_for_log(node, f'nodes-at-work nodes="{everybody}"')
        return started

    def finished(self, node, queue_id):
        ledger = node.wait_finished(queue_id, timeout=processes.PATIENCE)
        counts = self.sink.recipients()
        self.assertEqual(set(MEMBERS), set(counts), "nobody is left out")
        self.assertEqual(len(MEMBERS), ledger["counts"]["delivered"])
        return sum(counts.values()) - len(MEMBERS)

    def test_killed(self):
        one, two = self.begin("one", "two")
        queue_id = self.post(one, "big@lists.example")
        processes.wait_for("progress of both", lambda: self.delivered_by(one) > 200 and self.delivered_by(two) > 200)
        one.kill()
        self.wait_for_log(two, "node-taken-over")
        one.start()
        duplicates = self.finished(two, queue_id)
        # What was in flight, and what the database did not know of open batches: 500 outcomes or two seconds each.
        self.assertLessEqual(duplicates, 40 + 500 * 8)
        self.assertEqual({"one": "serving", "two": "serving"}, self.states(two))

    def test_killed_while_taking_over(self):
        """Before the dead one is fenced, and behind that; nobody else is there to end it."""
        one, two = self.begin("one", "two")
        for point in ("take-over.before-commit", "take-over.fenced"):
            with self.subTest(point):
                two.stop()
                two.environment["ESSAIM_CRASH_AT"] = point
                two.start()
                before = self.delivered_by(one)
                queue_id = self.post(one, "big@lists.example")
                processes.wait_for("progress", lambda: self.delivered_by(one) > before + 200)
                one.kill()
                processes.wait_for("the end of the other", lambda: not two.process.running())
                self.assertEqual(-signal.SIGKILL, two.process.process.returncode)
                del two.environment["ESSAIM_CRASH_AT"]
                two.start()
                fenced = point == "take-over.fenced"
                if fenced:  # it recovers what was its own; while it stays away, a job does within five minutes
                    one.start()
                self.finished(two, queue_id)
                if not fenced:
                    one.start()
        self.assertEqual({"one": "serving", "two": "serving"}, self.states(two))

    def test_stopped_and_continued(self):
        one, two = self.begin("one", "two")
        queue_id = self.post(one, "big@lists.example")
        processes.wait_for("progress of both", lambda: self.delivered_by(one) > 200 and self.delivered_by(two) > 200)
        self.pause(one)
        self.wait_for_log(two, "node-taken-over")
        seen = len(one.process.output())
        self.go_on(one)
        self.wait_for_log(one, "new-epoch", since=seen)
        # Between its awakening and its new epoch it may have ended what was under way: one message on each connection.
        output = one.process.output()[seen:]
        late = output[:output.index("new-epoch")].count(" delivered id=")
        self.assertLessEqual(late, 20)
        self.wait_for_log(one, "listening", since=seen)
        self.finished(two, queue_id)
        self.assertEqual({"one": "serving", "two": "serving"}, self.states(two))
        self.post(one, "big@lists.example")

    def test_two_servers_of_one_name(self):
        """The newcomer ends, and the elder serves on. One that has a copy of the elder's state directory ends the elder, once."""
        one = self.node("one")
        one.make_list("dev@lists.example", MEMBERS[:50], post="anyone")
        other = essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], database=self.database.url(timeout=3), name="other",
                              hostname="one.lists.example", start=False, listen=f'[cluster]\nlease = "{nodes.LEASE}s"\n')

        def ends(server):
            server.run("serve", check=False)
            self.assertEqual(3, server.last.returncode, server.last.stderr)
            self.assertIn("another server runs under the host name one.lists.example", server.last.stderr)

        ends(other)
        queue_id = self.post(one, "dev@lists.example")
        one.wait_finished(queue_id)
        self.assertEqual([1] * 50, list(self.sink.recipients().values()))
        self.assertNotIn("node-fenced", one.process.output())
        # Killed, it comes back at once.
        one.kill()
        one.start()
        self.assertNotIn("host-name-watched", one.process.output())
        # A copy of the machine.
        shutil.copy(one.folder / "state/last-start", other.folder / "state")
        self.started(other.start())
        self.assertEqual(3, one.process.process.wait(60))
        self.assertIn("node-fenced", one.process.output())
        self.assertNotIn("new-epoch", one.process.output())
        ends(one)
        self.post(other, "dev@lists.example")
        # Of one that was killed elsewhere the name is free; whoever waits for that can be told to end.
        other.kill()
        seen = len(one.process.output())
        waiting = processes.Process("essaim", [processes.BUILD / "essaim", "serve", "--config", one.config], one.log, env=one.environment)
        self.wait_for_log(one, "host-name-watched", since=seen)
        self.assertEqual(0, waiting.stop())
        self.assertNotIn("node-begun", one.process.output()[seen:])
        one.start()
        self.assertEqual({"one": "serving"}, self.states(one))

    def test_the_database_goes_away_and_comes_back(self):
        one, two = self.begin("one", "two")
        queue_id = self.post(one, "big@lists.example")
        processes.wait_for("progress of both", lambda: self.delivered_by(one) > 200 and self.delivered_by(two) > 200)
        self.database.kill()
        self.wait_for_log(one, "node-lease-over")
        said = one.process.output()
        self.assertIn(" sending-paused ", said[:said.index("node-lease-over")], "what others may send again is not added to until then")
        reply = one.post("y@client.example", "big@lists.example", "Subject: x\r\n\r\nx\r\n")
        self.assertEqual(4, reply[0] // 100, reply)
        self.database.start()
        self.assertEqual(0, self.finished(one, queue_id), "nothing comes twice")
        self.assertIn(" sending-goes-on ", one.process.output())
        for node in (one, two):
            self.assertNotIn("node-dead", node.process.output(), "all were silent alike")
            self.assertNotIn("node-fenced", node.process.output())


if __name__ == "__main__":
    unittest.main()
