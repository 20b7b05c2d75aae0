"""What is not wanted is refused before it is taken, with the rule named; what was seen before is not sent twice."""

import unittest

from support import dns, essaim, processes, sink

AUTHOR = "ann@a.example"
LIST = "dev@lists.example"


class RefusedInTheDialogue(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [AUTHOR, "bob@b.example"])

    def refused(self, code, enhanced, sender, recipient, message):
        reply = self.essaim.post(sender, recipient, message)
        self.assertEqual(code, reply[0], reply)
        self.assertTrue(reply[1].startswith(enhanced), reply)
        return reply[1]

    def test_unknown_and_foreign_recipients_and_closed_lists(self):
        text = essaim.message(AUTHOR, LIST)
        self.refused(550, "5.1.1", AUTHOR, "nobody@lists.example", text)
        self.refused(550, "5.7.1", AUTHOR, "x@elsewhere.example", text)
        self.refused(550, "5.1.1", AUTHOR, "bounce+00000000000010000000000001abcdefghjk@lists.example", text)
        self.essaim.run("list", "close", LIST)
        self.assertIn("closed", self.refused(550, "5.7", AUTHOR, LIST, text))
        self.essaim.run("list", "open", LIST)
        self.assertEqual(250, self.essaim.post(AUTHOR, LIST, text)[0])

    def test_strangers_null_senders_and_loops_at_the_end_of_data(self):
        self.assertIn("member", self.refused(550, "5.7", "eve@x.example", LIST, essaim.message("eve@x.example", LIST)))
        self.refused(550, "5.7", "", LIST, essaim.message(AUTHOR, LIST))
        self.refused(554, "5.4.6", AUTHOR, LIST, essaim.message(AUTHOR, LIST, extra="List-Id: <dev.lists.example>\n"))
        hops = "".join(f"Received: from a by b id {i}; Sun, 22 Nov 2026 18:52:04 +0000\n" for i in range(101))
        self.refused(554, "5.4.6", AUTHOR, LIST, hops + essaim.message(AUTHOR, LIST))
        self.assertEqual([], self.sink.receipts())

    def test_the_same_post_again_gets_the_first_id_and_goes_out_once(self):
        text = essaim.message(AUTHOR, LIST)
        first = self.essaim.post(AUTHOR, LIST, text)
        self.essaim.wait_finished(self.essaim.queue_id(first))
        again = self.essaim.post(AUTHOR, LIST, text)
        self.assertEqual((250, self.essaim.queue_id(first)), (again[0], self.essaim.queue_id(again)))
        other = self.essaim.post(AUTHOR, LIST, essaim.message(AUTHOR, LIST))
        self.essaim.wait_finished(self.essaim.queue_id(other))
        self.assertEqual({AUTHOR: 2, "bob@b.example": 2}, dict(self.sink.recipients()))

    def test_only_crlf_dot_crlf_ends_a_message(self):
        import socket

        self.essaim.run("list", "set", LIST, "post=anyone")
        for ending in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r\n\x00.\r\n"):
            with socket.create_connection(("127.0.0.1", self.essaim.port), timeout=120) as connection:
                lines = connection.makefile("rwb", buffering=0)

                def say(bytes_, answer):
                    lines.write(bytes_)
                    reply = lines.readline()
                    while reply[3:4] == b"-":
                        reply = lines.readline()
                    self.assertTrue(reply.startswith(answer), (bytes_, reply))

                say(b"", b"220")
                say(b"EHLO x\r\n", b"250")
                say(b"MAIL FROM:<ann@a.example>\r\n", b"250")
                say(b"RCPT TO:<dev@lists.example>\r\n", b"250")
                say(b"DATA\r\n", b"354")
                smuggled = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<dev@lists.example>\r\nDATA\r\nFrom: evil@x.example\r\n\r\nx"
                say(b"From: ann@a.example\r\nMessage-ID: <s" + ending.hex().encode() + b"@a.example>\r\n\r\nbody" + ending
                    + smuggled + b"\r\n.\r\n", b"55")
        self.assertEqual([], self.sink.receipts())


if __name__ == "__main__":
    unittest.main()
