"""The wall clock jumps forward and back by a day while mail waits and mail flows."""

import unittest

import site_of_faults as site

DAY = 24 * 3600 * 1000


class ClockJumps(site.Site):
    def jump(self, milliseconds):
        self.control["clock_offset_ms"] = self.control["clock_offset_ms"] + milliseconds

    def test_forward_and_back(self):
        self.begin(sink_rules=["rcpt@m0@*=first:3:450 4.7.1 later"])
        for name, step in (("forward", DAY), ("back", -DAY), ("far back", -DAY), ("a little", 5000), ("and back", -5000)):
            with self.subTest(jump=name):
                self.post(f"<before.{step}.{len(self.accepted)}@client.example>")
                self.jump(step)
                self.post(f"<after.{step}.{len(self.accepted)}@client.example>")
                self.wait_quiet()
        self.check()

    def test_what_waits_is_not_forgotten(self):
        """Deferred before the clock goes back: the next attempt is not a day away."""
        self.begin(sink_rules=["rcpt@m0@*=first:2:450 4.7.1 later"], delivery="")
        self.post("<waits@client.example>")
        self.in_time(lambda: len(self.receipts()) >= len(self.members) - 1, "the others")
        self.jump(-DAY)
        self.wait_quiet()
        self.check()

    def test_over_a_restart(self):
        self.begin(sink_rules=["rcpt@m0@*=first:2:450 4.7.1 later"])
        for step in (DAY, -DAY, -DAY):
            with self.subTest(step=step):
                self.post(f"<restart.{len(self.accepted)}@client.example>")
                self.essaim.kill()
                self.jump(step)
                self.assertTrue(self.start())
                self.post(f"<restarted.{len(self.accepted)}@client.example>")
                self.wait_quiet()
        self.check(twice=3 * len(self.members))


if __name__ == "__main__":
    unittest.main()
