"""Addresses and headers in UTF-8, domains in both forms, hosts that take them and hosts that do not."""

import email
import email.policy
import re
import unittest

from support import essaim, processes, sink

LIST = "dev@bücher.example"
LIST_ASCII = "dev@xn--bcher-kva.example"
AUTHOR = "jörg@straße.example"
AUTHOR_ASCII = "jörg@xn--strae-oqa.example"
ANN = "ann@a.example"


class Utf8AndIdn(processes.Scenario):
    def site(self, options):
        self.sink = self.started(sink.Sink(self.folder, commands=True, options=options))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [ANN, AUTHOR], subject_tag="[ü]", footer="Grüße\n")

    def post(self, author, subject, parameters=("SMTPUTF8", "BODY=8BITMIME"), to=LIST):
        text = essaim.message(author, to, subject=subject, body="Die Bienen schwärmen.\n",
                              extra="MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
                                    "Content-Transfer-Encoding: 8bit\n")
        with self.essaim.client() as client:
            client.ehlo()
            self.assertTrue(client.has_extn("smtputf8"))
            client.command_encoding = "utf-8"
            code, reply = client.mail(author, list(parameters))
            if code >= 400:
                return code, reply.decode()
            code, reply = client.rcpt(to)
            if code >= 400:
                return code, reply.decode()
            code, reply = client.data(text.encode())
            return code, reply.decode()

    def finished(self, reply):
        self.assertEqual(250, reply[0], reply)
        return self.essaim.wait_finished(self.essaim.queue_id(reply))

    def mails(self):
        return [line for _, _, line in self.sink.commands() if line.upper().startswith("MAIL")]

    def message(self, recipient):
        receipt = next(r for r in self.sink.receipts() if r.recipient == recipient)
        raw = self.sink.message_bytes(receipt)
        return raw, email.message_from_bytes(raw, policy=email.policy.SMTPUTF8)

    def test_a_host_with_smtputf8_gets_all_of_it_as_it_is(self):
        self.site(["--offer", "SMTPUTF8"])
        ledger = self.finished(self.post(AUTHOR, "Schöne Grüße"))
        self.assertEqual(2, ledger["counts"]["delivered"], ledger)
        self.assertTrue(all("SMTPUTF8" in line for line in self.mails()), self.mails())
        # What we make ourselves stays ASCII, so that everybody can answer it.
        self.assertTrue(all(re.search(r"MAIL FROM:<bounce\+\w+@xn--bcher-kva\.example>", line) for line in self.mails()))
        raw, message = self.message(ANN)
        self.assertEqual("[ü] Schöne Grüße", message["Subject"])
        self.assertIn("schwärmen", message.get_content())
        self.assertIn("Grüße", message.get_content())
        self.assertIn(f"<{LIST_ASCII.replace('@', '.')}>", message["List-Id"])

    def test_a_header_that_nobody_announced_is_not_announced_by_us(self):
        self.site(["--offer", "SMTPUTF8"])
        self.essaim.run("member", "add", LIST, "zoe@z.example")
        self.essaim.run("member", "remove", LIST, AUTHOR)
        ledger = self.finished(self.post("zoe@z.example", "Schöne Grüße", parameters=("BODY=8BITMIME",), to=LIST_ASCII))
        self.assertEqual(2, ledger["counts"]["delivered"], ledger)
        # What is behind that host may not have SMTPUTF8.
        self.assertFalse(any("SMTPUTF8" in line for line in self.mails()), self.mails())
        self.assertTrue(all("BODY=8BITMIME" in line for line in self.mails()), self.mails())
        raw, message = self.message(ANN)
        # Our tag changes the subject, so it is written as it should be.
        self.assertTrue(raw.partition(b"\r\n\r\n")[0].isascii(), raw)
        self.assertEqual("[ü] Schöne Grüße", message["Subject"])

    def test_a_host_without_smtputf8_gets_ascii_and_who_needs_it_gets_none(self):
        self.site(["--no-8bitmime"])
        # The author's local part is ASCII here, so that the post can be had in ASCII; the list's domain in To gets
        # its other form.
        self.essaim.run("member", "add", LIST, "zoe@z.example")
        ledger = self.finished(self.post("zoe@z.example", "Schöne Grüße"))
        self.assertEqual((2, 1), (ledger["counts"]["delivered"], ledger["counts"]["failed"]), ledger)
        raw, message = self.message(ANN)
        self.assertTrue(raw.isascii())
        self.assertEqual(LIST_ASCII, message["To"])
        self.assertEqual("[ü] Schöne Grüße", message["Subject"])
        self.assertIn("schwärmen", message.get_content())
        # A member whom that host cannot be told of is not to blame for it.
        member = next(m for m in self.essaim.json("member", "list", LIST) if m["address"] == AUTHOR_ASCII)
        self.assertEqual(0, member["bounces"])

    def test_both_forms_are_the_same_list_and_the_same_member(self):
        self.site(["--offer", "SMTPUTF8"])
        self.assertIn("added", self.essaim.run("member", "add", LIST_ASCII, "eva@b.example"))
        for same in (AUTHOR, AUTHOR_ASCII, AUTHOR.upper().replace("SS", "ß"), "jo\u0308rg@straße.example"):
            self.essaim.run("member", "add", LIST, same)
        self.assertEqual({ANN, AUTHOR_ASCII, "eva@b.example"},
                         {m["address"] for m in self.essaim.json("member", "list", LIST_ASCII) if m["role"] == "member"})
        self.finished(self.post("jo\u0308rg@straße.example", "Zerlegt", to=LIST_ASCII))
        self.assertEqual(550, self.post("jorg@straße.example", "Fremd")[0])

    def test_an_address_in_utf8_needs_the_parameter(self):
        self.site(["--offer", "SMTPUTF8"])
        code, text = self.post(AUTHOR, "x", parameters=())
        self.assertEqual(553, code, text)
        self.assertIn("5.6.7", text)


if __name__ == "__main__":
    unittest.main()
