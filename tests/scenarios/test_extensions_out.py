"""ESMTP extensions on the way out: used where they are offered, done without where they are not."""

import unittest

from support import essaim, postfix, processes, sink

TEXT = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n"
EIGHT_BIT = ("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")


class ExtensionsOut(processes.Scenario):
    def serve(self, offer=(), eight_bit=True, members=None, sink_rules=(), delivery="", **settings):
        options = [part for keyword in offer for part in ("--offer", keyword)] + ([] if eight_bit else ["--no-8bitmime"])
        self.sink = self.started(sink.Sink(self.folder, options=options, rules=sink_rules, commands=True))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], delivery=delivery))
        self.members = members or ["a@a.example", "b@b.example", "c@c.example"]
        self.essaim.make_list("dev@lists.example", self.members, post="anyone", **settings)

    def send(self, body="The swarm moves on.\n", extra="", subject="Bees"):
        text = essaim.message("x@client.example", "dev@lists.example", subject=subject, body=body, extra=extra)
        reply = self.essaim.post("x@client.example", "dev@lists.example", text.encode())
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def lines(self, verb):
        return [line for _, _, line in self.sink.commands() if line.startswith(verb)]

    def test_chunks_instead_of_data_and_the_same_message(self):
        self.serve(offer=["CHUNKING"])
        dots = "begin\n.\n..\n.end\n"
        self.essaim.wait_finished(self.send(body=dots))
        self.assertEqual([], self.lines("DATA"))
        self.assertEqual(len(self.members), len(self.lines("BDAT")))
        for receipt in self.sink.receipts():
            self.assertIn(dots, self.sink.message(receipt).get_content().replace("\r\n", "\n"))

    def test_a_host_that_does_not_know_bdat_after_all_gets_data(self):
        self.serve(offer=["CHUNKING"], sink_rules=["data@*=first:1:502 5.5.2 BDAT? what?"], members=["a@a.example"])
        ledger = self.essaim.wait_finished(self.send())
        self.assertEqual(1, ledger["counts"]["delivered"], ledger)
        self.assertEqual((1, 1), (len(self.lines("BDAT")), len(self.lines("DATA"))))
        self.essaim.wait_finished(self.send(body="Another one.\n"))
        self.assertEqual((1, 2), (len(self.lines("BDAT")), len(self.lines("DATA"))))

    def test_chunking_can_be_switched_off(self):
        self.serve(offer=["CHUNKING"], delivery="chunking = false")
        self.essaim.wait_finished(self.send())
        self.assertEqual([], self.lines("BDAT"))

    def test_announced_limits_are_kept(self):
        members = [f"m{i}@a.example" for i in range(30)]
        self.serve(offer=["LIMITS RCPTMAX=4 MAILMAX=2"], members=members, envelope="common")
        self.essaim.wait_finished(self.send())
        self.assertEqual({m: 1 for m in members}, dict(self.sink.recipients()))
        sizes = {}
        for receipt in self.sink.receipts():
            sizes[receipt.transaction] = sizes.get(receipt.transaction, 0) + 1
        self.assertLessEqual(max(sizes.values()), 4, sizes)

    def test_eight_bit_is_declared_where_it_is_known(self):
        self.serve()
        self.essaim.wait_finished(self.send(body=TEXT, extra=EIGHT_BIT))
        self.assertTrue(all("BODY=8BITMIME" in line for line in self.lines("MAIL")), self.lines("MAIL"))
        self.assertIn(TEXT.strip(), self.sink.message(self.sink.receipts()[0]).get_content())

    def test_a_host_without_8bitmime_gets_seven_bits_and_the_same_text(self):
        self.serve(eight_bit=False)
        self.essaim.wait_finished(self.send(body=TEXT, extra=EIGHT_BIT))
        self.assertFalse(any("BODY=" in line for line in self.lines("MAIL")), self.lines("MAIL"))
        for receipt in self.sink.receipts():
            self.sink.message_bytes(receipt).decode("ascii")
            self.assertIn(TEXT.strip(), self.sink.message(receipt).get_content())

    def send_utf8(self):
        """With a header in UTF-8, which the client declares."""
        text = essaim.message("x@client.example", "dev@lists.example", subject="Große Bienen", body=TEXT, extra=EIGHT_BIT)
        with self.essaim.client() as client:
            client.ehlo()
            self.assertEqual(250, client.mail("x@client.example", ["SMTPUTF8", "BODY=8BITMIME"])[0])
            self.assertEqual(250, client.rcpt("dev@lists.example")[0])
            code, reply = client.data(text.encode())
            self.assertEqual(250, code, reply)
            return self.essaim.queue_id((code, reply.decode()))

    def test_a_header_in_utf8_goes_as_it_is_to_hosts_with_smtputf8(self):
        self.serve(offer=["SMTPUTF8"])
        self.essaim.wait_finished(self.send_utf8())
        self.assertTrue(all(line.endswith(" SMTPUTF8") for line in self.lines("MAIL")), self.lines("MAIL"))
        for receipt in self.sink.receipts():
            self.assertIn("Große Bienen".encode(), self.sink.message_bytes(receipt))

    def test_a_header_in_utf8_goes_encoded_to_hosts_without(self):
        self.serve(eight_bit=False)
        self.essaim.wait_finished(self.send_utf8())
        self.assertFalse(any("SMTPUTF8" in line for line in self.lines("MAIL")), self.lines("MAIL"))
        for receipt in self.sink.receipts():
            self.sink.message_bytes(receipt).decode("ascii")
            self.assertIn("Große Bienen", self.sink.message(receipt)["Subject"])
            self.assertIn(TEXT.strip(), self.sink.message(receipt).get_content())

    def test_dsn_parameters_end_at_a_list(self):
        self.serve(offer=["DSN"])
        self.essaim.wait_finished(self.send())
        for line in self.lines("MAIL") + self.lines("RCPT"):
            for parameter in ("RET=", "ENVID=", "NOTIFY=", "ORCPT="):
                self.assertNotIn(parameter, line)

    def test_a_message_that_is_too_big_for_a_host_is_no_bounce_of_its_members(self):
        self.serve(members=["a@a.example"])
        self.sink.stop()
        small = self.started(sink.Sink(self.folder, options=["--size", "2000"], listen=[self.sink.addresses[0]]))
        ledger = self.essaim.wait_finished(self.send(body="x" * 70 + "\n" + ("y" * 70 + "\n") * 60))
        self.assertEqual(1, ledger["counts"]["failed"], ledger)
        self.assertIn("5.3.4", ledger["recipients"][0]["reply"])
        self.assertIn("(about the message)", ledger["recipients"][0]["host"])
        member = self.essaim.json("member", "list", "dev@lists.example")
        self.assertNotIn('"bounces": 1', str(member).replace("'", '"'))
        self.assertIn("message-refused", self.essaim.log.read_text())
        self.essaim.wait_finished(self.send(body="short\n"))
        self.assertEqual({"a@a.example": 1}, dict(small.recipients()))


