"""Who may do what, as people meet it: commands by mail, moderators, confirmations, in every language and over a crash."""

import json
import re
import smtplib
import sys
import threading
import unittest

from support import essaim, mariadb, processes, sink

sys.path.insert(0, str(processes.ROOT / "tests" / "crash"))
import control  # noqa: E402

LIST = "dev@lists.example"
ROBOT = "sympa@lists.example"
ANN, EVE, ED, NEW = "ann@a.example", "eve@e.example", "ed@e.example", "new@n.example"


class People(processes.Scenario):
    """A list with a member and two editors, and what each of them gets."""

    def set_up_list(self, **settings):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, [ANN], **settings)
        self.essaim.run("member", "add", LIST, "--role", "editor", EVE, ED)

    def letters(self, who):
        return [self.sink.message(r) for r in self.sink.receipts() if r.recipient == who]

    def letter(self, who, words):
        """Waits for one to them that says so."""

        def found():
            return next((m for m in self.letters(who) if words in self.text(m)), None)

        return processes.wait_for(f"a letter to {who}: {words}", found)

    @staticmethod
    def text(message):
        body = message.get_body(("plain",))
        return f"{message['Subject']}\n{body.get_content() if body else ''}"

    def write(self, sender, to, subject="", body="yes\n", extra="", node=None):
        return (node or self.essaim).post(sender, to, essaim.message(sender, to, subject=subject, body=body, extra=extra))

    def taken(self, *arguments, **named):
        reply = self.write(*arguments, **named)
        self.assertEqual(250, reply[0], reply)
        return reply

    @staticmethod
    def address(letter, what):
        return re.search(rf"{what}\+\w+@\S+", People.text(letter)).group(0)

    def posts_to(self, who):
        return [m for m in self.letters(who) if m["List-Id"]]


