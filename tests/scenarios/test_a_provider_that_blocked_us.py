"""A provider refused us for good, and does so no more: its members are sent to again, on the running server, on the one that is
down, and from another node."""

import unittest

from support import essaim, nodes, processes, sink

LIST = "dev@lists.example"
BLOCKED = "rcpt@*@blocked.example=first:1:554 5.7.1 you are on our blocklist"
MEMBERS = ["a@blocked.example", "b@blocked.example", "c@c.example"]
RETRY = ("--recipients", "failed", "--domain", "blocked.example")
REASON = ("--reason", "the block is lifted")


class AProviderThatBlockedUs(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, rules=[BLOCKED]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))

    def failed(self, list_address):
        """A post of which two recipients have failed."""
        reply = self.essaim.post("x@client.example", list_address, essaim.message("x@client.example", list_address))
        self.assertEqual(250, reply[0], reply)
        ledger = self.essaim.wait_finished(self.essaim.queue_id(reply))
        self.assertEqual((1, 2), (ledger["counts"]["delivered"], ledger["counts"]["failed"]), ledger)
        return ledger["id"]

    def test_its_members_are_sent_to_again_but_for_who_has_left(self):
        for where, running in (("up", True), ("down", False)):
            with self.subTest(running=running):
                address = f"{where}@lists.example"
                people = [f"{where}-{member}" for member in MEMBERS]
                self.essaim.make_list(address, people, post="anyone")
                post = self.failed(address)
                if not running:
                    self.assertEqual(0, self.essaim.stop())
                self.essaim.run("member", "remove", address, people[1])
                self.assertEqual(2, self.essaim.json("post", "retry", post, *RETRY, "--dry-run")["recipients"])
                self.essaim.run("post", "retry", post, *RETRY, check=False)
                self.assertEqual((2, True), (self.essaim.last.returncode, "--reason is missing" in self.essaim.last.stderr))
                self.assertEqual(2, self.essaim.json("post", "show", post)["counts"]["failed"])
                said = self.essaim.run("post", "retry", post, *RETRY, *REASON)
                self.assertIn("2 recipients of 1 post will be sent to again", said)
                if running:
                    processes.wait_for("the log", lambda: f"post-retried id={post}" in self.essaim.process.output())
                else:
                    waiting = self.essaim.run("post", "show", post, "--recipients", "deferred")
                    self.assertIn("sent again by the operator: the block is lifted; had failed: 554 5.7.1 you are on", waiting)
                    self.essaim.start()
                ledger = self.essaim.wait_finished(post)
                states = {one["recipient"]: (one["state"], one["reply"]) for one in ledger["recipients"]}
                self.assertEqual("delivered", states[people[0]][0], states)
                self.assertEqual(("suppressed", "left the list"), states[people[1]])
                self.assertFalse(self.essaim.json("queue", "list")["batches"])
                received = self.sink.recipients()
                self.assertEqual([1, 0, 1], [received[member] for member in people])

    def test_of_all_lists_those_are_sent_to_again_who_failed_for_it(self):
        lists, people = ["one@lists.example", "two@lists.example"], []
        for address in lists:
            members = [f"{address[:3]}-{member}" for member in MEMBERS]
            people += members
            self.essaim.make_list(address, members, post="anyone")
        posts = sorted(self.failed(address) for address in lists)
        failures = self.essaim.json("post", "failures", "--by", "destination")
        self.assertEqual((4, 2, 4), tuple(failures[name] for name in ("recipients", "posts", "can_be_sent_again")), failures)
        line = failures["failures"][0]
        self.assertEqual(("blocked.example", "554 5.7.1 you are on our blocklist", 4, lists),
                         tuple(line[name] for name in ("destination", "reply", "recipients", "lists")), line)
        self.assertIn(line["example"]["id"], posts)
        self.assertIn("4 recipients of 2 posts failed for good", self.essaim.run("post", "failures", "--since", "1h"))
        self.assertEqual(0, self.essaim.json("post", "failures", "--domain", "c.example")["recipients"])
        find = ("post", "find", "--failed", "--since", "1h")
        self.assertEqual(posts, sorted(one["id"] for one in self.essaim.json(*find, "--why", "Blocklist", *RETRY[2:])))
        self.assertFalse(self.essaim.json(*find, "--domain", "c.example"))
        self.assertFalse(self.essaim.json(*find, "--why", "greylisted"))

        retry = ("post", "retry", "--why", "blocklist")
        self.essaim.run(*retry, *REASON, check=False)
        self.assertEqual((2, True), (self.essaim.last.returncode, "--since" in self.essaim.last.stderr))
        would = self.essaim.json(*retry, "--since", "1h", "--dry-run")
        self.assertEqual((4, 2), (would["recipients"], would["posts"]))
        self.assertEqual(4, self.essaim.json("post", "failures")["recipients"])
        self.assertEqual(4, len(self.essaim.json("member", "bouncing", "--at-least", "1")))
        said = self.essaim.run(*retry, "--since", "1h", "--forgive-bounces", *REASON)
        self.assertIn("4 recipients of 2 posts will be sent to again", said)
        self.assertIn("4 bounces taken back", said)
        for post in posts:
            counts = self.essaim.wait_finished(post)["counts"]
            self.assertEqual({"accepted": 3, "delivered": 3, "failed": 0, "suppressed": 0, "pending": 0}, counts)
        self.assertEqual({member: 1 for member in people}, dict(self.sink.recipients()))
        self.assertEqual(0, self.essaim.json("post", "failures")["recipients"])
        self.assertFalse(self.essaim.json("member", "bouncing", "--at-least", "1"))

    def test_what_is_settled_is_not_sent_again(self):
        self.essaim.make_list(LIST, MEMBERS, post="anyone")
        post = self.failed(LIST)
        self.essaim.run("job", "run", "retention")
        self.assertEqual(2, self.essaim.json("post", "retry", post, *RETRY, "--dry-run")["recipients"])
        self.assertEqual(0, self.essaim.stop())
        with self.essaim.config.open("a", encoding="utf-8") as config:
            config.write('\n[retention]\nfailed = "0s"\n')
        self.essaim.start()

        def refused():
            self.essaim.run("job", "run", "retention")
            self.essaim.run("post", "retry", post, *RETRY, "--dry-run", check=False)
            return self.essaim.last.returncode == 1

        processes.wait_for("the post to be settled", refused)
        self.essaim.run("post", "retry", post, *RETRY, *REASON, check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn("cannot be sent again", self.essaim.last.stderr)
        self.assertEqual(2, self.essaim.json("post", "show", post)["counts"]["failed"])


class AProviderThatTakesNothing(processes.Scenario):
    def test_it_is_told_of_until_it_takes_a_message(self):
        mx = self.started(sink.Sink(self.folder, rules=["rcpt@*@blocked.example=554 5.7.1 you are on our blocklist",
                                                        "rcpt@*@unknown.example=550 5.1.1 no such user"]))
        server = self.started(essaim.Essaim(self.folder, smarthost=mx.addresses[0]))
        server.make_list("unknown@lists.example", [f"m{i}@unknown.example" for i in range(15)], post="anyone")
        server.make_list(LIST, [f"m{i}@blocked.example" for i in range(15)], post="anyone")
        server.make_list("taken@lists.example", ["a@c.example"], post="anyone")

        def told():
            return "destination-refuses-all" in server.process.output()

        def state():
            return server.run("destination", "explain", "blocked.example")

        # Mailboxes that are not there say nothing of us, and one post alone may be the post's own fault.
        for address in ("unknown@lists.example", "unknown@lists.example", LIST):
            reply = server.post("x@client.example", address, essaim.message("x@client.example", address))
            self.assertEqual(15, server.wait_finished(server.queue_id(reply))["counts"]["failed"])
        self.assertFalse(told())
        self.assertNotIn("refuses all", state())
        reply = server.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        server.wait_finished(server.queue_id(reply))
        processes.wait_for("the log", told)
        self.assertIn("refuses all for good: 30 recipients in a row", state())
        reply = server.post("x@client.example", "taken@lists.example", essaim.message("x@client.example", "taken@lists.example"))
        server.wait_finished(server.queue_id(reply))
        processes.wait_for("the end of it", lambda: "refuses all" not in state())


class FromAnotherNode(nodes.Nodes):
    sink_options = ("--on", BLOCKED)

    def test_who_is_sent_to_again_gets_it_once(self):
        one = self.node("one")
        two = self.node("two")
        one.make_list(LIST, MEMBERS, post="anyone")
        reply = one.post(nodes.AUTHOR, LIST, essaim.message(nodes.AUTHOR, LIST))
        post = one.wait_finished(one.queue_id(reply))["id"]
        self.assertEqual(2, two.json("post", "retry", post, *RETRY, *REASON)["recipients"])
        ledger = one.wait_finished(post)
        self.assertEqual(3, ledger["counts"]["delivered"], ledger)
        self.assertEqual({member: 1 for member in MEMBERS}, dict(self.sink.recipients()))


if __name__ == "__main__":
    unittest.main()
