"""DNS times out, fails, answers what was not asked, answers nonsense, and changes. Nobody is given up for it, nothing goes
where an answer for somebody else points to."""

import unittest

import name_server
import site_of_faults as site
from support import processes, sink

TEMPORARY = ["silent", "servfail", "refused", "other id", "other question", "garbage", "cut off"]


class Names(site.Site):
    def setUp(self):
        super().setUp()
        self.mx_port = processes.free_port("127.4.0.1")
        self.sink = self.started(sink.Sink(self.folder, keep=False, listen=[f"127.4.0.{i}:{self.mx_port}" for i in (1, 2)]))
        self.stray = self.started(sink.Sink(self.folder, keep=False, listen=[f"127.9.9.9:{self.mx_port}"]))
        self.names = self.started(name_server.NameServer({}))

    def records(self, *domains, host="127.4.0.1"):
        for domain in domains:
            self.names.records[domain] = {"MX": [(10, f"mx.{domain}")]}
            self.names.records[f"mx.{domain}"] = {"A": [host]}

    def begin_with_names(self, members):
        self.begin(members=members, smarthost=False, dns=self.names.address, mx_port=self.mx_port)
        self.essaim.stop()
        self.essaim.config.write_text(self.essaim.config.read_text().replace("[dns]\n", '[dns]\ntimeout = "1s"\n'))
        self.assertTrue(self.start())

    def states(self, message_id):
        shown = self.essaim.json("post", "show", self.accepted[message_id], "--recipients", "all")
        return {row["recipient"]: (row["state"], row["reply"]) for row in shown["recipients"]}

    def test_trouble_is_temporary(self):
        domains = {mode: f"{mode.replace(' ', '-')}.example" for mode in TEMPORARY}
        self.records(*domains.values())
        self.begin_with_names([])
        chosen = domains if site.WHOLE else {mode: domains[mode] for mode in ("silent", "servfail", "other question")}
        for mode, domain in chosen.items():
            with self.subTest(mode=mode):
                self.names.mode = mode
                list_ = f"{mode.replace(' ', '-')}@lists.example"
                self.essaim.make_list(list_, [f"m@{domain}"], post="anyone")
                message_id = f"<{domain}@client.example>"
                self.post(message_id, list_)
                state = self.in_time(lambda: (lambda s: s if s[0] != "pending" else None)(self.states(message_id)[f"m@{domain}"]),
                                     "an outcome")
                self.assertEqual("deferred", state[0], state)
                self.assertIn("4.4.3", state[1])
                self.names.mode = "right"
                self.in_time(lambda: self.sink.recipients()[f"m@{domain}"] == 1, "the delivery")
        self.assertEqual([], self.stray.receipts())

    def test_an_answer_that_is_too_long_comes_by_tcp(self):
        self.records("a.example")
        self.begin_with_names(["m@a.example"])
        self.names.mode = "truncated"
        self.post("<long@client.example>")
        self.check()

    def test_records_about_others_are_ignored(self):
        self.records("a.example")
        self.begin_with_names(["m@a.example"])
        self.names.mode = "stray records"
        self.post("<stray@client.example>")
        state = self.in_time(lambda: (lambda s: s if s[0] != "pending" else None)(
            self.states("<stray@client.example>")["m@a.example"]), "an outcome")
        self.assertNotEqual("delivered", state[0])
        self.assertEqual([], self.stray.receipts())

    def test_a_host_that_moves_is_found_again(self):
        self.records("a.example")
        self.begin_with_names(["m@a.example"])
        self.post("<first@client.example>")
        self.wait_quiet()
        self.records("a.example", host="127.4.0.2")

        def found():  # a route is used for a minute, whatever the lifetime of the records
            self.post(f"<{len(self.accepted)}@client.example>")
            site.pause(5)  # connections that are idle end
            return any(r.address == f"127.4.0.2:{self.mx_port}" for r in self.receipts())
        self.in_time(found, "mail at the new host")
        self.check()


if __name__ == "__main__":
    unittest.main()