class Moderation(People):
    def test_a_post_waits_is_shown_and_the_first_answer_counts_over_a_crash(self):
        self.set_up_list(send="editorkey")
        reply = self.taken("x@y.example", LIST, "Buy honey")
        self.assertIn("waits for a moderator", reply[1])
        letter = self.letter(EVE, "waits for a moderator")
        self.letter(ED, "waits for a moderator")
        self.assertEqual(["text/plain", "message/rfc822"], [part.get_content_type() for part in letter.iter_parts()])
        self.assertEqual("Buy honey", letter.get_payload(1).get_payload(0)["Subject"])
        self.letter("x@y.example", "it need not be sent again")
        held = self.essaim.json("held", "list")
        self.assertEqual([("moderation", "waits", LIST, "x@y.example", "send.editorkey:4")],
                         [(h["kind"], h["state"], h["list"], h["author"], h["rule"]) for h in held])
        self.assertIn("Buy honey", self.essaim.run("held", "show", held[0]["id"]))

        self.essaim.kill()
        self.essaim.start()
        self.taken(EVE, letter["Reply-To"], "Re: x", "approve\n\n> quoted\n")
        processes.wait_for("the post", lambda: self.posts_to(ANN))
        self.assertEqual(EVE, self.posts_to(ANN)[0]["X-Validation-by"])
        self.taken(ED, self.address(letter, "reject"), "Re: x", "No!\n")
        self.letter(ED, f"this was approved already by {EVE}")
        self.assertIn("nothing waits", self.essaim.run("held", "list"))
        self.assertIn(f"approved by {EVE}", self.essaim.run("held", "list", "--all"))

    def test_the_operator_decides_in_bulk_and_bans(self):
        self.set_up_list(send="editorkey", tell_held="false")
        for number in range(3):
            self.taken(f"x{number}@y.example", LIST, f"Post {number}")
        ids = [h["id"] for h in self.essaim.json("held", "list", "--list", LIST)]
        self.essaim.run("held", "approve", ids[0], ids[1])
        self.essaim.run("held", "reject", ids[2], "--reason", "no", "--ban")
        processes.wait_for("two posts", lambda: len(self.posts_to(ANN)) == 2)
        self.assertEqual((550, "5.7.1 not accepted [rule: blocklist]"), self.write("x2@y.example", LIST, "Post 4"))
        self.assertIn("x2@y.example", self.essaim.run("block", "list", "--list", LIST))
        self.assertIn("was blocked already", self.essaim.run("block", "add", "x2@y.example", "--list", LIST))
        self.assertIn("is not blocked any more", self.essaim.run("block", "remove", "x2@y.example", "--list", LIST))
        self.essaim.run("block", "remove", "x2@y.example", "--list", LIST, check=False)
        self.assertEqual((1, f"essaim: x2@y.example is not blocked for {LIST}\n"),
                         (self.essaim.last.returncode, self.essaim.last.stderr))
        self.assertEqual(250, self.write("x2@y.example", LIST, "Post 5")[0])
        # The contrary was done: for a script that is no success. The same answer twice is.
        self.assertIn("was approved already", self.essaim.run("held", "reject", ids[0], check=False))
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn("was approved already", self.essaim.run("held", "approve", ids[0]))
        self.essaim.run("held", "approve", ids[2], check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        # All that waits on a list, at once; what waits elsewhere stays.
        self.essaim.make_list("two@lists.example", [ANN], send="editorkey", tell_held="false")
        self.taken("x7@y.example", "two@lists.example", "Elsewhere")
        self.taken("x6@y.example", LIST, "Post 6")
        self.assertEqual(2, len(self.essaim.json("held", "approve", "--list", LIST)))
        self.assertEqual(["Elsewhere"], [h["subject"] for h in self.essaim.json("held", "list")])
        self.assertIn("nothing waits", self.essaim.run("held", "approve", "--list", LIST))
        self.essaim.run("held", "approve", check=False)
        self.assertIn("give IDs, or --list LIST", self.essaim.last.stderr)
        # What cannot be done has failed, for a script as well, and waits on.
        (elsewhere,) = [h["id"] for h in self.essaim.json("held", "list")]
        self.essaim.run("list", "close", "two@lists.example")
        self.assertIn(f"{elsewhere}: not allowed", self.essaim.run("held", "approve", elsewhere, check=False))
        self.assertEqual(1, self.essaim.last.returncode)
        (answer,) = json.loads(self.essaim.run("held", "approve", elsewhere, "--json", check=False))
        self.assertEqual((1, "refused", False), (self.essaim.last.returncode, answer["status"], answer["decided"]))
        self.essaim.run("list", "open", "two@lists.example")
        (answer,) = self.essaim.json("held", "approve", elsewhere)
        self.assertEqual(("done", True), (answer["status"], answer["decided"]))
        (answer,) = self.essaim.json("held", "approve", elsewhere)
        self.assertEqual(("already", False), (answer["status"], answer["decided"]))

    def test_confirmed_and_then_moderated_in_french(self):
        self.set_up_list(send="privatekeyandeditorkeyonly", language="fr")
        self.taken(ANN, LIST, "Bonjour")
        question = self.letter(ANN, "attend votre confirmation")
        vacation = self.write(ANN, question["Reply-To"], "Away", extra="Auto-Submitted: auto-replied\r\n")
        self.assertEqual((550, "5.7.1 an automatic answer confirms nothing [rule: automatic]"), vacation)
        self.taken(ANN, question["Reply-To"], "Re: oui")
        letter = self.letter(EVE, "attend un modérateur")
        self.taken(EVE, letter["Reply-To"], "Re: x", "approuver\n")
        processes.wait_for("the post", lambda: self.posts_to(ANN))


class Commands(People):
    def test_joining_and_leaving_in_all_languages(self):
        self.set_up_list(subscribe="auth_owner")
        for who, language, asked, approved in [
            (NEW, "en", "To confirm, just answer", "Welcome to"), ("nouveau@n.example", "fr", "Pour confirmer, répondez", "Bienvenue sur"),
            ("neu@n.example", "de-AT,de;q=0.9", "Zum Bestätigen antworten Sie", "Willkommen auf der Liste"),
        ]:
            self.taken(who, ROBOT, "subscribe dev Some One", extra=f"Accept-Language: {language}\r\n")
            self.taken(who, self.letter(who, asked)["Reply-To"], "Re: x")
            question = self.letter("owner@people.example", f"subscribe {who} to {LIST}")
            self.taken("owner@people.example", self.address(question, "approve"))
            self.letter(who, approved)
            self.taken(who, "dev-unsubscribe@lists.example")
            leave = processes.wait_for("the question", lambda: [m for m in self.letters(who) if m["Reply-To"]][1:])
            self.taken(who, leave[-1]["Reply-To"], "Re: x")
            processes.wait_for("the end", lambda: who not in self.essaim.run("member", "list", LIST))

    def test_the_shell_asks_by_the_same_rules(self):
        self.set_up_list(subscribe="owner")

        def ask(*arguments):
            return self.essaim.json("request", *arguments)

        self.assertEqual("waits", ask("subscribe", LIST, NEW, "--as", NEW)["status"])
        self.letter("owner@people.example", f"subscribe {NEW} to {LIST}")
        held = self.essaim.json("held", "list")
        self.assertEqual(["approval"], [h["kind"] for h in held])
        self.essaim.run("held", "approve", held[0]["id"])
        self.assertIn(NEW, self.essaim.run("member", "list", LIST))
        self.letter(NEW, "Welcome to")
        self.assertEqual("already", ask("subscribe", LIST, NEW, "--as", NEW)["status"])
        self.essaim.run("request", "close", LIST, "--as", NEW, check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertEqual("waits", ask("rename", LIST, "developers", "--as", "owner@people.example", "--auth", "smtp")["status"])
        self.assertEqual("done", ask("rename", LIST, "developers", "--as", "owner@people.example")["status"])
        self.assertEqual("done", ask("move", "lists.example", NEW, "newer@n.example")["status"])
        self.assertIn("developers@lists.example", ask("which", "lists.example", "--as", "newer@n.example")["text"])
        # A slip in the old address is not taken for done.
        self.essaim.run("request", "move", "lists.example", "nweer@n.example", "newest@n.example", check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn("nweer@n.example is on no list of lists.example", self.essaim.last.stdout + self.essaim.last.stderr)
        # Roles, options, words, rules and blocklists are asked for by the same door.
        renamed, owner = "developers@lists.example", ("--as", "owner@people.example")
        self.assertEqual("done", ask("add", renamed, "mo@e.example", "--role", "editor", *owner)["status"])
        self.assertEqual("done", ask("set", renamed, "newer@n.example", "conceal", "--as", "newer@n.example")["status"])
        mine = self.folder / "mine"
        mine.write_text("true() smtp,dkim,md5,smtp_auth -> do_it\n")
        self.assertEqual("done", ask("set-text", renamed, "send.mine", mine, *owner)["status"])
        self.assertEqual("done", ask("block", renamed, "*@bad.example", *owner)["status"])
        self.assertEqual((550, "5.7.1 not accepted [rule: blocklist]"), self.write("x@bad.example", renamed))
        for refused in (("set-text", "lists.example", "send.mine", mine), ("create-domain", "fresh.example"), ("delete-list", renamed)):
            self.essaim.run("request", *refused, *owner, check=False)
            self.assertEqual((1, "not allowed: only listmasters may do this"), (self.essaim.last.returncode, self.essaim.last.stdout.strip()))
        self.assertEqual("done", ask("add-listmaster", "site", "root@o.example")["status"])
        self.assertEqual("done", ask("create-domain", "fresh.example", "--as", "root@o.example")["status"])
        self.essaim.run("domain", "show", "fresh.example")
        log = self.essaim.process.output()
        self.assertRegex(log, r'request verb=set-text list=developers@lists.example .*what=send.mine by=owner@people.example auth=md5 .*rule=right')
        self.assertRegex(log, r'request verb=create-domain list=fresh.example .*by=root@o.example .*rule=right')
        self.taken(ANN, LIST, "To the old name")
        self.essaim.run("list", "forget", LIST)
        processes.wait_for("the old name to be refused", lambda: self.write(ANN, LIST, "To nobody")[0] == 550)
        self.taken(ANN, "developers@lists.example", "To the new name")
        processes.wait_for("the post", lambda: self.posts_to("newer@n.example"))

    def test_robots_lists_and_vacations_end(self):
        self.set_up_list()
        self.essaim.make_list("two@lists.example", [LIST], send="public")
        self.essaim.run("member", "add", LIST, "two@lists.example")
        self.essaim.run("list", "set", LIST, "send=public")
        # What the robot says goes out with the null sender and can never come back to be answered.
        self.taken(NEW, ROBOT, "which")
        answer = self.letter(NEW, "you are on no list")
        receipt = next(r for r in self.sink.receipts() if r.recipient == NEW)
        self.assertEqual("<>", receipt.sender)
        self.assertTrue(answer["Auto-Submitted"].startswith("auto-"))
        self.assertIn("[rule: null-sender]", self.write("", ROBOT, "Re: which")[1])
        self.assertIn("[rule: automatic]", self.write(NEW, ROBOT, "Away", extra="Auto-Submitted: auto-replied\r\n")[1])
        self.assertIn("[rule: automatic]", self.write(NEW, ROBOT, "which", extra="Precedence: list\r\n")[1])
        # Two lists that are members of each other: the sink is the way between them.
        self.taken(ANN, LIST, "Round and round")
        copy = processes.wait_for("the copy for the other list",
                                  lambda: [r for r in self.sink.receipts() if r.recipient == "two@lists.example"])
        reply = self.essaim.post("bounce@lists.example", "two@lists.example", self.sink.message_bytes(copy[0]))
        self.assertEqual(250, reply[0], reply)
        back = processes.wait_for("the copy that comes back", lambda: [
            r for r in self.sink.receipts() if r.recipient == LIST])
        self.assertIn("[rule: loop]", self.essaim.post("bounce@lists.example", LIST, self.sink.message_bytes(back[0]))[1])

    def test_scenarios_are_checked_kept_and_explained(self):
        self.set_up_list(subscribe="open")
        broken = self.folder / "broken"
        broken.write_text("is_subscriber([listname],[sender]) smtp -> do_it\ntrue() smtp -> editorky\n")
        mine = self.folder / "mine"
        mine.write_text("title.en mine\nmatch([sender],/@n\\.example$/) smtp -> reject(reason='not from there')\ntrue() smtp -> do_it\n")
        self.essaim.run("scenario", "set", "send.mine", mine, "--list", LIST)
        self.essaim.run("list", "set", LIST, "send=mine")
        self.essaim.run("scenario", "set", "send.mine", broken, "--list", LIST, check=False)
        self.assertEqual(2, self.essaim.last.returncode)
        self.assertIn("send.mine, line 2, column 16: there is no action 'editorky'", self.essaim.last.stderr)
        self.assertEqual((550, "5.7.2 dev@lists.example: not from there; questions: dev-owner@lists.example [rule: send.mine:2]"), self.write(NEW, LIST))
        self.assertEqual(250, self.write("x@y.example", LIST)[0])
        shown = self.essaim.json("scenario", "explain", LIST, "send", "--sender", NEW)
        self.assertEqual(("send.mine:2", "not from there"), (shown["rule"], shown["reason"]))
        for option, wrong, told in (("--sender", "not an address", '--sender: "not an address": '), ("--email", "ann", '--email: "ann": '),
                                    ("--ip", "10.0.0", '--ip: "10.0.0" is no'), ("--auth", "md6", "--auth: there are smtp")):
            self.essaim.run("scenario", "explain", LIST, "send", option, wrong, check=False)
            self.assertEqual((2, told), (self.essaim.last.returncode, self.essaim.last.stderr.strip()[len("essaim: "):][:len(told)]))
        post = self.folder / "post"
        post.write_text(f"From: {ANN}\nSubject: x\n\nx\n")
        self.assertIn("do_it  [send.mine:3]", self.essaim.run("scenario", "explain", LIST, "send", "--message", post))
        self.essaim.run("scenario", "delete", "send.mine", "--list", LIST, check=False)
        self.assertIn("uses send.mine", self.essaim.last.stderr)
        self.essaim.run("list", "set", LIST, "send=privat", check=False)
        self.assertIn("did you mean private?", self.essaim.last.stderr)
        # The site's own words, checked when they are saved.
        words = self.folder / "words"
        words.write_text("Subject: Hello {{emial}}\n\nHi\n")
        self.essaim.run("template", "set", "welcome", words, check=False)
        self.assertIn("did you mean 'email'?", self.essaim.last.stderr)
        words.write_text("Subject: Hello {{email}}\n\nHi\n")
        self.essaim.run("template", "set", "welcome", words)
        self.taken(NEW, ROBOT, "sub dev")
        self.letter(NEW, f"Hello {NEW}")


class Confirmations(People):
    """What becomes of the answer to "please confirm" is decided once, whoever sends it, how often, when, and whatever dies meanwhile."""

    def asked(self, who):
        """Somebody asks to be on the list; gives where the answer goes."""
        self.taken(who, ROBOT, "subscribe dev")
        return self.letter(who, "To confirm, just answer")["Reply-To"]

    def memberships(self, who):
        return [m["address"] for m in self.essaim.json("member", "list", LIST)].count(who)

    def welcomes(self, who):
        """Letters, not copies: what a kill cut off from its reply comes again."""
        return len({m["Message-ID"] for m in self.letters(who) if m["Subject"] == f"Welcome to {LIST}"})

    def restarted(self, crash_at=None):
        if self.essaim.process.running():
            self.essaim.kill()
        self.essaim.environment.pop("ESSAIM_CRASH_AT", None)
        if crash_at:
            self.essaim.environment["ESSAIM_CRASH_AT"] = crash_at
        self.essaim.start()

    def dies_on(self, who, to, mail):
        with self.assertRaises((smtplib.SMTPServerDisconnected, ConnectionError)):
            self.essaim.post(who, to, mail)
        processes.wait_for("its death", lambda: not self.essaim.process.running())

    def test_an_answer_that_comes_twice_late_or_from_another_address(self):
        self.set_up_list(subscribe="auth")
        twice = self.asked("twice@n.example")
        self.taken("twice@n.example", twice, "Re: x", "yes\n")
        self.letter("twice@n.example", "Welcome to")
        self.taken("twice@n.example", twice, "Re: x", "yes, please\n")
        self.letter("twice@n.example", "this was done already")
        # The key is the authority, and says whom it is for.
        self.taken("home@h.example", self.asked("office@o.example"), "Re: x", "yes\n")
        self.letter("office@o.example", "Welcome to")
        self.assertEqual((1, 0), (self.memberships("office@o.example"), self.memberships("home@h.example")))
        self.assertEqual((550, "5.1.1 <confirm+0123456789abcdef@lists.example>: no such address, nothing waits under this key [rule: unknown-key]"),
                         self.write("evil@x.example", "confirm+0123456789abcdef@lists.example", "Re: x"))
        late = self.asked("late@n.example")
        clock = control.Control(self.folder / "control")
        clock["clock_factor"] = 1
        clock["clock_offset_ms"] = 8 * 86_400_000
        self.essaim.environment.update({"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"), "ESSAIM_SHIM_CONTROL": str(clock.path)})
        self.restarted()
        self.assertEqual((550, f"5.7.1 <{late}>: too late, this has expired [rule: expired-key]"),
                         self.write("late@n.example", late, "Re: x", "yes\n"))
        self.taken("late@n.example", ROBOT, f"CONFIRM {re.search('[+](.*)@', late).group(1)}")
        self.letter("late@n.example", "this has expired")
        self.assertEqual(0, self.memberships("late@n.example"))
        self.assertEqual((1, 1), (self.memberships("twice@n.example"), self.welcomes("twice@n.example")))

    def test_an_answer_that_a_crash_meets_counts_once_or_can_be_given_again(self):
        self.set_up_list(subscribe="auth")
        people = ["before@n.example", "between@n.example", "after@n.example"]
        before, between, after = [self.asked(who) for who in people]
        # Decided, but not committed: nothing has happened, and the key is still good.
        self.restarted("held.decided:1")
        mail = essaim.message(people[0], before, subject="Re: x", body="yes\n")
        self.dies_on(people[0], before, mail)
        self.restarted("accept.after-commit:1")
        self.assertEqual(0, self.memberships(people[0]))
        self.assertEqual(["waits"] * 3, [h["state"] for h in self.essaim.json("held", "list")])
        # Committed, and nobody was told: whoever sends it again, as a mail server does, changes nothing.
        mail_between = essaim.message(people[1], between, subject="Re: x", body="yes\n")
        self.dies_on(people[1], between, mail_between)
        self.restarted()
        self.assertEqual(1, self.memberships(people[1]))
        for who, to, again in ((people[0], before, mail), (people[1], between, mail_between)):
            self.assertEqual(250, self.essaim.post(who, to, again)[0])
        # Killed as soon as it had promised.
        self.taken(people[2], after, "Re: x", "yes\n")
        self.restarted()
        for who in people:
            self.letter(who, "Welcome to")
            self.assertEqual((1, 1), (self.memberships(who), self.welcomes(who)), who)
        self.assertIn("nothing waits", self.essaim.run("held", "list"))
        self.taken(people[2], after, "Re: x", "yes\n")
        self.letter(people[2], "this was done already")


class ListEnds(People):
    def test_who_waits_is_told_when_the_list_is_deleted(self):
        self.set_up_list(send="editorkey", subscribe="owner")
        self.taken("x@y.example", LIST, "Buy honey")
        self.letter("x@y.example", "it need not be sent again")
        question = self.letter(EVE, "waits for a moderator")
        self.taken(NEW, ROBOT, "subscribe dev")
        processes.wait_for("both wait", lambda: len(self.essaim.json("held", "list")) == 2)
        self.assertIn("list deleted; 1 post and 1 request that waited there are dropped; people told of it: 2",
                      self.essaim.run("list", "delete", LIST))
        self.assertIn(f'shell did="waiting-dropped list={LIST} posts=1 requests=1 told=2', self.essaim.process.output())
        for who in ("x@y.example", NEW):
            self.assertIn(LIST, self.letter(who, f"The list {LIST} was deleted")["To"])
        self.assertEqual([], self.essaim.json("held", "list"))
        # A moderator who comes too late.
        self.taken(EVE, question["Reply-To"], "Re: x", "approve\n")
        self.letter(EVE, "this was declined already by the operator")
        self.essaim.run("list", "delete", LIST, check=False)
        self.assertEqual(1, self.essaim.last.returncode)


class TwoNodes(People):
    def test_two_moderators_at_once_on_two_nodes_make_one_decision(self):
        self.sink = self.started(sink.Sink(self.folder))
        database = self.started(mariadb.MariaDb())
        nodes = [self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0], database=database.url(),
                                            hostname=f"mx{n}.lists.example", name=f"node{n}")) for n in (1, 2)]
        self.essaim = nodes[0]
        self.essaim.make_list(LIST, [ANN], send="editorkey", tell_held="false", tell_rejected="true")
        self.essaim.run("member", "add", LIST, "--role", "editor", EVE, ED)
        for number in range(5):
            author = f"x{number}@y.example"
            self.taken(author, LIST, f"Post {number}")
            letter = self.letter(EVE, f"Post {number}")
            replies = [None, None]

            def answer(node, who, what, letter=letter, replies=replies):
                replies[node] = self.write(who, self.address(letter, what), node=nodes[node])

            both = [threading.Thread(target=answer, args=(0, EVE, "approve")), threading.Thread(target=answer, args=(1, ED, "reject"))]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
            self.assertEqual([250, 250], [reply[0] for reply in replies], replies)
        decided = self.essaim.json("held", "list", "--all")
        self.assertEqual(5, len(decided))
        approved = {h["subject"] for h in decided if h["state"] == "approved"}
        rejected = {h["author"] for h in decided if h["state"] == "rejected"}
        processes.wait_for("the posts that passed", lambda: {m["Subject"] for m in self.posts_to(ANN)} >= approved)
        self.assertEqual(approved, {m["Subject"] for m in self.posts_to(ANN)})
        for author in rejected:
            self.letter(author, "was refused by a moderator")
        # Each loser was told who was first.
        for h in decided:
            loser, words = (ED, f"approved already by {EVE}") if h["state"] == "approved" else (EVE, f"declined already by {ED}")
            self.letter(loser, words)


if __name__ == "__main__":
    unittest.main()
