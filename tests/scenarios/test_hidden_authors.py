"""A list that hides its authors: what goes over the wire to members says nothing of who wrote; the ledger does."""

import unittest

from support import essaim, processes, sink

AUTHOR = "zoe@author.example"


class HiddenAuthors(processes.Scenario):
    def test_what_members_get_says_nothing_of_who_wrote(self):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        for number, envelope in enumerate(("personal", "common"), 1):
            with self.subTest(envelope=envelope):
                to = f"{envelope}@lists.example"
                self.essaim.make_list(to, ["m@a.example"], post="anyone", anonymous="true", envelope=envelope, footer="-- the list")
                reply = self.essaim.post(AUTHOR, to, essaim.message(f"Zoë <{AUTHOR}>", f"{to}, {AUTHOR}", body="The swarm moves on.\n",
                                                                    extra=f"Reply-To: {AUTHOR}\nX-Sender: {AUTHOR}\n"))
                self.assertEqual(250, reply[0], reply)
                receipt = self.sink.wait_for(number)[-1]
                self.assertNotIn("author.example", receipt.sender)
                text = self.sink.message_bytes(receipt)
                self.assertNotIn(b"author.example", text.lower())
                self.assertNotIn(b"Received:", text)
                message = self.sink.message(receipt)
                self.assertEqual(f"{envelope} <{to}>", message["From"])
                self.assertIn("The swarm moves on.", message.get_content())
                queued = self.essaim.queue_id(reply)
                self.assertEqual(AUTHOR, self.essaim.wait_finished(queued)["author"])
                found = self.essaim.json("post", "find", "--message-id", message["Message-ID"])
                self.assertEqual([queued], [post["id"] for post in found])


if __name__ == "__main__":
    unittest.main()
