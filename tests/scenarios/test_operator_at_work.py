"""An operator holds, releases, deletes, retries, suspends, drains and looks, on the running server and on the one that is
down."""

import re
import signal
import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"


class OperatorAtWork(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@*@busy.example=first:2:450 4.2.1 mailbox busy"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["a@busy.example", "b@busy.example", "c@c.example"], post="anyone")

    def post(self):
        reply = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        self.assertEqual(250, reply[0], reply)
        queue_id = self.essaim.queue_id(reply)
        processes.wait_for("deferral", lambda: self.counts(queue_id)["delivered"] == 1 and self.waiting())
        return queue_id

    def counts(self, queue_id):
        return self.essaim.json("post", "show", queue_id)["counts"]

    def waiting(self, *filters):
        return self.essaim.json("queue", "list", *filters)["batches"]

    def test_hold_release_retry_and_delete(self):
        for running in (True, False):
            with self.subTest(running=running):
                queue_id = self.post()
                if not running:
                    self.assertEqual(0, self.essaim.stop())
                self.essaim.run("queue", "hold", queue_id, "--reason", "looks odd")
                self.assertIn("looks odd", str(self.waiting()))
                self.essaim.run("queue", "release", queue_id)
                self.assertNotIn("looks odd", str(self.waiting()))
                self.essaim.run("queue", "delete", queue_id)
                counts = self.counts(queue_id)
                self.assertEqual((1, 2, 0), (counts["delivered"], counts["suppressed"], counts["pending"]))
                if not running:
                    self.essaim.start()

    def test_retry_makes_it_due_now(self):
        queue_id = self.post()
        for _ in range(3):
            self.essaim.run("queue", "retry", queue_id)
            try:
                self.essaim.wait_finished(queue_id, timeout=5)
                break
            except AssertionError:
                pass
        self.assertEqual(3, self.counts(queue_id)["delivered"])

    def test_statements_and_commits_of_a_post_are_counted(self):
        before = self.essaim.json("storage", "counters")
        self.post()
        after = self.essaim.json("storage", "counters")
        self.assertEqual(0, after["failed_commits"])
        self.assertLess(before["durable_commits"], after["durable_commits"])
        self.assertLess(after["durable_commits"] - before["durable_commits"], after["statements"] - before["statements"])
        self.assertLess(before["reads"], after["reads"], "RCPT is looked up by a reader")
        self.essaim.stop()
        self.essaim.run("storage", "counters", check=False)
        self.assertNotEqual(0, self.essaim.last.returncode)

    def test_a_suspended_destination_waits_with_its_reason(self):
        self.essaim.run("destination", "suspend", "c.example", "--reason", "asked by phone")
        reply = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        queue_id = self.essaim.queue_id(reply)
        self.assertIn("asked by phone", self.essaim.run("destination", "explain", "c.example"))
        processes.wait_for("deferral", lambda: "asked by phone" in self.essaim.run("post", "show", queue_id)
                           or "asked by phone" in str(self.waiting()))
        self.assertEqual(0, self.sink.recipients()["c@c.example"])
        self.essaim.run("destination", "resume", "c.example")
        self.essaim.run("queue", "retry", queue_id)
        processes.wait_for("delivery", lambda: self.sink.recipients()["c@c.example"] == 1)

    def test_drain_ends_well_and_another_start_goes_on(self):
        queue_id = self.post()
        self.assertEqual(0, self.essaim.stop())
        self.essaim.start()
        self.essaim.run("queue", "retry", queue_id)
        self.assertEqual(1, self.sink.recipients()["c@c.example"])

    def test_reload_refuses_a_bad_file_and_keeps_the_old(self):
        good = self.essaim.config.read_text()
        self.essaim.config.write_text(good + "\n[delivry]\nport = 1\n")
        self.essaim.process.send(signal.SIGHUP)
        processes.wait_for("the refusal", lambda: "delivry" in self.essaim.process.output())
        result = self.essaim.run("config", "check", check=False)
        self.assertEqual(2, self.essaim.last.returncode)
        self.assertIn("delivery", result + self.essaim.last.stderr)
        self.essaim.config.write_text(good)
        self.post()

    def test_what_the_shell_did_is_in_the_log(self):
        people = [f"p{number}@gone.example" for number in range(20)]
        self.essaim.run("member", "add", LIST, "--file", "-", stdin="\n".join(people) + "\n")
        self.essaim.run("member", "remove", LIST, "--file", "-", stdin="\n".join(people) + "\n")
        self.essaim.run("account", "create", "ann", "--address", "ann@a.example", "--no-password", "--may-relay")
        self.essaim.run("account", "delete", "ann")
        self.essaim.run("leave-key", "rotate")
        self.essaim.run("destination", "suspend", "c.example", "--reason", "asked by phone")
        self.essaim.run("destination", "resume", "c.example")
        log = self.essaim.process.output()
        self.assertEqual(len(people), log.count('shell did="request verb=delete '))
        for words in ("account verb=create name=ann addresses=ann@a.example may_relay=yes", "account verb=delete name=ann",
                      "leave-key verb=rotate key=1", "suspended scope=destination what=c.example until=resumed reason=",
                      "resumed scope=destination what=c.example"):
            self.assertIn(f'shell did="{words}', log)

    def test_a_person_is_erased_while_mail_is_on_its_way(self):
        """Copies of lists that she has left by it are stopped; everybody else's arrive, also of what she wrote."""
        ann = "ann@a.example"
        self.essaim.run("member", "add", LIST, f"Ann <{ann}>")
        self.essaim.run("queue", "suspend", "--reason", "test")
        posts = [self.essaim.queue_id(self.essaim.post(who, LIST, essaim.message(who, LIST))) for who in (ann, "x@client.example")]
        about = self.essaim.json("person", "show", ann)
        self.assertEqual({"written": 1, "waiting": 1, "with_text": 1}, about["posts"])
        self.assertEqual(2, about["copies"]["waiting"])
        self.assertIn("2 on their way", self.essaim.run("person", "show", ann))
        told = self.essaim.json("person", "erase", ann)
        self.assertEqual(["membership"], [thing["kind"] for thing in told["erased"] if thing["what"] == f"member of {LIST}"])
        self.assertEqual({"posts", "copies", "elsewhere"}, {thing["kind"] for thing in told["left"]})
        self.assertEqual([], self.essaim.json("person", "show", ann)["memberships"])
        for result in ("begun", "done"):
            line = rf'shell did="person verb=erase address={re.escape(ann)} [^"]* result={result}"'
            processes.wait_for(line, lambda: re.search(line, self.essaim.process.output()))
        self.assertNotIn('shell did="request verb=delete', self.essaim.process.output())
        self.essaim.run("queue", "resume")

        def is_done():
            self.essaim.run("queue", "retry", "--all", check=False)
            return all(self.counts(post)["pending"] == 0 for post in posts)

        processes.wait_for("all copies", is_done)
        for post in posts:
            self.assertEqual((3, 1), (self.counts(post)["delivered"], self.counts(post)["suppressed"]))
        self.assertNotIn(ann, self.sink.recipients())
        self.assertEqual(2, self.sink.recipients()["c@c.example"])
        self.essaim.run("job", "run", "retention")
        about = self.essaim.json("person", "show", ann)
        self.assertEqual([], about["memberships"])
        self.assertEqual([], about["departures"])
        self.assertEqual({"written": 1, "waiting": 0, "with_text": 0}, about["posts"])

    def test_storage_is_checked_and_copied_while_it_runs(self):
        queue_id = self.post()
        self.essaim.run("storage", "check")
        copy = self.folder / "copy.db"
        self.essaim.run("storage", "backup", copy)
        self.essaim.stop()
        self.essaim.config.write_text(self.essaim.config.read_text().replace(str(self.essaim.database), str(copy)))
        self.essaim.run("storage", "check")
        self.assertEqual(1, self.counts(queue_id)["delivered"])


if __name__ == "__main__":
    unittest.main()
