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


if __name__ == "__main__":
    unittest.main()
