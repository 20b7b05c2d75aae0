"""Finding the mail exchanger when DNS and hosts are not as they should be."""

import unittest

from support import dns, essaim, processes, sink

ZONE = """
good IN MX 10 mx.good
mx.good IN A 127.1.0.1
implicit IN A 127.1.0.1
null IN MX 0 .
me IN MX 5 mx1.lists
me IN MX 10 mx.good
mx1.lists IN A 127.0.0.1
deadfirst IN MX 5 mx.dead
deadfirst IN MX 10 mx.good
mx.dead IN A 127.1.0.9
dead IN MX 5 mx.dead
noaddress IN MX 5 gone
six IN MX 5 mx.six
mx.six IN AAAA 2001:db8::1
alias IN CNAME good
"""


class MxHostsInTrouble(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.port = processes.free_port()
        self.dns = self.started(dns.NameServer(self.folder, {"example": ZONE}))
        self.sink = self.started(sink.Sink(self.folder, listen=[f"127.1.0.1:{self.port}"]))

    def serve(self, **settings):
        self.essaim = self.started(essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.port, **settings))

    def send(self, *members):
        self.essaim.make_list("dev@lists.example", members, post="anyone")
        reply = self.essaim.post("x@client.example", "dev@lists.example", essaim.message("x@client.example", "dev@lists.example"))
        self.assertEqual(250, reply[0], reply)
        return self.essaim.queue_id(reply)

    def states(self, queue_id):
        ledger = self.essaim.json("post", "show", queue_id)
        return {row["recipient"]: row for row in ledger["recipients"]}

    def test_each_domain_gets_what_its_records_say(self):
        self.serve()
        queue_id = self.send("a@good.example", "b@implicit.example", "c@null.example", "d@me.example", "e@deadfirst.example",
                             "f@missing.example", "g@noaddress.example", "h@alias.example", "i@[127.1.0.1]")
        ledger = self.essaim.wait_finished(queue_id)
        states = {row["recipient"]: (row["state"], row["reply"]) for row in ledger["recipients"]}
        for address in ("a@good.example", "b@implicit.example", "e@deadfirst.example", "h@alias.example", "i@[127.1.0.1]"):
            self.assertEqual("delivered", states[address][0], states)
            self.assertEqual(1, self.sink.recipients()[address])
        for address, code in (("c@null.example", "5.1.10"), ("d@me.example", "5.4.6"), ("f@missing.example", "5.1.2"),
                              ("g@noaddress.example", "5.4.4")):
            self.assertEqual("failed", states[address][0], states)
            self.assertIn(code, states[address][1])

    def test_what_is_refused_at_many_domains_is_told_in_one_screen(self):
        names = "".join(f"d{i} IN MX 5 mx.d{i}\nmx.d{i} IN A 127.9.0.{i + 1}\n" for i in range(60))
        self.dns.change({"example": ZONE + names})
        self.serve()
        self.send("a@good.example", *[f"m@d{i}.example" for i in range(60)])
        processes.wait_for("the refusals", lambda: self.essaim.json("queue", "list")["counts"]["waiting"] == 1)
        (line,) = self.essaim.json("queue", "why", "--by", "reason")["sums"]
        self.assertEqual((60, 60), (line["recipients"], line["domains"]))
        self.assertIn("connect to *: Connection refused", line["reason"])
        # One batch has recipients of all of them.
        explained = self.essaim.run("destination", "explain", "d7.example")
        self.assertRegex(explained, r"waits        1 recipient of 1 post, the oldest for \d+s, next try in \S+: 451 .* mx\.d7\.example")
        self.assertNotRegex(explained, r"\bd(?!7\b)\d+\.example")
        listed = self.essaim.run("destination", "list")
        self.assertIn("and 11 more; see --limit", listed)
        self.assertIn("61 destinations, 60 suspended", listed)
        self.assertRegex(listed, r"suspended until \S+  \S+ 451 4\.4\.1 mx\.d0\.example")
        self.assertEqual(1 + 61 + 1, len(self.essaim.run("destination", "list", "--limit", "100").splitlines()))

    def test_a_dead_host_is_deferred_and_does_not_slow_the_living(self):
        self.serve(delivery='retry_initial = "1s"\nretry_max = "2s"')
        queue_id = self.send("a@good.example", "b@dead.example")
        processes.wait_for("delivery", lambda: self.sink.recipients()["a@good.example"])
        processes.wait_for("deferral", lambda: self.states(queue_id)["b@dead.example"]["state"] == "deferred")
        self.assertIn("refused", self.states(queue_id)["b@dead.example"]["reply"])
        self.assertIn("dead.example", self.essaim.run("queue", "list", "--recipient", "b@dead.example"))
        living = self.started(sink.Sink(self.folder, listen=[f"127.1.0.9:{self.port}"]))
        self.essaim.wait_finished(queue_id)
        self.assertEqual(1, living.recipients()["b@dead.example"])
        self.assertEqual(1, self.sink.recipients()["a@good.example"])

    def test_a_retry_wakes_a_dead_host_however_its_domain_is_written(self):
        self.serve()
        queue_id = self.send("b@dead.example")
        processes.wait_for("deferral", lambda: self.essaim.json("queue", "list", "--state", "waiting")["batches"])
        living = self.started(sink.Sink(self.folder, listen=[f"127.1.0.9:{self.port}"]))
        self.essaim.run("queue", "retry", "--domain", "DEAD.Example")
        self.essaim.wait_finished(queue_id)
        self.assertEqual(1, living.recipients()["b@dead.example"])

    def test_hosts_of_a_family_that_is_off_wait_until_it_is_on_again(self):
        self.serve(delivery="ipv6 = false")
        queue_id = self.send("a@good.example", "b@six.example", "c@noaddress.example")
        processes.wait_for("delivery", lambda: self.sink.recipients()["a@good.example"])
        processes.wait_for("deferral", lambda: "we may use" in self.states(queue_id)["b@six.example"]["reply"])
        processes.wait_for("failure", lambda: "5.4.4" in self.states(queue_id)["c@noaddress.example"]["reply"])
        self.assertNotIn("2001:db8::1", self.essaim.run("destination", "explain", "six.example"))
        self.essaim.config.write_text(self.essaim.config.read_text().replace("ipv6 = false", "ipv6 = true"))
        self.essaim.run("reload")
        self.assertIn("2001:db8::1", self.essaim.run("destination", "explain", "six.example"))

    def test_silent_dns_is_a_deferral_and_never_a_missing_domain(self):
        self.serve(delivery='retry_initial = "1s"\nretry_max = "2s"')
        self.dns.pause()
        queue_id = self.send("a@good.example")
        row = processes.wait_for("deferral", lambda: (lambda r: r if r["state"] == "deferred" else None)(
            self.states(queue_id)["a@good.example"]))
        self.assertIn("4.4.3", row["reply"])
        self.dns.go_on()
        self.essaim.wait_finished(queue_id)
        self.assertEqual(1, self.sink.recipients()["a@good.example"])


if __name__ == "__main__":
    unittest.main()
