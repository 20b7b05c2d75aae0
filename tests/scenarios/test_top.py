"""essaim top: live in a terminal of any size, as plain text and JSON for scripts, and what peers write is shown harmlessly."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from support import essaim, processes, sink

LIST = "dev@lists.example"


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command, columns, rows):
        self.master, slave = pty.openpty()
        self.slave = slave
        self.resize(columns, rows)
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [str(part) for part in command], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.seen = ""

    def resize(self, columns, rows):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, condition, timeout=120):
        deadline = time.monotonic() + timeout
        while not condition(self.seen):
            assert time.monotonic() < deadline, repr(self.seen[-2000:])
            if select.select([self.master], [], [], 0.2)[0]:
                self.seen += os.read(self.master, 65536).decode(errors="replace")

    def screen(self):
        """The lines of the last whole picture."""
        picture = self.seen.rpartition("\x1b[H")[0].rpartition("\x1b[H")[2]
        return [line.strip("\r") for line in picture.replace("\x1b[2K", "").split("\n")]

    def end(self):
        try:
            self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        while select.select([self.master], [], [], 0.1)[0]:
            self.seen += os.read(self.master, 65536).decode(errors="replace")
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        os.close(self.master)
        return after


class Top(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.sink = self.started(sink.Sink(self.folder, rules=["rcpt@b@*=450 4.2.1 wait \x1b[31mred"]))
        self.essaim = self.started(essaim.Essaim(self.folder, smarthost=self.sink.addresses[0]))
        self.essaim.make_list(LIST, ["a@a.example", "b@b.example", "c@c.example"], post="anyone")

    def post(self):
        reply = self.essaim.post("x@client.example", LIST, essaim.message("x@client.example", LIST))
        self.assertEqual(250, reply[0], reply)

    def top(self, *arguments):
        return [processes.BUILD / "essaim", "top", "--config", self.essaim.config, *arguments]

    def test_counts_what_happened(self):
        for _ in range(3):
            self.post()
        processes.wait_for("deliveries", lambda: len(self.sink.receipts()) == 6)

        def settled():
            snapshot = self.essaim.json("top", "--once", "--interval", "600ms")
            counters = snapshot["counters"]
            return snapshot if counters["delivered"] == 6 and counters["deferred"] == 3 else None

        snapshot = processes.wait_for("the counters", settled)
        self.assertEqual(3, snapshot["counters"]["messages_in"])
        self.assertEqual(3, snapshot["counters"]["recipients_in"])
        self.assertEqual(3, snapshot["counters"]["connections_in"])
        self.assertEqual(0, snapshot["counters"]["failed"])
        self.assertGreater(snapshot["counters"]["octets_in"], 300)
        self.assertEqual(0, snapshot["rates"]["messages_in"])
        self.assertTrue(all(loop["lag_ms"] is not None for loop in snapshot["loops"]))
        self.assertTrue(snapshot["database"]["healthy"])

        def waiting():
            queue = self.essaim.json("top", "--once", "--interval", "600ms")["queue"]
            return queue if queue and queue["states"]["waiting"]["recipients"] == 3 else None

        queue = processes.wait_for("the queue", waiting)
        self.assertIsNotNone(queue["states"]["waiting"]["oldest"])
        self.assertEqual([LIST], [row["list"] for row in queue["lists"]])

    def test_rates_are_those_of_the_interval(self):
        process = subprocess.Popen([*map(str, self.top("--json", "--interval", "300ms"))], stdout=subprocess.PIPE, text=True)
        try:
            first = json.loads(process.stdout.readline())
            self.assertNotIn("rates", first)
            self.post()
            rates = 0
            while not rates:
                rates = json.loads(process.stdout.readline())["rates"]["messages_in"]
            self.assertGreater(rates, 0)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    def test_plain_text_has_no_control_characters(self):
        self.post()
        processes.wait_for("deliveries", lambda: len(self.sink.receipts()) == 2)
        text = self.essaim.run("top", "--once", "--interval", "200ms")
        self.assertIn("messages/s", text)
        self.assertNotIn("\x1b", text)

    def test_the_window_is_filled_and_not_more_and_keys_work(self):
        for columns, rows in ((100, 30), (40, 8), (12, 3)):
            with self.subTest(columns=columns, rows=rows):
                terminal = Terminal(self.top("--interval", "200ms"), columns, rows)
                terminal.read_until(lambda seen: seen.count("\x1b[H") >= 3)
                screen = terminal.screen()
                self.assertEqual(rows, len(screen))
                self.assertLessEqual(max(len(line) for line in screen), columns)
                self.assertTrue(screen[0].startswith("essaim top"[:columns]))
                os.write(terminal.master, b"p")
                terminal.read_until(lambda seen: "paused"[:columns] in seen)
                os.write(terminal.master, b"q")
                after = terminal.end()
                self.assertEqual(0, terminal.process.returncode)
                self.assertEqual(terminal.before[3], after[3])
                self.assertTrue(terminal.seen.rstrip().endswith("\x1b[?25h\x1b[?1049l"))

    def test_a_new_size_is_taken_and_sigint_leaves_the_terminal_as_it_was(self):
        terminal = Terminal(self.top("--interval", "400ms"), 80, 24)
        terminal.read_until(lambda seen: seen.count("\x1b[H") >= 2)
        self.assertEqual(24, len(terminal.screen()))
        drawn = terminal.seen.count("\x1b[H")
        terminal.resize(60, 10)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.read_until(lambda seen: seen.count("\x1b[H") > drawn and len(terminal.screen()) == 10)
        os.write(terminal.master, b"\x03")  # the terminal makes SIGINT of it
        after = terminal.end()
        self.assertEqual(0, terminal.process.returncode)
        self.assertEqual(terminal.before[3], after[3])

    def test_without_a_server_it_says_so(self):
        self.essaim.stop()
        self.essaim.run("top", "--once", check=False)
        self.assertEqual(1, self.essaim.last.returncode)
        self.assertIn("no server is running", self.essaim.last.stderr)


if __name__ == "__main__":
    unittest.main()
