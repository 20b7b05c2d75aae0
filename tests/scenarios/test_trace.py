"""The trace shows the dialogue of one peer, one destination or one list, while it happens and in the format of the tests."""

import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"


class Trace(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["a@a.example"], post="anyone")

    def traced(self, *target):
        log = self.folder / ("trace" + "".join(target).replace("/", "_"))
        process = processes.Process("trace", [processes.BUILD / "essaim", "trace", *target, "--config", self.essaim.config], log)
        self.addCleanup(process.stop)
        return process

    def lines_of(self, process, *wanted, to=LIST):
        """Posts until the trace, which may begin a moment later, has all that is wanted."""
        def complete():
            self.essaim.post("x@client.example", to, essaim.message("x@client.example", to))
            output = process.output()
            return output if all(text.lower() in output.lower() for text in wanted) else None

        return processes.wait_for(f"{wanted} in the trace", complete, every=0.3)

    def test_of_a_peer(self):
        output = self.lines_of(self.traced("--peer", "127.0.0.1"), "C: MAIL FROM:<x@client.example>", "C: DATA", "S: 250 2.0.0 Ok: queued as")
        self.assertNotIn("The swarm moves on", output, "bodies are shortened")

    def test_of_a_list_and_of_a_destination(self):
        for target in (("--list", LIST), ("--destination", "a.example")):
            with self.subTest(target=target):
                process = self.traced(*target)
                output = self.lines_of(process, "C: RCPT TO:<a@a.example>", "S: 250 2.0.0 Ok: accepted as")
                self.assertNotIn("The swarm moves on", output)
                process.stop()

    def test_domains_are_named_in_either_form(self):
        self.essaim.make_list("dev@bücher.example", ["a@müller.example"], post="anyone")
        for target in (("--list", "Dev@Bücher.example"), ("--destination", "Müller.example"), ("--destination", "xn--mller-kva.example")):
            with self.subTest(target=target):
                process = self.traced(*target)
                self.lines_of(process, "C: RCPT TO:<a@xn--mller-kva.example>", to="dev@xn--bcher-kva.example")
                process.stop()


if __name__ == "__main__":
    unittest.main()
