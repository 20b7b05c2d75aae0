"""kill -9 while a post goes out: nothing acknowledged is lost, and hardly anything comes twice."""

import unittest

from support import essaim, processes, sink

MEMBERS = 20_000


class KilledInTheMiddle(processes.Scenario):
    def test_every_member_gets_the_post_after_ten_kills(self):
        self.sink = self.started(sink.Sink(self.folder, keep=False))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        members = [f"m{i}@d{i % 100}.example" for i in range(MEMBERS)]
        self.essaim.make_list("big@lists.example", members, post="anyone")
        reply = self.essaim.post("x@client.example", "big@lists.example", essaim.message("x@client.example", "big@lists.example"))
        self.assertEqual(250, reply[0], reply)
        queue_id = self.essaim.queue_id(reply)
        kills = 0
        for target in range(0, 10_000, 1_000):
            try:
                processes.wait_for("progress", lambda: self.sink.process.running() and len(self.sink.receipts()) > target)
            except AssertionError:
                break
            self.essaim.kill()
            kills += 1
            self.essaim.start()
        ledger = self.essaim.wait_finished(queue_id)
        counts = self.sink.recipients()
        self.assertEqual(set(members), set(counts), "nobody is left out")
        self.assertEqual(MEMBERS, ledger["counts"]["delivered"])
        duplicates = sum(counts.values()) - MEMBERS
        print(f"{kills} kills, {duplicates} duplicates")
        self.assertGreaterEqual(kills, 3)
        # The final dots in flight: one on each of the 20 connections that a destination may have, and a handful.
        self.assertLessEqual(duplicates, kills * 25)

    def test_only_what_was_sent_and_not_answered_comes_again(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(
            self.folder, smarthost=self.sink.addresses[0], start=False,
            delivery="connections_initial = 1\nconnections_per_destination = 1\nrecipients_per_transaction = 1"))
        self.essaim.environment["ESSAIM_CRASH_AT"] = "dot.sent:2"
        self.essaim.start()
        members = [f"m{i}@d.example" for i in range(4)]
        self.essaim.make_list("dev@lists.example", members, post="anyone")
        self.essaim.run("queue", "suspend")
        reply = self.essaim.post("x@client.example", "dev@lists.example", essaim.message("x@client.example", "dev@lists.example"))
        self.assertEqual(250, reply[0], reply)
        self.essaim.run("queue", "resume", check=False)  # it may die of that before it answers
        processes.wait_for("its death", lambda: not self.essaim.process.running())
        del self.essaim.environment["ESSAIM_CRASH_AT"]
        self.essaim.start()
        ledger = self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual(4, ledger["counts"]["delivered"])
        counts = self.sink.recipients()
        self.assertEqual(set(members), set(counts))
        self.assertEqual([1, 1, 1, 2], sorted(counts.values()), "the first had its answer, the second had not")


if __name__ == "__main__":
    unittest.main()
