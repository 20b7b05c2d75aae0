"""An account that may relay sends to anywhere, by the same queue, ledger and reports; nobody else does."""

import email
import email.policy
import unittest

from support import essaim, processes, sink
from support.submission import ANN, Site

OUT = "out@elsewhere.example"


class Relaying(processes.Scenario):
    def site(self, **arguments):
        self.sink = self.started(sink.Sink(self.folder, **arguments))
        self.site = Site(self, self.sink.addresses[0])
        self.essaim = self.site.essaim
        self.essaim.make_list("dev@lists.example", [ANN])
        self.site.run("account", "set", "ann", "--may-relay", "yes")

    def send(self, recipients, rcpt=(), mail=(), message=None):
        with self.site.client() as client:
            client.mail(ANN, list(mail))
            for recipient in recipients:
                code, text = client.rcpt(recipient, list(rcpt))
                self.assertEqual(250, code, text)
            code, text = client.data((message or essaim.message(ANN, ", ".join(recipients))).encode())
            self.assertEqual(250, code, text)
            return self.essaim.queue_id((code, text.decode()))

    def look(self, recipients):
        """Has the reports made of what is over."""
        for recipient in recipients:
            for post in self.essaim.json("post", "find", "--recipient", recipient):
                self.essaim.wait_finished(post["id"])
        self.essaim.run("job", "run", "reports")

    def reports(self, count):
        def there():
            # The server itself may have looked just before something was over; then the next look is due a second later.
            self.essaim.run("job", "run", "reports")
            got = [r for r in self.sink.receipts() if r.recipient == ANN and r.sender == "<>"]
            return len(got) >= count and got

        found = processes.wait_for(f"{count} reports", there, 60, every=0.3)
        out = []
        for receipt in found:
            raw = processes.wait_for("the report", lambda: self.sink.message_bytes(receipt))
            message = email.message_from_bytes(raw, policy=email.policy.default)
            status = list(message.iter_parts())[1]
            out.append((dict(status.get_payload()[0].items()), dict(status.get_payload()[1].items())))
        return out

    def test_mail_goes_out_as_it_is_to_each_recipient_and_the_ledger_knows(self):
        self.site()
        text = f"From: {ANN}\r\nTo: x@elsewhere.example\r\nBcc: secret@b.example\r\nSubject: out\r\n\r\nHello\r\n"
        first = self.send([OUT, "second@b.example", "dev@lists.example"], message=text)
        receipts = {r.recipient: r for r in self.sink.wait_for(3)}
        self.assertEqual({OUT, "second@b.example", ANN}, set(receipts))
        relayed = self.sink.message(receipts[OUT])
        self.assertEqual(f"<{ANN}>", receipts[OUT].sender)
        self.assertIsNone(relayed["Bcc"])
        self.assertIsNone(relayed["List-Id"])
        self.assertRegex(relayed["Message-ID"], r"@mx1\.lists\.example>$")
        self.assertTrue(relayed["Date"])
        ledger = self.essaim.wait_finished(first)
        self.assertEqual(1, ledger["counts"]["delivered"])
        for recipient in (OUT, "second@b.example"):
            posts = self.essaim.json("post", "find", "--recipient", recipient)
            self.assertEqual(1, len(posts), posts)

    def test_a_header_in_utf8_that_nobody_announced_goes_out_in_ascii_unless_it_is_signed(self):
        self.site()
        text = f"From: Jürg <{ANN}>\r\nTo: x@elsewhere.example\r\nSubject: Grüße\r\n\r\nHello\r\n"
        self.send([OUT], message=text)
        self.sink.wait_for(1)
        # Whose signature that is, or whether it holds, nobody asks where somebody has logged in.
        self.send(["second@b.example"], message="DKIM-Signature: v=1; d=elsewhere.example\r\n" + text)
        got = {r.recipient: self.sink.message_bytes(r) for r in self.sink.wait_for(2)}
        self.assertTrue(got[OUT].isascii(), got[OUT])
        plain = email.message_from_bytes(got[OUT], policy=email.policy.default)
        self.assertEqual((f"Jürg <{ANN}>", "Grüße"), (plain["From"], plain["Subject"]))
        self.assertIn("\r\nSubject: Grüße\r\n".encode(), got["second@b.example"])

    def test_who_cannot_be_reached_is_reported_with_what_was_asked_for(self):
        self.site(rules=["rcpt@bad*=550 5.1.1 no such user", "rcpt@slow*=451 4.2.0 later"])
        self.send(["bad@b.example", OUT], mail=["RET=HDRS", "ENVID=job+2B7"],
                  rcpt=["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;orig@b.example"])
        self.look(["bad@b.example", OUT])
        by_recipient = {r["Final-Recipient"]: (about, r) for about, r in self.reports(2)}
        about, bad = by_recipient["rfc822; bad@b.example"]
        self.assertEqual("job+7", about["Original-Envelope-Id"])
        self.assertEqual(("failed", "5.1.1"), (bad["Action"], bad["Status"]))
        self.assertEqual("rfc822; orig@b.example", bad["Original-Recipient"])
        self.assertIn("550 5.1.1 no such user", bad["Diagnostic-Code"])
        self.assertEqual("relayed", by_recipient[f"rfc822; {OUT}"][1]["Action"])
        # NEVER is never; and of what waits nothing is said yet.
        self.send(["bad@b.example"], rcpt=["NOTIFY=NEVER"])
        self.send(["slow@b.example"])
        self.look(["bad@b.example"])
        self.assertEqual(2, len(self.reports(2)))

    def test_what_one_of_several_targets_refuses_returns_as_a_report(self):
        self.site()
        self.essaim.make_list("small@lists.example", ["bob@b.example"], max_size="2K")
        text = essaim.message(ANN, "dev@lists.example", body="x" * 70 + "\r\n" + ("y" * 70 + "\r\n") * 60)
        self.send(["dev@lists.example", "small@lists.example"], message=text)
        _, recipient = self.reports(1)[0]
        self.assertEqual("rfc822; small@lists.example", recipient["Final-Recipient"])
        self.assertEqual("failed", recipient["Action"])

    def test_hosts_that_know_dsn_are_given_it(self):
        self.site(options=["--offer", "DSN"], commands=True)
        self.send([OUT], mail=["ENVID=q1"], rcpt=["NOTIFY=SUCCESS"])
        self.sink.wait_for(1)
        lines = [line for _, _, line in self.sink.commands()]
        self.assertTrue(any("ENVID=q1" in line for line in lines), lines)
        self.assertTrue(any("NOTIFY=SUCCESS" in line for line in lines), lines)
        self.look([OUT])
        # To be reported by that host.
        self.assertEqual([], [r for r in self.sink.receipts() if r.recipient == ANN])


if __name__ == "__main__":
    unittest.main()
