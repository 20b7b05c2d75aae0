"""The main job: a post comes in from Postfix, and every member's mail exchanger, found by MX, gets it."""

import subprocess
import unittest

from support import dns, essaim, exim, postfix, processes, sink

ZONE = """
a IN MX 10 mx.a
mx.a IN A 127.1.0.1
b IN MX 10 mx.b
mx.b IN A 127.1.0.2
c IN MX 10 mx.c
mx.c IN A 127.1.0.3
"""


class MainJob(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.1.0.1:{self.port}"]))
        self.exim = self.started(exim.Exim(self.folder, "127.1.0.3", self.port, ["c.example"]))
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.port))
        self.postfix = self.started(postfix.Postfix(self.folder, "127.1.0.2", self.port, ["b.example"],
                                                    relayhost=f"[127.0.0.1]:{self.essaim.port}"))

    def test_posts_from_postfix_reach_sink_postfix_and_exim(self):
        members = ["ann@a.example", "bob@b.example", "Cem <cem@c.example>", "dia@a.example"]
        self.essaim.make_list("dev@lists.example", members, subject_tag="[dev]", footer="-- the dev list")
        # The author's own server takes the mail and relays it to us.
        import smtplib

        with smtplib.SMTP("127.1.0.2", self.port) as client:
            client.sendmail("bob@b.example", ["dev@lists.example"],
                            essaim.message("Bob <bob@b.example>", "dev@lists.example", message_id="<main-job@b.example>"))
        receipts = self.sink.wait_for(2)
        self.assertEqual({"ann@a.example": 1, "dia@a.example": 1}, dict(self.sink.recipients()))
        processes.wait_for("mail in Postfix", self.postfix.messages)
        processes.wait_for("mail in Exim", self.exim.messages)

        posts = self.essaim.json("post", "find", "--message-id", "<main-job@b.example>")
        self.assertEqual(1, len(posts))
        ledger = self.essaim.wait_finished(posts[0]["id"])
        self.assertEqual({"accepted": 4, "delivered": 4, "failed": 0, "suppressed": 0, "pending": 0}, ledger["counts"])

        message = self.sink.message(receipts[0])
        self.assertEqual("[dev] Bees", message["Subject"])
        self.assertIn("<dev.lists.example>", message["List-Id"])
        self.assertIn("-- the dev list", message.get_content())
        senders = {receipt.sender for receipt in receipts}
        self.assertEqual(2, len(senders), "each member has an envelope sender of its own")
        for raw in self.postfix.messages() + self.exim.messages():
            self.assertIn(b"<main-job@b.example>", raw)
            self.assertIn(b"The swarm moves on.", raw)
        self.assertIn(b"Envelope-to: cem@c.example", self.exim.messages()[0])

    def test_identical_copies_go_out_together(self):
        members = [f"m{i}@a.example" for i in range(150)]
        self.essaim.make_list("news@lists.example", members, envelope="common", post="anyone")
        reply = self.essaim.post("x@client.example", "news@lists.example",
                                 essaim.message("x@client.example", "news@lists.example"))
        self.assertEqual(250, reply[0], reply)
        ledger = self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual(150, ledger["counts"]["delivered"])
        receipts = self.sink.receipts()
        self.assertEqual({f"m{i}@a.example": 1 for i in range(150)}, dict(self.sink.recipients()))
        self.assertEqual(2, len({receipt.transaction for receipt in receipts}), "100 and 50 recipients")


if __name__ == "__main__":
    unittest.main()
