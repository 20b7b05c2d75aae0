"""An operator suspends a list, or everything: mail is taken and waits with its reason, while the server runs and while it
does not, and goes when the suspension is resumed or over."""

import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"
OTHER = "news@lists.example"


class Suspensions(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["a@a.example", "b@b.example"], post="anyone")
        self.essaim.make_list(OTHER, ["c@c.example"], post="anyone")

    def post(self, address=LIST):
        reply = self.essaim.post("x@client.example", address, essaim.message("x@client.example", address))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def waits_because(self, queue_id, words):
        return processes.wait_for(words, lambda: words in self.essaim.run("post", "explain", queue_id))

    def test_a_suspended_list_takes_mail_that_waits_and_another_list_goes_on(self):
        self.essaim.run("list", "suspend", LIST, "--reason", "mail storm")
        queue_id = self.post()
        self.essaim.wait_finished(self.post(OTHER))
        self.waits_because(queue_id, "list suspended by the operator: mail storm")
        self.assertIn("mail storm", self.essaim.run("queue", "list"))
        self.assertIn("mail storm", self.essaim.run("queue", "why"))
        self.assertIn("mail storm", self.essaim.run("destination", "explain", "a.example"))
        self.assertEqual("mail storm", self.essaim.json("list", "show", LIST)["suspension"]["reason"])
        # Over a restart, and resumed while it is down.
        self.assertEqual(0, self.essaim.stop())
        self.essaim.start()
        self.waits_because(queue_id, "mail storm")
        self.assertEqual(0, self.essaim.stop())
        self.assertTrue(self.essaim.json("list", "resume", LIST)["changed"])
        self.assertFalse(self.essaim.json("list", "resume", LIST)["changed"])
        self.essaim.start()
        self.essaim.wait_finished(queue_id)
        self.assertEqual({"a@a.example": 1, "b@b.example": 1, "c@c.example": 1}, self.sink.recipients())

    def test_a_destination_is_explained_to_programs_under_the_same_names_with_and_without_a_server(self):
        self.essaim.run("destination", "suspend", "a.example", "--reason", "asked by phone")
        queue_id = self.post()

        def settled():
            batches = self.essaim.json("queue", "list")["batches"]
            return [(b["state"], b["pending"]) for b in batches] == [("waiting", 1)] and "by phone" in batches[0]["why"]

        processes.wait_for("b to be done and a to wait", settled)

        def explained():
            json = self.essaim.json("destination", "explain", "a.example")
            return json["running"], {key: json[key] for key in ("domain", "suspensions", "waiting", "tls")}

        running, told = explained()
        self.assertTrue(running)
        self.assertEqual("a.example", told["domain"])
        self.assertEqual(["asked by phone"], [one["reason"] for one in told["suspensions"]])
        self.assertEqual([(queue_id, 1)], [(one["id"], one["pending"]) for one in told["waiting"]])
        self.assertIn("asked by phone", told["waiting"][0]["why"])
        self.assertTrue(told["waiting"][0]["due"])
        self.assertEqual(0, self.essaim.stop())
        self.assertEqual((False, told), explained())

    def test_everything_waits_until_it_is_resumed(self):
        self.essaim.run("queue", "suspend", "--reason", "blocklisted", "--for", "2h")
        ids = [self.post(), self.post(OTHER)]
        for queue_id in ids:
            self.waits_because(queue_id, "all delivery suspended by the operator: blocklisted")
        self.assertEqual({}, dict(self.sink.recipients()))
        sums = self.essaim.json("queue", "why", "--by", "reason")["sums"]
        self.assertEqual([3], [line["recipients"] for line in sums])
        self.assertIsNotNone(sums[0]["next_due"])
        self.assertEqual("everything", self.essaim.json("queue", "list")["suspensions"][0]["scope"])
        self.essaim.run("queue", "resume")
        for queue_id in ids:
            self.essaim.wait_finished(queue_id)

    def test_it_ends_by_itself_and_nothing_is_left_of_it(self):
        self.essaim.run("list", "suspend", LIST, "--for", "2s")
        queue_id = self.post()
        self.waits_because(queue_id, "list suspended")
        self.essaim.wait_finished(queue_id)
        processes.wait_for("the log", lambda: "suspension-over" in self.essaim.process.output())
        self.assertEqual([], self.essaim.json("destination", "list")["suspensions"])

    def test_times_that_make_no_sense_are_refused(self):
        for arguments in (["--for", "soon"], ["--until", "2001-01-01"], ["--for", "1h", "--until", "2h"]):
            self.essaim.run("queue", "suspend", *arguments, check=False)
            self.assertEqual(2, self.essaim.last.returncode, arguments)
        self.essaim.run("list", "suspend", "nobody@lists.example", check=False)
        self.assertEqual(1, self.essaim.last.returncode)


