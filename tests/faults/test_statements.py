"""The k-th SQL statement of a whole run of the server fails, for every k; COMMIT fails; its answer is lost, although it
succeeded and although it did not. One database for all: what one failure breaks, the next runs find."""

import unittest

import site_of_faults as site
from support import processes

# (what fails, how far apart in the short sweep)
SWEEPS = [("statement:{k}", 7), ("statement:{k}:1:temporary", 11), ("statement:{k}:3:exhausted", 13), ("commit:{k}", 3),
          ("commit:{k}:2:temporary", 4), ("commit-lost:{k}", 3), ("commit-unknown:{k}", 3)]


class StatementsFail(site.Site):
    def test_each_in_turn(self):
        self.begin()
        self.essaim.stop()
        self.sweep(SWEEPS, self.one_run)
        self.assertTrue(self.start())
        self.check()

    def one_run(self, fault):
        """True if the fault came to pass."""
        offset = self.log_size()
        if not self.start_with(fault):
            return True
        message_id = f"<{fault}@client.example>".replace(":", ".")
        self.post(message_id)
        processes.wait_for("delivery", lambda: sum(r.message_id == message_id for r in self.receipts()) >= len(self.members))
        self.assertEqual(0, self.essaim.stop())
        text = self.log_since(offset)
        told = [line for line in text.splitlines() if "fault planned by a test" in line]
        self.assertLessEqual(len(told), 4, "\n".join(told))
        for line in told:
            self.assertNotIn(" accepted ", line)
        return "fault-planned" in text


if __name__ == "__main__":
    unittest.main()
