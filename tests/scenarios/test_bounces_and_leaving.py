"""What comes back from a member, and how a member leaves by mail."""

import contextlib
import re
import sqlite3
import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"
ANN = "ann@a.example"

DSN = """From: MAILER-DAEMON@b.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Message-ID: <{unique}@b.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="cut"

--cut
Content-Type: text/plain

Your message could not be delivered.

--cut
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.b.example

Final-Recipient: rfc822; bob@b.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} no such user

--cut--
"""


class BouncesAndLeaving(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@gone@*=550 5.1.1 no such user"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [ANN, "bob@b.example", "gone@c.example"])

    def post(self):
        reply = self.essaim.post(ANN, LIST, essaim.message(ANN, LIST))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.wait_finished(self.essaim.queue_id(reply))

    def member(self, address):
        rows = self.essaim.json("member", "list", LIST)
        return next((row for row in rows if row["address"] == address), None)

    def receipt(self, address):
        return next(r for r in reversed(self.sink.receipts()) if r.recipient == address)

    def test_failures_at_delivery_and_reports_are_kept_with_the_member(self):
        ledger = self.post()
        self.assertEqual((2, 1), (ledger["counts"]["delivered"], ledger["counts"]["failed"]))
        self.assertEqual(1, self.member("gone@c.example")["bounces"])
        self.assertIn("5.1.1", self.member("gone@c.example")["last_bounce"])

        verp = self.receipt("bob@b.example").sender.strip("<>")
        for unique, (action, status) in enumerate([("delayed", "4.4.1"), ("failed", "5.1.1")]):
            report = DSN.format(to=verp, action=action, status=status, unique=unique)
            self.assertEqual(250, self.essaim.post("", verp, report)[0])
        processes.wait_for("the bounce", lambda: self.member("bob@b.example")["bounces"] == 1)
        self.assertEqual(0, self.member(ANN)["bounces"])
        bouncing = self.essaim.json("member", "bouncing", "--at-least", "1")
        self.assertEqual({"gone@c.example", "bob@b.example"}, {row["address"] for row in bouncing})
        self.assertEqual(bouncing, self.essaim.json("member", "bouncing", "--at-least", "1", "--domain", "Lists.EXAMPLE"))
        self.assertEqual([], self.essaim.json("member", "bouncing"), "by default it takes three")
        self.assertIn("gone@c.example  1 bounce, last ", self.essaim.run("member", "bouncing", "--at-least", "1"))
        self.assertEqual([], self.essaim.json("member", "bouncing", "--at-least", "1", "--since", "2100-01-01"))

        local = verp.removesuffix("@lists.example")
        forged = local[:-1] + ("1" if local.endswith("0") else "0") + "@lists.example"
        self.assertEqual(550, self.essaim.post("", forged, DSN.format(to=forged, action="failed", status="5.1.1", unique=9))[0])

    def test_who_bounces_for_long_gets_no_more_and_an_operator_can_take_it_back(self):
        self.post()
        self.assertEqual([("gone@c.example", 1, None)],
                         [(row["address"], row["days"], row["stopped"]) for row in self.essaim.json("bounce", "list")])
        # Weeks go by in the database: five days, the first of them a fortnight ago.
        with contextlib.closing(sqlite3.connect(self.essaim.database, timeout=30)) as database, database:
            database.execute("UPDATE bouncer SET days = 5, since = since - 14 * 86400000")
        # A kill at the commit has stopped nobody and told nobody.
        self.essaim.environment["ESSAIM_CRASH_AT"] = "bounces.before-commit:1"
        self.essaim.run("job", "run", "bounces", check=False)
        del self.essaim.environment["ESSAIM_CRASH_AT"]
        self.assertLess(self.essaim.last.returncode, 0, "the place was not reached")
        self.assertFalse(self.member("gone@c.example")["stopped"])
        self.essaim.run("job", "run", "bounces")
        self.assertIn("members stopped: 1", self.essaim.run("job", "list"))
        self.assertTrue(self.member("gone@c.example")["stopped"])
        self.assertRegex(self.essaim.run("bounce", "list", "--stopped"), r"^dev@lists\.example  gone@c\.example  5 days since .*, stopped .*: .*no such user\n$")
        processes.wait_for("what the owners are told", lambda: self.sink.recipients()["owner@people.example"] == 1)
        told = self.sink.message(self.receipt("owner@people.example"))
        self.assertEqual("Members of dev@lists.example who get no more posts: 1", told["Subject"])
        self.assertIn("  gone@c.example\n    550 5.1.1 no such user", told.get_content().replace("\r\n", "\n"))
        # The member is told, too, in vain; of that nobody hears.
        processes.wait_for("what the member is told", lambda: re.search(r" notice-failed .*to=gone@c\.example", self.essaim.process.output()))
        self.assertEqual(2, self.post()["counts"]["accepted"])
        self.assertEqual(0, self.sink.recipients()["postmaster@site.example"])
        # An export keeps what the member wants, and applying it does not give posts back.
        text = self.folder / "lists.toml"
        text.write_text(self.essaim.run("config", "export"))
        self.assertIn('"gone@c.example"', text.read_text())
        self.essaim.run("config", "apply", text)
        self.assertTrue(self.member("gone@c.example")["stopped"])
        self.assertIn("1 member would get posts as before", self.essaim.run("bounce", "resume", "--all", "--domain", "C.example", "--dry-run"))
        self.assertIn("0 members get posts", self.essaim.run("bounce", "resume", LIST, "--domain", "a.example"))
        self.essaim.run("bounce", "resume", check=False)
        self.assertEqual(2, self.essaim.last.returncode)
        self.assertIn("1 member gets posts as before", self.essaim.run("bounce", "resume", LIST, "--since", "1d"))
        self.assertEqual(3, self.post()["counts"]["accepted"])
        self.assertEqual([1], [row["days"] for row in self.essaim.json("bounce", "list")])
        self.assertIn("1 member forgiven", self.essaim.run("bounce", "forgive", LIST))
        self.assertIn("0 members get no more", self.essaim.run("bounce", "stop", LIST))
        self.assertEqual([], self.essaim.json("bounce", "list"))

    def test_the_address_in_a_personal_copy_ends_the_membership_at_once(self):
        self.post()
        message = self.sink.message(self.receipt("bob@b.example"))
        leave = re.search(r"<mailto:([^>?]+)", message["List-Unsubscribe"]).group(1)
        self.assertNotIn("bob", leave)
        for _ in range(2):  # idempotent
            self.assertEqual(250, self.essaim.post("bob@b.example", leave, essaim.message("bob@b.example", leave))[0])
        self.assertIsNone(self.member("bob@b.example"))
        self.post()
        posts = [r for r in self.sink.receipts() if r.recipient == "bob@b.example" and "bounce+" in r.sender]
        self.assertEqual(1, len(posts), "the second post is no longer for him")

    def test_without_a_token_a_reply_confirms(self):
        asked = "dev-unsubscribe@lists.example"
        self.assertEqual(250, self.essaim.post("bob@b.example", asked, essaim.message("bob@b.example", asked))[0])
        receipt = self.sink.wait_for(1)[0]
        self.assertEqual(("bob@b.example", "<>"), (receipt.recipient, receipt.sender))
        notice = self.sink.message(receipt)
        self.assertTrue(notice["Auto-Submitted"].startswith("auto-"))
        self.assertIsNotNone(self.member("bob@b.example"))
        back = str(notice["Reply-To"] or notice["From"])
        back = re.search(r"[^<>\s]+@lists\.example", back).group(0)
        self.assertEqual(250, self.essaim.post("bob@b.example", back, essaim.message("bob@b.example", back, subject="Re: x", body="yes\n"))[0])
        processes.wait_for("the end of the membership", lambda: self.member("bob@b.example") is None)

    def test_mail_to_owners_reaches_them_and_its_failures_do_not_go_round(self):
        for number, alias in enumerate(["dev-request", "dev-owner", "dev-editor", "postmaster"]):
            address = f"{alias}@lists.example"
            reply = self.essaim.post("eve@x.example", address, essaim.message("eve@x.example", address))
            self.assertEqual(250, reply[0], reply)
        self.sink.wait_for(4)
        self.assertEqual({"owner@people.example": 3, "postmaster@site.example": 1}, dict(self.sink.recipients()))
        verp = self.receipt("owner@people.example").sender.strip("<>")
        self.assertEqual(250, self.essaim.post("", verp, DSN.format(to=verp, action="failed", status="5.1.1", unique=1))[0])
        self.sink.wait_for(5)
        self.assertEqual({"owner@people.example": 3, "postmaster@site.example": 2}, dict(self.sink.recipients()))


if __name__ == "__main__":
    unittest.main()
