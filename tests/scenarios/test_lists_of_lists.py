"""Lists whose members, owners or moderators are lists of the same server: it is the host of their domain, and takes what it
has for itself."""

import signal
import time
import unittest

from support import dns, essaim, processes, sink

ZONE = """
lists IN MX 10 mx1.lists
mx1.lists IN A 127.0.0.1
unknown IN MX 10 mx1.lists
people IN MX 10 mx.people
mx.people IN A 127.1.0.1
team IN MX 10 mx1.lists
"""
ALL = "all@lists.example"
DEV = "dev@lists.example"


class ListsOfLists(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.1.0.1:{self.port}"]))
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.port))
        self.essaim.make_list(ALL, ["ann@people.example", DEV], send="public", subject_tag="[all]")
        self.essaim.make_list(DEV, ["bob@people.example", "cem@people.example"], send="public", subject_tag="[dev]")

    def write(self, to, **more):
        reply = self.essaim.post("ann@people.example", to, essaim.message("ann@people.example", to, **more))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.wait_finished(self.essaim.queue_id(reply))

    def test_a_post_to_the_one_reaches_the_members_of_the_other_once(self):
        ledger = self.write(ALL, message_id="<umbrella@people.example>")
        self.assertEqual({"accepted": 2, "delivered": 2, "failed": 0, "suppressed": 0, "pending": 0}, ledger["counts"])
        self.sink.wait_for(3)
        self.assertEqual({"ann@people.example": 1, "bob@people.example": 1, "cem@people.example": 1}, dict(self.sink.recipients()))
        copies = {receipt.recipient: self.sink.message(receipt) for receipt in self.sink.receipts()}
        self.assertEqual("[all] Bees", copies["ann@people.example"]["Subject"])
        self.assertEqual("[dev] [all] Bees", copies["bob@people.example"]["Subject"])
        self.assertEqual({ALL, DEV}, set(copies["bob@people.example"].get_all("X-Loop")))
        self.assertIn("<dev.lists.example>", copies["bob@people.example"]["List-Id"])
        posts = self.essaim.json("post", "find", "--message-id", "<umbrella@people.example>")
        self.assertEqual({ALL, DEV}, {post["list"] for post in posts})
        self.assertIn("this server is its host", self.essaim.run("destination", "explain", "lists.example"))
        # Whoever wrote to both has it once, also where the first list changes the body.
        self.essaim.run("list", "set", ALL, "footer=-- all")
        reply = self.essaim.post("ann@people.example", [ALL, DEV], essaim.message("ann@people.example", ALL, subject="Both"))
        self.assertEqual(250, reply[0], reply)
        self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.sink.wait_for(6)
        self.assertEqual({"ann@people.example": 2, "bob@people.example": 2, "cem@people.example": 2}, dict(self.sink.recipients()))

    def test_a_list_that_goes_to_another_domain_loses_nothing_that_is_on_its_way(self):
        self.essaim.run("queue", "suspend", "--reason", "not yet")
        reply = self.essaim.post("ann@people.example", ALL, essaim.message("ann@people.example", ALL))
        self.assertEqual(250, reply[0], reply)
        post = self.essaim.queue_id(reply)
        self.essaim.run("domain", "create", "team.example")
        self.essaim.run("domain", "create", "elsewhere.example")
        missing = self.essaim.json("list", "rename", DEV, "dev@elsewhere.example", "--dry-run")
        self.assertIn("cannot be", missing["route"]["summary"])
        moved = self.essaim.json("list", "rename", DEV, "dev@team.example")
        self.assertEqual((True, 1, False), (moved["changed"], moved["memberships"], moved["signed_after"]))
        self.assertNotIn("cannot be", moved["route"]["summary"])
        self.essaim.run("queue", "resume")
        # The copy bears the old address, and the next one the new one.
        self.assertEqual(2, self.essaim.wait_finished(post)["counts"]["delivered"])
        self.sink.wait_for(3)
        self.assertIn("dev@team.example", self.essaim.run("member", "list", ALL))
        self.assertEqual(2, self.write(ALL, subject="Again")["counts"]["delivered"])
        self.write(DEV, subject="To the old name")
        self.sink.wait_for(8)
        self.assertEqual({"ann@people.example": 2, "bob@people.example": 3, "cem@people.example": 3}, dict(self.sink.recipients()))
        copies = [self.sink.message(receipt) for receipt in self.sink.receipts() if receipt.recipient == "bob@people.example"]
        self.assertTrue(all("<dev.team.example>" in copy["List-Id"] for copy in copies))
        leave = next(copy["List-Unsubscribe"] for copy in copies)
        self.assertIn("@team.example", leave)

    def test_lists_that_are_members_of_each_other_end(self):
        self.essaim.run("member", "add", DEV, ALL)
        ledger = self.write(ALL, message_id="<ring@people.example>")
        self.assertEqual(2, ledger["counts"]["delivered"])
        self.sink.wait_for(3)
        second = next(post for post in self.essaim.json("post", "find", "--message-id", "<ring@people.example>")
                      if post["list"] == DEV)
        counts = self.essaim.wait_finished(second["id"])["counts"]
        self.assertEqual((2, 1), (counts["delivered"], counts["failed"]))
        self.assertIn("[rule: loop]", self.essaim.run("post", "show", second["id"]))
        self.assertEqual({"ann@people.example": 1, "bob@people.example": 1, "cem@people.example": 1}, dict(self.sink.recipients()))

    def test_a_copy_for_a_list_of_ours_waits_as_long_as_the_disk_is_short(self):
        self.essaim.run("queue", "suspend", "--reason", "not yet")
        reply = self.essaim.post("ann@people.example", ALL, essaim.message("ann@people.example", ALL))
        self.assertEqual(250, reply[0], reply)
        post = self.essaim.queue_id(reply)
        text = self.essaim.config.read_text()
        self.essaim.config.write_text(text + '\n[limits]\nfree_space = "1024G"\n')
        self.essaim.run("reload")
        self.essaim.run("queue", "resume")
        processes.wait_for("the copy to be put off", lambda: "452 4.3.1" in self.essaim.run("post", "show", post))
        self.sink.wait_for(1)
        self.assertEqual({"ann@people.example": 1}, dict(self.sink.recipients()))
        self.essaim.config.write_text(text)
        self.essaim.run("reload")
        self.essaim.run("queue", "retry", post)
        self.assertEqual(2, self.essaim.wait_finished(post)["counts"]["delivered"])
        self.sink.wait_for(3)
        self.assertEqual({"ann@people.example": 1, "bob@people.example": 1, "cem@people.example": 1}, dict(self.sink.recipients()))

    def test_lists_that_share_a_copy_answer_each_for_itself(self):
        news = "news@lists.example"
        self.essaim.make_list(news, ["dia@people.example"], send="public")
        self.essaim.run("list", "set", DEV, "send=private")  # ann is none of its members
        self.essaim.run("list", "set", ALL, "envelope=common")
        self.essaim.run("member", "add", ALL, news)
        ledger = self.write(ALL, message_id="<common@people.example>")
        self.assertEqual({"accepted": 3, "delivered": 2, "failed": 1, "suppressed": 0, "pending": 0}, ledger["counts"])
        self.assertEqual([DEV], [row["recipient"] for row in ledger["recipients"] if row["state"] == "failed"])
        # The third is the report that the refusal is worth to the owner.
        self.sink.wait_for(3)
        self.assertEqual({"ann@people.example": 1, "dia@people.example": 1, "owner@people.example": 1}, dict(self.sink.recipients()))

    def test_that_posts_must_be_protected_holds_behind_the_next_list_too(self):
        self.essaim.run("list", "set", ALL, "require_tls=always")
        ledger = self.write(ALL, message_id="<closed@people.example>")
        replies = {row["recipient"]: row["reply"] for row in ledger["recipients"] if row["state"] == "failed"}
        self.assertEqual({"ann@people.example"}, set(replies))
        self.assertIn("5.7.10", replies["ann@people.example"])
        second = next(post for post in self.essaim.json("post", "find", "--message-id", "<closed@people.example>")
                      if post["list"] == DEV)
        ledger = self.essaim.wait_finished(second["id"])
        self.assertEqual(2, ledger["counts"]["failed"])
        for row in ledger["recipients"]:
            self.assertIn("5.7.10", row["reply"])
        # Where that list says that the request ends at it, its members have the post.
        self.essaim.run("list", "set", DEV, "require_tls=never")
        self.write(ALL)
        self.sink.wait_for(2)
        self.assertEqual({"bob@people.example": 1, "cem@people.example": 1}, dict(self.sink.recipients()))

    def in_data(self, to):
        """A client within its message."""
        client = self.essaim.client()
        client.ehlo()
        client.mail("ann@people.example")
        client.rcpt(to)
        self.assertEqual(354, client.docmd("DATA")[0])
        return client

    def test_what_is_for_ourselves_waits_untried_while_the_server_ends(self):
        client, slow = self.in_data(ALL), self.in_data("all-owner@lists.example")
        self.essaim.process.send(signal.SIGTERM)
        processes.wait_for("the end of our own port", lambda: not processes.accepts_connections("127.0.0.1", self.essaim.port))
        client.send(essaim.message("ann@people.example", ALL).encode() + b".\r\n")
        code, text = client.getreply()
        self.assertEqual(250, code, text)
        self.sink.wait_for(1)  # others have what is theirs
        time.sleep(0.5)  # in which it would be refused
        slow.send(b"Subject: late\r\n\r\n.\r\n")
        slow.getreply()
        self.assertEqual(0, self.essaim.process.process.wait(30))
        self.assertNotIn("destination-suspended", self.essaim.process.output())
        queue_id = self.essaim.queue_id((code, text.decode()))
        row = next(row for row in self.essaim.json("post", "show", queue_id)["recipients"] if row["recipient"] == DEV)
        self.assertEqual(("pending", 0), (row["state"], row["attempts"]))
        self.essaim.start()
        self.essaim.wait_finished(queue_id)
        self.sink.wait_for(3)

    def test_owners_may_be_a_list(self):
        self.essaim.make_list("board@lists.example", ["dia@people.example"], send="public")
        self.essaim.run("list", "create", "news@lists.example", "--owner", "board@lists.example")
        self.write("news-owner@lists.example")
        self.sink.wait_for(1)
        self.assertEqual({"dia@people.example": 1}, dict(self.sink.recipients()))

    def test_moderators_may_be_a_list(self):
        mods = "mods@lists.example"
        self.essaim.make_list(mods, ["dia@people.example", "eli@people.example"], send="private")
        self.essaim.run("list", "set", DEV, "send=editorkey", "tell_held=false")
        self.essaim.run("member", "add", DEV, mods, "--role", "editor")
        reply = self.essaim.post("ann@people.example", DEV, essaim.message("ann@people.example", DEV))
        self.assertEqual(250, reply[0], reply)
        self.sink.wait_for(2)
        self.assertEqual({"dia@people.example": 1, "eli@people.example": 1}, dict(self.sink.recipients()))
        question = self.sink.message(self.sink.receipts()[0])
        reply = self.essaim.post("dia@people.example", question["Reply-To"],
                                 essaim.message("dia@people.example", question["Reply-To"], body="approve\n"))
        self.assertEqual(250, reply[0], reply)
        self.sink.wait_for(4)
        self.assertEqual({"dia@people.example": 1, "eli@people.example": 1, "bob@people.example": 1, "cem@people.example": 1},
                         dict(self.sink.recipients()))

    def test_a_domain_that_names_us_and_that_we_do_not_know_is_said_to_be_so(self):
        self.essaim.make_list("odd@lists.example", ["x@unknown.example"], send="public")
        ledger = self.write("odd@lists.example")
        self.assertEqual(1, ledger["counts"]["failed"])
        self.assertIn("554 5.4.6 this server is the host of unknown.example by its MX, and does not know it: `essaim domain create`?",
                      self.essaim.run("post", "show", ledger["id"]))


if __name__ == "__main__":
    unittest.main()
