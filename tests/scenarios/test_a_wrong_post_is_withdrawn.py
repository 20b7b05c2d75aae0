"""A wrong post is going out, and its deletion reaches everybody but those to whom it is being transmitted just then."""

import time
import unittest

from support import essaim, processes, sink

LIST = "all@lists.example"
MEMBERS = 3000  # three batches
SLOW = 12  # seconds, of one recipient in each batch: longer than a recall waits


class WrongPost(processes.Scenario):
    def test_nobody_gets_it_behind_the_command(self):
        provider = self.started(sink.Sink(self.folder, rules=[f"rcpt@u?000@*=delay:{SLOW * 1000}"], options=["--latency", "300"]))
        server = self.started(essaim.Essaim(self.folder, smarthost=provider.addresses[0],
                                            delivery="connections_per_destination = 3\nconnections_initial = 3\n"))
        server.make_list(LIST, [f"u{i:04}@a.example" for i in range(MEMBERS)], post="anyone")
        post = server.queue_id(server.post("x@client.example", LIST, essaim.message("x@client.example", LIST)))
        provider.wait_for(1)
        deleted = server.json("queue", "delete", post, "--reason", "wrong")
        self.assertEqual(0, deleted["busy"], deleted)
        counts = server.wait_finished(post)["counts"]
        self.assertGreater(counts["suppressed"], 0)
        self.assertEqual(MEMBERS, counts["suppressed"] + counts["delivered"])
        self.assertEqual(counts["suppressed"], deleted["recipients"])
        time.sleep(2)
        self.assertEqual(counts["delivered"], sum(provider.recipients().values()))


if __name__ == "__main__":
    unittest.main()