class PostfixReceives(processes.Scenario):
    """With everything that Postfix offers today, and with as little as an old one."""

    def deliver(self, extra):
        port = processes.free_port()
        self.mx = self.started(postfix.Postfix(self.folder, "127.0.0.1", port, domains=["a.example"], extra=extra))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=f"127.0.0.1:{port}"))
        self.essaim.make_list("dev@lists.example", [f"m{i}@a.example" for i in range(5)], post="anyone")
        text = essaim.message("x@client.example", "dev@lists.example", body=".\n" + TEXT, extra=EIGHT_BIT)
        reply = self.essaim.post("x@client.example", "dev@lists.example", text.encode())
        self.assertEqual(250, reply[0], reply)
        ledger = self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual(5, ledger["counts"]["delivered"], ledger)
        return processes.wait_for("mailboxes", lambda: len(self.mx.messages()) == 5 and self.mx.messages())

    def test_with_all_extensions(self):
        for message in self.deliver("smtputf8_enable = yes\n"):
            self.assertIn(b"\n.\n" + TEXT.encode(), message)

    def test_with_none(self):
        import email
        import email.policy

        for message in self.deliver("smtputf8_enable = no\n"
                                    "smtpd_discard_ehlo_keywords = chunking, smtputf8, dsn, 8bitmime, pipelining\n"):
            parsed = email.message_from_bytes(message, policy=email.policy.default)
            self.assertIn(TEXT.strip(), parsed.get_content())


if __name__ == "__main__":
    unittest.main()
