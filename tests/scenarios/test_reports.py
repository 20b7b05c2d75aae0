"""Mail to a list's owners that does not arrive, and what its sender is told; members' failures are told to nobody outside."""

import email
import email.policy
import re
import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"
OWNER = "dev-owner@lists.example"
SENDER = "eve@x.example"


def fields(part):
    """The groups of fields of a message/delivery-status part, as Python's parser reads them."""
    return [dict(group.items()) for group in part.get_payload()]


class Reports(processes.Scenario):
    def site(self, rules=(), extra="", delivery='retry_initial = "300ms"\nretry_max = "300ms"', **settings):
        self.sink = self.started(sink.Sink(self.folder, rules=rules))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], delivery=delivery,
                                                 extra=extra))
        self.essaim.make_list(LIST, ["ann@a.example", "bob@b.example"], post="anyone", **settings)

    def write(self, to=OWNER, sender=SENDER, mail=(), rcpt=(), body="Hello bees\n"):
        with self.essaim.client() as client:
            client.ehlo()
            self.assertTrue(client.has_extn("dsn"))
            code, text = client.mail(sender, list(mail))
            self.assertEqual(250, code, text)
            code, text = client.rcpt(to, list(rcpt))
            self.assertEqual(250, code, text)
            code, text = client.data(essaim.message(sender or "nobody@x.example", to, body=body))
            self.assertEqual(250, code, text)
            return re.search(r"queued as (\w+)", text.decode()).group(1)

    def reports(self, to=SENDER):
        return [r for r in self.sink.receipts() if r.recipient == to]

    def report(self, to=SENDER, number=1, looking=False):
        def there():
            if looking:
                self.look()
            return len(self.reports(to)) >= number and self.reports(to)[number - 1]

        receipt = processes.wait_for(f"report {number} to {to}", there)
        self.assertEqual("<>", receipt.sender)
        # The receipt is logged before the message is kept.
        raw = processes.wait_for("the report's text", lambda: self.sink.message_bytes(receipt))
        message = email.message_from_bytes(raw, policy=email.policy.default)
        self.assertEqual("multipart/report", message.get_content_type())
        self.assertEqual("delivery-status", message.get_param("report-type"))
        return message

    def look(self):
        self.essaim.run("job", "run", "reports")

    def test_a_refused_mail_to_owners_returns_to_its_sender_with_what_was_asked_for(self):
        self.site(rules=["rcpt@owner@*=550 5.1.1 <owner@people.example> no such user"])
        self.write(mail=["RET=FULL", "ENVID=job+2B7"], rcpt=["NOTIFY=FAILURE", "ORCPT=rfc822;bees@old.example"])
        message = self.report()
        self.assertIn(SENDER, str(message["To"]))
        self.assertTrue(message["Auto-Submitted"].startswith("auto-"))
        human, status, returned = message.iter_parts()
        about, recipient = fields(status)
        self.assertEqual("job+7", about["Original-Envelope-Id"])
        self.assertEqual("dns; mx1.lists.example", about["Reporting-MTA"])
        self.assertEqual(f"rfc822; {OWNER}", recipient["Final-Recipient"])
        self.assertEqual("rfc822; bees@old.example", recipient["Original-Recipient"])
        self.assertEqual(("failed", "5.1.1"), (recipient["Action"], recipient["Status"]))
        self.assertIn(OWNER, human.get_content())
        self.assertIn("Hello bees", returned.as_string())
        self.assertNotIn("people.example", message.as_string())
        # Another look, and another start, make no second one.
        self.look()
        self.assertEqual(0, self.essaim.stop())
        self.essaim.start()
        self.look()
        self.assertEqual(1, len(self.reports()))

    def test_the_header_returns_when_nothing_was_asked_and_nothing_when_never_or_null(self):
        self.site(rules=["rcpt@owner@*=550 5.1.1 no such user"])
        quiet = [self.write(rcpt=["NOTIFY=NEVER"]), self.write(rcpt=["NOTIFY=DELAY"]), self.write(sender="")]
        for post in quiet:
            self.essaim.wait_finished(post)
        self.write()
        message = self.report()
        self.assertEqual("text/rfc822-headers", list(message.iter_parts())[2].get_content_type())
        self.assertNotIn("Hello bees", message.as_string())
        self.look()
        self.assertEqual(1, len(self.reports()))

    def test_success_is_relayed_for_owners_and_delivered_for_a_list(self):
        self.site()
        post = self.write(rcpt=["NOTIFY=SUCCESS"])
        self.essaim.wait_finished(post)
        # The look at the start may have come before the post was finished; then the next is due a second later.
        status = list(self.report(looking=True).iter_parts())[1]
        self.assertEqual("relayed", fields(status)[1]["Action"])
        self.write(to=LIST, rcpt=["NOTIFY=SUCCESS"], sender="zoe@x.example")
        status = list(self.report("zoe@x.example").iter_parts())[1]
        self.assertEqual("delivered", fields(status)[1]["Action"])
        self.assertEqual(f"rfc822; {LIST}", fields(status)[1]["Final-Recipient"])

    def test_who_waits_is_told_once_and_a_restart_forgets_nothing(self):
        self.site(rules=["rcpt@owner@*=451 4.7.1 later"], extra='[reports]\ndelay = "1s"')
        self.write()
        self.essaim.kill()
        self.essaim.start()

        def delayed():
            self.look()
            return self.reports()

        processes.wait_for("the delay notice", delayed, every=1)
        about = fields(list(self.report().iter_parts())[1])[1]
        self.assertEqual("delayed", about["Action"])
        self.assertIn("Will-Retry-Until", about)
        self.look()
        self.assertEqual(1, len(self.reports()))

    def test_what_a_hostile_host_says_is_no_more_than_text_in_a_report(self):
        self.site(rules=["rcpt@owner@*=550-5.1.1 one\rFinal-Recipient: rfc822; evil@x.example\r\n550 5.1.1 \x1b[31mtwo \u202eeno\x07"])
        self.write()
        message = self.report()
        _, status, _ = message.iter_parts()
        about, *recipients = fields(status)
        self.assertEqual(1, len(recipients))
        self.assertEqual(f"rfc822; {OWNER}", recipients[0]["Final-Recipient"])
        raw = self.sink.message_bytes(self.reports()[0])
        self.assertIsNone(re.search(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|\xe2\x80[\xaa-\xae]", raw), raw)

    def test_owners_learn_of_a_post_that_expired_while_its_list_was_suspended(self):
        self.site(expire="2s")
        self.essaim.run("list", "suspend", LIST, "--reason", "mail storm")
        queue_id = self.write(to=LIST)
        message = self.report("owner@people.example")
        recipients = {group["Final-Recipient"]: group["Status"] for group in fields(list(message.iter_parts())[1])[1:]}
        self.assertEqual({"rfc822; ann@a.example": "5.4.7", "rfc822; bob@b.example": "5.4.7"}, recipients)
        self.assertIn("before any attempt", message.as_string())
        ledger = self.essaim.json("post", "show", queue_id)
        self.assertEqual({"accepted": 2, "failed": 2}, {k: v for k, v in ledger["counts"].items() if v})
        rows = {row["address"]: row["bounces"] for row in self.essaim.json("member", "list", LIST)}
        self.assertEqual({"ann@a.example": 0, "bob@b.example": 0, "owner@people.example": 0}, rows)

    def test_owners_learn_of_posts_that_expired_or_were_refused_for_what_they_are(self):
        self.site(rules=["rcpt@ann@*=550 5.6.1 media not supported", "rcpt@bob@*=451 4.7.1 later"], expire="2s")
        self.write(to=LIST)
        message = self.report("owner@people.example")
        recipients = {group["Final-Recipient"]: group["Status"] for group in fields(list(message.iter_parts())[1])[1:]}
        self.assertEqual({"rfc822; ann@a.example": "5.6.1", "rfc822; bob@b.example": "5.4.7"}, recipients)
        self.look()
        self.assertEqual([], self.reports())
        self.assertEqual(1, len(self.reports("owner@people.example")))
        rows = {row["address"]: row["bounces"] for row in self.essaim.json("member", "list", LIST)}
        self.assertEqual(0, rows["ann@a.example"])


if __name__ == "__main__":
    unittest.main()
