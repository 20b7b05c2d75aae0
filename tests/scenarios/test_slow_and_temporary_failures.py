"""Greylisting, refusals for now, hanging and broken hosts: tried again, given up in the end, and nobody else waits."""

import unittest

from support import dns, essaim, processes, sink

ZONE = "".join(f"{name} IN MX 10 mx.{name}\nmx.{name} IN A 127.1.0.{number}\n"
               for number, name in enumerate(["quick", "grey", "hangs", "resets", "floods", "garbage", "busy"], start=1))
FAST_RETRY = 'retry_initial = "1s"\nretry_max = "2s"\ncommand_timeout = "3s"'


class SlowAndTemporaryFailures(processes.Scenario):
    def serve(self, rules, delivery=FAST_RETRY, members=(), sink_options=(), **settings):
        self.port = processes.free_port()
        server = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.1.0.{i}:{self.port}" for i in range(1, 8)], rules=rules,
                                           options=sink_options))
        self.essaim = self.started(essaim.Essaim(self.folder, dns=server.address, mx_port=self.port, delivery=delivery))
        self.essaim.make_list("dev@lists.example", members, post="anyone", **settings)

    def post(self, list_="dev@lists.example"):
        reply = self.essaim.post("x@client.example", list_, essaim.message("x@client.example", list_))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def test_greylisting_costs_a_second_attempt(self):
        members = [f"m{i}@grey.example" for i in range(20)]
        self.serve(["rcpt@*@grey.example=first:1:450 4.7.1 greylisted, come back"], members=members)
        ledger = self.essaim.wait_finished(self.post())
        self.assertEqual(20, ledger["counts"]["delivered"])
        self.assertEqual({m: 1 for m in members}, dict(self.sink.recipients()))
        self.assertTrue(all(row["attempts"] == 2 for row in ledger["recipients"]), ledger["recipients"])

    def test_hosts_that_hang_reset_flood_or_talk_nonsense_hold_up_nobody(self):
        bad = ["hangs", "resets", "floods", "garbage"]
        members = [f"m{i}@quick.example" for i in range(50)] + [f"m{i}@{name}.example" for name in bad for i in range(5)]
        self.serve([f"ehlo@127.1.0.3:*=hang", "rcpt@*@resets.example=reset", "rcpt@*@floods.example=flood",
                    "mail@*=delay:1", "connect@127.1.0.6:*=garbage"], members=members)
        queue_id = self.post()
        self.sink.wait_for(50)
        def deferred():
            rows = self.essaim.json("post", "show", queue_id)["recipients"]
            states = {row["recipient"]: row["state"] for row in rows}
            return all(states[f"m0@{name}.example"] == "deferred" for name in bad) and rows
        rows = processes.wait_for("deferrals", deferred)
        self.assertTrue(all(row["reply"] for row in rows), rows)

    def test_what_cannot_be_delivered_in_its_lifetime_has_failed(self):
        self.serve(["rcpt@*@busy.example=450 4.2.1 mailbox busy"], members=["m@busy.example"], expire="3s")
        ledger = self.essaim.wait_finished(self.post())
        self.assertEqual(1, ledger["counts"]["failed"])
        self.assertIn("4.4.7", ledger["recipients"][0]["reply"] + str(ledger["recipients"][0]))

    def test_a_post_to_five_is_not_behind_a_post_to_ten_thousand(self):
        big = [f"m{i}@quick.example" for i in range(10_000)]
        # A provider that takes 20 ms for each: the big post needs ten seconds, whatever this machine does.
        self.serve([], members=big, sink_options=["--latency", "20"])
        self.essaim.make_list("small@lists.example", [f"s{i}@quick.example" for i in range(5)], post="anyone")
        self.post()
        self.sink.wait_for(500)
        self.post("small@lists.example")
        processes.wait_for("the small post", lambda: sum(r.recipient.startswith("s") for r in self.sink.receipts()) == 5)
        position = max(i for i, r in enumerate(self.sink.receipts()) if r.recipient.startswith("s"))
        self.assertLess(position, 5_000, "the small post overtook the big one")


if __name__ == "__main__":
    unittest.main()
