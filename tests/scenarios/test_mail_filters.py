"""Mail filters by the milter protocol: what libmilter asks for is done, rspamd judges, and one that is down loses nothing."""

import json
import re
import unittest

from support import authenticated, dns, essaim, judges, mail_filter, processes, sink

LIST = "dev@lists.example"
ANN = "ann@a.example"


def table(name, *addresses, extra=""):
    return f'[[filter]]\nname = "{name}"\naddresses = {json.dumps(addresses)}\n{extra}\n'


class MailFilters(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))

    def start(self, filters):
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], listen=filters))
        self.essaim.make_list(LIST, [ANN, "bob@b.example"], subject_tag="", footer="")

    def post(self, *asked, to=LIST, body="The swarm moves on.\n", extra=""):
        fields = "".join(f"X-Ask: {one}\n" for one in asked) + extra
        return self.essaim.post(ANN, to, essaim.message(ANN, LIST, extra=fields, body=body))

    def delivered(self, reply):
        """A copy of what went out."""
        self.assertEqual(250, reply[0], reply)
        before = self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual(2, before["counts"]["delivered"])
        return self.sink.message_bytes(self.sink.receipts()[-1]).decode()

    def test_what_a_filter_asks_for_is_done_before_the_reply(self):
        judge = self.started(mail_filter.Filter(self.folder))
        self.start(table("judge", judge.address))
        for asked, code, words in (("reject", 550, "refused"), ("tempfail", 451, "try again later"), ("discard", 550, "refused"),
                                   ("reply 554 5.7.9 no bees", 554, "5.7.9 no bees"), ("reply 421 4.3.0 hang up", 451, "4.3.0 hang up")):
            with self.subTest(asked):
                reply = self.post(asked)
                self.assertEqual(code, reply[0], reply)
                self.assertIn(words, reply[1])
                self.assertIn("[rule: filter:judge]", reply[1])
        self.assertEqual([], self.sink.receipts())
        # One of several recipients: the reply is one for all.
        self.essaim.make_list("grey@lists.example", ["bob@b.example"])
        reply = self.post(to=[LIST, "grey@lists.example"])
        self.assertEqual((450, True), (reply[0], "<grey@lists.example>: come again" in reply[1]), reply)

        copy = self.delivered(self.post("add X-Score 4.5", "insert X-First one\\n two", "change Subject [judged] Bees", "change X-Ask "))
        self.assertRegex(copy, r"(?m)^X-Score: 4\.5\r$")
        self.assertRegex(copy, r"(?m)^X-First: one\r\n two\r$")
        self.assertRegex(copy, r"(?m)^Subject: \[judged\] Bees\r$")
        self.assertEqual(3, len(re.findall(r"(?m)^X-Ask:", copy)))  # the first of four is gone
        self.assertIn("The swarm moves on.", copy)
        self.assertIn("The swarm moves on.", self.delivered(self.post("accept", "body Another text\\n")))
        copy = self.delivered(self.post("body Another text\\nof two lines\\n"))
        self.assertNotIn("The swarm moves on.", copy)
        self.assertIn("\r\n\r\nAnother text\r\nof two lines\r\n", copy)
        # What lists decide is not a filter's to decide.
        self.delivered(self.post("add-recipient eve@e.example", f"delete-recipient {LIST}"))
        log = self.essaim.process.output()
        self.assertRegex(log, r" mail-filtered .*filter=judge .*not_done=\"add-recipient, delete-recipient\"")

        note = judge.notes()[-1]
        self.assertEqual(("client.example", f"<{ANN}>", [f"<{LIST}>"]), (note["helo"], note["mail"], note["recipients"]))
        self.assertEqual("127.0.0.1", note["connect"][1][0])
        self.assertEqual(("127.0.0.1", "essaim"), (note["{client_addr}"], note["{daemon_name}"]))
        self.assertRegex(note["i"], r"^\w{10,}$")
        self.assertTrue(note["arguments"][0].startswith("SIZE="), note)
        self.assertIn(["Subject", "Bees"], note["fields"])
        self.assertEqual(len("The swarm moves on.\r\n"), note["body"])

        # Large ones come whole, in pieces, unless it has seen enough.
        large = "x" * 70 + "\n"
        self.delivered(self.post(body=large * 4000))
        self.assertEqual(72 * 4000, judge.notes()[-1]["body"])
        self.delivered(self.post("skip", body=large * 4000))
        self.assertLess(judge.notes()[-1]["body"], 72 * 4000)

    def test_what_a_filter_doubts_waits_for_moderators(self):
        judge = self.started(mail_filter.Filter(self.folder))
        self.start(table("judge", judge.address))
        reply = self.post("quarantine looks like spam", "add X-Spam yes")
        self.assertEqual(250, reply[0], reply)
        self.assertIn("waits for a moderator", reply[1])
        held = self.essaim.json("held", "list")
        self.assertEqual(["filter:judge"], [one["rule"] for one in held])
        shown = self.essaim.run("held", "show", held[0]["id"])
        self.assertIn("filter judge: looks like spam", shown)
        question = processes.wait_for("the question", lambda: [m for m in map(self.sink.message_bytes, self.sink.receipts())
                                                               if b"filter judge: looks like spam" in m])
        self.assertEqual(1, len(question))
        # The owner was asked; its author, who may be anybody, was told nothing.
        self.assertEqual(["owner@people.example"], list(self.sink.recipients()))
        # There are no moderators for what is no post.
        reply = self.post("quarantine looks like spam", to="dev-owner@lists.example")
        self.assertEqual((550, True), (reply[0], "[rule: filter:judge]" in reply[1]), reply)

    def test_filters_are_asked_in_their_order_and_as_they_like_it(self):
        path = self.folder / "first.sock"
        first = self.started(mail_filter.Filter(self.folder, "first", path=path, steps="few"))
        second = self.started(mail_filter.Filter(self.folder, "second"))
        self.start(table("first", first.address) + table("second", second.address))
        copy = self.delivered(self.post("add X-Seen once"))
        note = first.notes()[-1]
        self.assertNotIn("helo", note)
        self.assertIn(["Subject", " Bees"], note["fields"])  # with the space that stands there, as it wished
        # The second sees what the first has made of it.
        self.assertIn(["X-Seen", "once"], second.notes()[-1]["fields"])
        self.assertEqual(2, len(re.findall("X-Seen: ?once", copy)))
        self.assertEqual(550, self.post("reject")[0])
        self.assertEqual(1, len(second.notes()))

    def test_while_a_filter_is_down_mail_is_put_off_or_passes_and_another_address_stands_in(self):
        down = f"127.0.0.1:{processes.free_port()}"
        judge = self.started(mail_filter.Filter(self.folder))
        self.start(table("judge", down, judge.address, extra='timeout = "2s"') + table("luxury", down, extra='when_down = "pass"'))
        self.delivered(self.post())
        log = self.essaim.process.output()
        self.assertRegex(log, r" mail-filter-failed .*filter=judge .*address=" + down)
        self.assertRegex(log, r" mail-unfiltered .*filter=luxury .*message=passes")
        self.essaim.run("filter", "check", check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertRegex(self.essaim.last.stdout, rf"(?m)^judge +{down} +NO .*Connection refused\n^judge +{judge.address} +yes +\d+ ms +passes$")
        spam = self.folder / "spam.eml"
        spam.write_text(essaim.message(ANN, LIST, extra="X-Ask: reply 554 5.7.9 no bees\n").replace("\r", ""))
        said = self.essaim.run("filter", "check", "judge", "--message", spam, "--client", "192.0.2.1", "--from", ANN, "--json", check=False)
        self.assertIn("554 5.7.9 no bees", said)
        self.assertEqual("192.0.2.1", judge.notes()[-1]["connect"][1][0])
        # One that dies in the middle, and one that says nothing.
        reply = self.post("crash")
        self.assertEqual((451, True), (reply[0], "the filter judge cannot be asked" in reply[1]), reply)
        self.assertEqual(451, self.post()[0])
        again = self.started(mail_filter.Filter(self.folder, "again", port=judge.port))
        # Each loop finds out for itself.
        processes.wait_for("the filter to be asked again", lambda: all(self.post()[0] == 250 for _ in range(4)), every=0.5)
        self.assertEqual(451, self.post("sleep 4")[0])
        self.assertRegex(self.essaim.process.output(), r" mail-filter-failed .*at=\"end of message\" .*no answer within 2s")
        # Who says that it is at work has more time.
        self.assertEqual(250, self.post("progress 4")[0])
        # A reload takes what the file says now.
        again.stop()
        self.assertEqual(451, self.post()[0])
        self.essaim.config.write_text(self.essaim.config.read_text().replace('name = "judge"', 'name = "judge"\nwhen_down = "pass"'))
        self.essaim.run("reload")
        self.delivered(self.post())

    def test_rspamd_judges_what_comes_in(self):
        names = self.started(dns.NameServer(self.folder, {"example": ""}))
        rspamd = self.started(judges.RspamdMilter(self.folder, names.address))
        self.start(table("rspamd", rspamd.address))
        copy = self.delivered(self.post())
        self.assertNotIn("X-Spam: Yes", copy)
        reply = self.post(body="XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\n")
        self.assertEqual((554, True), (reply[0], "[rule: filter:rspamd]" in reply[1]), reply)
        self.assertIn("Gtube", reply[1])


class FiltersAndSignatures(authenticated.Authenticated):
    def test_the_planner_knows_what_a_filter_has_done_to_signatures(self):
        author = "ann@author.example"
        judge = self.started(mail_filter.Filter(self.folder))
        with self.essaim.config.open("a") as config:
            config.write(table("judge", judge.address))
        self.essaim.make_list(LIST, ["bob@a.example"], subject_tag="", footer="", send="public")
        sign = self.author_signs("reject")
        self.restart()
        sent = 0

        def copy_of(*asked):
            nonlocal sent
            message = sign(essaim.message(author, LIST, extra="".join(f"X-Ask: {one}\n" for one in asked)))
            sent += 1
            return self.receive(self.essaim.post(author, LIST, message), sent)[-1].decode()

        def verdicts(message):
            return [verdict for domain, _, verdict in judges.dkimpy("dkim", message.encode(), self.records) if domain == "author.example"]

        # What stands above the signed fields leaves the signature good, and From.
        copy = copy_of("insert X-First one", "insert X-Second two", "add X-Score 4")
        self.assertIn("X-Second: two\r\n", copy)
        self.assertEqual([True], verdicts(copy))
        self.assertRegex(copy, r"(?m)^From: ann@author\.example\r$")
        # What was changed under it is known: a good signature came, and would be broken.
        for asked in ("change Subject [judged] Bees", "body Another text\\n"):
            with self.subTest(asked):
                copy = copy_of("insert X-First one", asked)
                self.assertRegex(copy, r"(?m)^From: .*<dev@lists\.example>")
                self.assertEqual([], verdicts(copy))  # it was taken off
                self.assertRegex(copy, r"Authentication-Results: mx1\.lists\.example;\s+dkim=pass header\.d=author\.example ")
        # One that the filter took off itself.
        copy = copy_of("change DKIM-Signature ", "insert X-First one")
        self.assertEqual([], verdicts(copy))
        self.assertRegex(copy, r"(?m)^From: .*<dev@lists\.example>")
        # What waits for moderators has it kept.
        reply = self.essaim.post(author, LIST, sign(essaim.message(
            author, LIST, extra="X-Ask: insert X-First one\nX-Ask: body Another text\\n\nX-Ask: quarantine odd\n")))
        self.assertIn("waits for a moderator", reply[1])
        held = self.essaim.json("held", "list")[0]["id"]
        self.essaim.run("held", "approve", held)
        self.essaim.wait_finished(held)
        copy = self.sink.message_bytes(self.sink.receipts()[-1]).decode()
        self.assertIn("Another text", copy)
        self.assertEqual([], verdicts(copy))
        self.assertRegex(copy, r"(?m)^From: .*<dev@lists\.example>")

    def test_rules_see_the_fields_that_filters_add(self):
        judge = self.started(mail_filter.Filter(self.folder))
        with self.essaim.config.open("a") as config:
            config.write(table("judge", judge.address))
        self.essaim.make_list(LIST, [ANN], send="public")
        rule = self.folder / "rule"
        rule.write_text("match([msg_header->X-Spam],/yes/) smtp,dkim,md5,smime -> editorkey,quiet\n")
        self.essaim.run("scenario", "set", "include.send.header", rule)
        self.restart()
        for asked, words in (("add X-Spam Yes", "waits for a moderator"), ("add X-Spam No", "queued as")):
            reply = self.essaim.post(ANN, LIST, essaim.message(ANN, LIST, extra=f"X-Ask: {asked}\n"))
            self.assertIn(words, reply[1])


if __name__ == "__main__":
    unittest.main()