class Filters(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        for address in (LIST, OTHER):
            self.essaim.make_list(address, ["a@a.example", "b@b.example"], post="anyone")
        self.essaim.run("queue", "suspend", "--reason", "looking")
        self.ids = {}
        for address, sender, body in ((LIST, "spam@client.example", "x" * 60 + "\n"),
                                      (OTHER, "ann@client.example", ("y" * 70 + "\n") * 400)):
            reply = self.essaim.post(sender, address, essaim.message(sender, address, body=body))
            self.ids[address] = self.essaim.queue_id(reply)
        processes.wait_for("both to wait", lambda: self.essaim.json("queue", "list")["counts"]["waiting"] == 2)

    def concerned(self, action, *filters):
        result = self.essaim.json("queue", action, "--dry-run", *filters)
        self.assertTrue(result["dry_run"])
        return result["posts"], result["recipients"], [post["id"] for post in result["concerned"]]

    def test_a_dry_run_says_what_would_be_concerned_and_changes_nothing(self):
        dev, news = self.ids[LIST], self.ids[OTHER]
        self.assertEqual((1, 2, [dev]), self.concerned("hold", "--list", LIST))
        self.assertEqual((1, 2, [dev]), self.concerned("hold", "--sender", "spam@client.example"))
        self.assertEqual((1, 2, [news]), self.concerned("hold", "--larger-than", "10k"))
        self.assertEqual((2, 4, [dev, news]), self.concerned("hold", "--why", "LOOKING"))
        self.assertEqual((0, 0, []), self.concerned("hold", "--why", "greylist"))
        self.assertEqual((2, 4, [dev, news]), self.concerned("delete", "--state", "waiting"))
        self.assertEqual((0, 0, []), self.concerned("delete", "--state", "held"))
        self.assertEqual((2, 2, [dev, news]), self.concerned("delete", "--domain", "a.example"))
        self.assertEqual((0, 0, []), self.concerned("hold", "--older-than", "1h"))
        self.assertEqual((2, 4, [dev, news]), self.concerned("retry", "--newer-than", "1h"))
        self.assertEqual((0, 0, []), self.concerned("release", "--all"))
        self.assertEqual(2, self.essaim.json("queue", "list")["counts"]["waiting"])
        self.assertIn("nothing was changed", self.essaim.run("queue", "delete", "--all", "--dry-run"))

    def test_the_same_filters_act(self):
        dev = self.ids[LIST]
        done = self.essaim.json("queue", "hold", "--why", "looking", "--list", LIST, "--reason", "spam?")
        self.assertEqual((1, 2), (done["posts"], done["recipients"]))
        self.assertIn("spam?", self.essaim.run("post", "explain", dev))
        self.assertEqual((1, 2, [dev]), self.concerned("release", "--why", "spam"))
        done = self.essaim.json("queue", "delete", "--state", "held", "--recipient", "a@a.example")
        self.assertEqual((1, 1), (done["posts"], done["recipients"]))
        self.assertEqual((1, 1), (lambda r: (r["posts"], r["recipients"]))(self.essaim.json("queue", "release", "--all")))
        self.essaim.run("queue", "resume")
        for queue_id in self.ids.values():
            self.essaim.wait_finished(queue_id)
        self.assertEqual({"a@a.example": 1, "b@b.example": 2}, self.sink.recipients())

    def test_no_filter_is_an_error_and_nothing_found_is_none(self):
        self.essaim.run("queue", "delete", check=False)
        self.assertEqual(2, self.essaim.last.returncode)
        self.essaim.run("queue", "hold", "--state", "sleepy", check=False)
        self.assertEqual(2, self.essaim.last.returncode)
        self.assertIn("nothing found", self.essaim.run("post", "find", "--recipient", "nobody@a.example"))
        self.assertEqual([], self.essaim.json("post", "find", "--recipient", "nobody@a.example"))


if __name__ == "__main__":
    unittest.main()
