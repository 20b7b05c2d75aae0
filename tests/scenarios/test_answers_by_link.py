"""Moderators, authors and requesters answer on a page: once, by whom is known, and the first answer counts, also over a crash."""

import re
import threading
import unittest

import test_moderation_and_commands as commands
import test_one_click
from support import essaim, mariadb, processes, sink

LIST, ANN, EVE, ED, NEW = commands.LIST, commands.ANN, commands.EVE, commands.ED, commands.NEW
PUBLIC = "https://lists.example"
LISTEN = '[[listen]]\naddress = "127.0.0.1:0"\nrole = "http"\n'


class AnswersByLink(commands.People):
    def set_up_list(self, **settings):
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(
            self.folder, smarthost=self.sink.addresses[0], listen=LISTEN, extra=f'[http]\nbase_url = "{PUBLIC}"\n'))
        self.essaim.make_list(LIST, [ANN], **settings)
        self.essaim.run("member", "add", LIST, "--role", "editor", EVE, ED)

    def link(self, letter):
        return re.search(rf"{PUBLIC}(/held/\w+)\s", self.text(letter)).group(1)

    def page(self, path, *options, node=None):
        return test_one_click.curl(f"http://127.0.0.1:{(node or self.essaim).port_of('http')}{path}", *options)

    def press(self, path, action, *options, node=None, **fields):
        data = [word for name, value in {"action": action, **fields}.items() for word in ("--data-urlencode", f"{name}={value}")]
        return self.page(path, *data, *options, node=node)

    def test_moderators_decide_on_the_page_and_by_mail_and_the_first_answer_counts(self):
        self.set_up_list(send="editorkey", tell_held="false")
        self.taken("x@y.example", LIST, "Buy honey", body="Cheap honey <b>here</b>\n")
        letter = self.letter(EVE, "All of it on one page")
        path = self.link(letter)
        # A scanner may follow it as often as it likes; a person sees what it is about.
        for options in ((), ("-I",), ("-X", "GET", "-d", "action=approve")):
            status, header, shown = self.page(path, *options)
            self.assertEqual(200, status)
        status, header, shown = self.page(path, "-H", "Accept-Language: fr")
        for words in ("Un message à dev@lists.example attend un modérateur", "Buy honey", "x@y.example", "Cheap honey &lt;b&gt;here",
                      "<option>ed@e.example</option>", "Approuver"):
            self.assertIn(words, shown)
        self.assertIn("cache-control: no-store", header)
        self.assertEqual(405, self.page(path, "-X", "DELETE")[0])
        self.assertEqual(400, self.press(path, "approve")[0])
        self.assertEqual("waits", self.essaim.json("held", "list")[0]["state"])

        self.essaim.kill()
        self.essaim.start()
        status, _, shown = self.press(path, "approve", by=EVE)
        self.assertEqual(200, status, shown)
        self.assertIn("The message goes to dev@lists.example.", shown)
        processes.wait_for("the post", lambda: self.posts_to(ANN))
        self.assertEqual(EVE, self.posts_to(ANN)[0]["X-Validation-by"])
        for late in (self.press(path, "reject", by=ED), self.press(path, "approve", by=EVE), self.page(path)):
            self.assertEqual(410, late[0])
            self.assertIn(f"This was approved already by {EVE}.", late[2])
        self.taken(ED, self.address(letter, "reject"), "Re: x", "No!\n")
        self.letter(ED, f"this was approved already by {EVE}")
        self.assertIn(f"approved by {EVE}", self.essaim.run("held", "list", "--all"))
        log = self.essaim.process.output()
        self.assertRegex(log, rf" answered .*answer=approve by={EVE} how=link client=127\.0\.0\.1 ")
        self.assertNotIn(path.rpartition("/")[2], log)
        self.assertIn("path=/held/* status=410", log)

        # By mail first, then on the page.
        self.taken("x@y.example", LIST, "More honey")
        second = self.letter(EVE, "More honey")
        self.taken(EVE, second["Reply-To"], "Re: x", "reject too much\n")
        self.assertIn(f"This was declined already by {EVE}.", self.page(self.link(second))[2])
        # A reason, and a ban.
        self.taken("x@y.example", LIST, "Still more honey")
        status, _, shown = self.press(self.link(self.letter(EVE, "Still more honey")), "reject", by=ED, reason="Enough: 100 % honey & more")
        self.assertEqual(200, status, shown)
        self.letter("x@y.example", "Reason: Enough: 100 % honey & more")
        self.taken("x@y.example", LIST, "The last honey")
        self.assertEqual(200, self.press(self.link(self.letter(EVE, "The last honey")), "ban", by=ED)[0])
        self.assertEqual((550, "5.7.1 not accepted [rule: blocklist]"), self.write("x@y.example", LIST, "Honey"))

    def test_many_posts_are_decided_with_one_press_over_a_crash(self):
        self.set_up_list(send="editorkey", tell_held="false")
        for number in range(6):
            self.taken(f"x{number}@y.example", LIST, f"Post {number}")
        path = self.link(self.letter(EVE, "Post 0"))
        ids = [h["id"] for h in self.essaim.json("held", "list")]
        status, _, shown = self.page(path, "-H", "Accept-Language: fr")
        self.assertEqual(200, status)
        for words in ("Les autres en attente", "Post 5, de x5@y.example", f'value="{ids[5]}"'):
            self.assertIn(words, shown)
        status, _, shown = self.press(path, "approve", by=EVE, also=",".join(ids[1:3]))
        self.assertEqual(200, status, shown)
        self.assertEqual(3, shown.count("The message goes to dev@lists.example."))
        self.essaim.kill()
        self.essaim.start()
        # Pressed again with more: what is done says so, the rest is done.
        status, _, shown = self.press(path, "reject", by=ED, reason="enough", also=",".join(ids[2:5]))
        self.assertEqual(200, status, shown)
        self.assertEqual((2, 2), (shown.count(f"This was approved already by {EVE}."), shown.count("The message was refused.")))
        self.letter("x4@y.example", "Reason: enough")
        processes.wait_for("three posts, of which a kill may have made one come again", lambda: len({m["Message-ID"] for m in self.posts_to(ANN)}) == 3)
        self.assertEqual(["Post 5"], [h["subject"] for h in self.essaim.json("held", "list")])
        self.assertRegex(self.essaim.process.output(), rf" answered id={ids[3]} .*answer=reject by={ED} how=link client=127\.0\.0\.1 ")

    def test_two_who_press_at_once_on_two_nodes_get_one_decision(self):
        self.sink = self.started(sink.Sink(self.folder))
        database = self.started(mariadb.MariaDb())
        nodes = [self.started(essaim.Essaim(
            self.folder, smarthost=self.sink.addresses[0], listen=LISTEN, extra=f'[http]\nbase_url = "{PUBLIC}"\n', database=database.url(),
            hostname=f"mx{n}.lists.example", name=f"node{n}")) for n in (1, 2)]
        self.essaim = nodes[0]
        self.essaim.make_list(LIST, [ANN], send="editorkey", tell_held="false", tell_rejected="false")
        self.essaim.run("member", "add", LIST, "--role", "editor", EVE, ED)
        for number in range(5):
            self.taken("x@y.example", LIST, f"Post {number}")
            path = self.link(self.letter(EVE, f"Post {number}"))
            statuses = []
            both = [threading.Thread(target=lambda node=node, what=what, who=who: statuses.append(self.press(path, what, node=node, by=who)[0]))
                    for node, what, who in ((nodes[0], "approve", EVE), (nodes[1], "reject", ED))]
            for thread in both:
                thread.start()
            for thread in both:
                thread.join()
            self.assertEqual([200, 410], sorted(statuses))
        decided = self.essaim.json("held", "list", "--all")
        approved = {h["subject"] for h in decided if h["state"] == "approved"}
        self.assertEqual(5, len(decided))
        processes.wait_for("the posts that passed", lambda: {m["Subject"] for m in self.posts_to(ANN)} >= approved)
        self.assertEqual(approved, {m["Subject"] for m in self.posts_to(ANN)})

    def test_people_confirm_and_owners_approve_in_both_languages(self):
        self.set_up_list(subscribe="auth_owner")
        for who, language, page, done in ((NEW, "en", "Please confirm: subscribe", "It waits now"),
                                          ("nouveau@n.example", "fr", "Merci de confirmer : abonner", "en attente")):
            header = ("-H", f"Accept-Language: {language}")
            self.taken(who, "dev-subscribe@lists.example", extra=f"Accept-Language: {language}\r\n")
            path = self.link(self.letter(who, f"{PUBLIC}/held/"))
            self.assertIn(page, self.page(path, *header)[2])
            status, _, shown = self.press(path, "approve", *header)
            self.assertEqual(200, status)
            self.assertIn(done, shown)
            self.assertEqual(410, self.press(path, "approve", *header)[0])
            asked = self.link(self.letter("owner@people.example", f"subscribe {who} to {LIST}"))
            self.assertEqual(200, self.press(asked, "approve")[0])
            self.assertIn(who, self.essaim.run("member", "list", LIST))
        self.assertEqual("done", self.essaim.json("request", "invite", LIST, "guest@n.example")["status"])
        path = self.link(self.letter("guest@n.example", f"{PUBLIC}/held/"))
        self.assertIn("Invitation to dev@lists.example", self.page(path)[2])
        self.assertEqual(200, self.press(path, "approve")[0])
        self.assertIn("guest@n.example", self.essaim.run("member", "list", LIST))
        status, _, shown = self.page("/held/0123456789abcdef")
        self.assertEqual(404, status)
        self.assertIn("Nothing waits under this link", shown)


if __name__ == "__main__":
    unittest.main()
