"""The server under a service manager that behaves as systemd does: it is told when the server is ready, reloads and ends, the
watchdog is fed only while everything answers, and listening sockets are passed by name or address. And the units in
contrib/systemd are what they say."""

import fcntl
import os
import re
import shutil
import signal
import smtplib
import socket
import sqlite3
import subprocess
import time
import tomllib
import unittest

from support import essaim, processes

UNITS = processes.ROOT / "contrib" / "systemd"
MOST_EXPOSURE = 20  # tenths, as `systemd-analyze security --threshold` wants it


class Manager:
    """What systemd does for a service: a socket for its messages, passed sockets, its environment."""

    name = "essaim under a manager"

    def __init__(self, site, sockets=(), watchdog=None):
        self.site = site
        self.log = site.folder / "manager-log"
        path = str(site.folder / "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.messages = []
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(0.2)
        environment = {"NOTIFY_SOCKET": path}
        prefix = ""
        if sockets:
            environment["LISTEN_FDS"] = str(len(sockets))
            environment["LISTEN_FDNAMES"] = ":".join(name for name, _ in sockets)
            prefix = "LISTEN_PID=$$ "
        if watchdog:
            environment["WATCHDOG_USEC"] = str(int(watchdog * 1_000_000))
        files = [listener.fileno() for _, listener in sockets]

        def place():
            # High first, so that no descriptor is overwritten before it was moved.
            high = [fcntl.fcntl(fd, fcntl.F_DUPFD, 100) for fd in files]
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)

        command = f'{prefix}exec "{processes.BUILD}/essaim" serve --config "{site.config}"'
        self._file = open(self.log, "ab")
        self.process = subprocess.Popen(
            ["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=self._file, stderr=self._file,
            env={**os.environ, **environment}, start_new_session=True, close_fds=False, preexec_fn=place,
        )

    def read(self):
        try:
            while True:
                self.messages.append((time.monotonic(), self.socket.recv(4096).decode()))
        except TimeoutError:
            pass
        return self.messages

    def told(self, word):
        return [text for _, text in self.read() if word in text.split("\n")]

    def wait_for(self, word, count=1):
        def enough():
            assert self.process.poll() is None or self.told(word), self.log.read_text()[-3000:]
            return len(self.told(word)) >= count

        processes.wait_for(word, enough)

    def output(self):
        return self.log.read_text(errors="replace")

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self._file.close()
        return self.process.returncode


def listener(port=0):
    out = socket.socket()
    out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    out.bind(("127.0.0.1", port))
    out.listen(16)
    return out


class ServiceManager(processes.Scenario):
    def setUp(self):
        super().setUp()
        self.site = essaim.Essaim(self.folder, start=False)

    def manager(self, **options):
        manager = Manager(self.site, **options)
        self.started(manager)
        self.addCleanup(manager.socket.close)
        return manager

    def configure(self, text, by):
        self.site.config.write_text(self.site.config.read_text().replace(text, by))

    def test_it_is_told_of_ready_reload_and_end_in_this_order(self):
        manager = self.manager()
        manager.wait_for("READY=1")
        self.assertTrue(any(text.startswith("STATUS=starting") for _, text in manager.read()))
        manager.process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
        manager.wait_for("READY=1", 2)
        reloading = manager.told("RELOADING=1")[0]
        self.assertRegex(reloading, r"MONOTONIC_USEC=\d+")
        # A bad file is refused, and the service is ready all the same: with the old settings.
        good = self.site.config.read_text()
        self.site.config.write_text(good + "\n[nonsense]\n")
        manager.process.send_signal(signal.SIGHUP)
        manager.wait_for("READY=1", 3)
        self.assertIn("reload-refused", manager.output())
        # What the unit runs says so by its exit status, too.
        reload = re.findall(r"(?m)^ExecReload=/usr/sbin/essaim (.*)$", (UNITS / "essaim.service").read_text())
        self.assertEqual(1, len(reload))
        self.site.run(*reload[0].split(), check=False)
        self.assertNotEqual(0, self.site.last.returncode)
        self.assertIn("nonsense", self.site.last.stderr)
        self.site.config.write_text(good)
        self.site.run(*reload[0].split())
        self.assertEqual(0, manager.stop())
        words = [text.split("\n")[0] for _, text in manager.read()]
        words = [word for word in words if not word.startswith("STATUS")]
        self.assertEqual(["READY=1", "RELOADING=1", "READY=1", "RELOADING=1", "READY=1", "STOPPING=1"], words)
        self.assertEqual([], manager.told("WATCHDOG=1"))

    def complaints(self, manager):
        manager.read()
        return len(re.findall(r"no-answer.*database", manager.output()))

    def test_the_watchdog_starves_while_the_database_does_not_answer(self):
        manager = self.manager(watchdog=3)
        manager.wait_for("WATCHDOG=1", 2)
        lock = sqlite3.connect(self.site.database, isolation_level=None)
        try:
            lock.execute("BEGIN IMMEDIATE")
            before = self.complaints(manager)
            processes.wait_for("complaints", lambda: self.complaints(manager) > before + 1)
            fed = len(manager.told("WATCHDOG=1"))
            before = self.complaints(manager)
            processes.wait_for("another one", lambda: self.complaints(manager) > before)
            self.assertEqual(fed, len(manager.told("WATCHDOG=1")))
            self.assertTrue(any(text == "STATUS=no answer from database" for _, text in manager.read()))
            lock.execute("ROLLBACK")
        finally:
            lock.close()
        manager.wait_for("WATCHDOG=1", fed + 1)
        self.assertEqual(0, manager.stop())

    def greets(self, port):
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=120) as client:
            return client.noop()[0] == 250

    def test_passed_sockets_are_taken_by_address_and_by_name(self):
        by_address, by_name = listener(), listener()
        self.addCleanup(by_address.close)
        self.addCleanup(by_name.close)
        first, second = by_address.getsockname()[1], by_name.getsockname()[1]
        self.configure('address = "127.0.0.1:0"\nrole = "mx"', f'address = "127.0.0.1:{first}"\nrole = "mx"\n'
                       '[[listen]]\naddress = "127.0.0.1:0"\nsocket = "second"')
        manager = self.manager(sockets=[("second", by_name), ("whatever", by_address)])
        manager.wait_for("READY=1")
        self.assertTrue(self.greets(first))
        self.assertTrue(self.greets(second))
        self.assertEqual(0, manager.stop())
        # The manager still has them: who comes now waits for the next start.
        waiting = socket.create_connection(("127.0.0.1", first), timeout=120)
        self.addCleanup(waiting.close)
        again = self.manager(sockets=[("second", by_name), ("whatever", by_address)])
        again.wait_for("READY=1")
        self.assertTrue(waiting.recv(100).startswith(b"220 "))

    def test_a_passed_socket_that_fits_nothing_is_an_error_that_says_what_to_do(self):
        stray = listener()
        self.addCleanup(stray.close)
        manager = self.manager(sockets=[("stray", stray)])
        self.assertEqual(2, manager.process.wait(20))
        self.assertIn("fits no [[listen]]", manager.output())
        self.assertIn(f"127.0.0.1:{stray.getsockname()[1]}", manager.output())
        self.assertIn('socket = ', manager.output())

    def test_a_client_that_idles_in_a_transaction_does_not_hold_up_the_end(self):
        self.configure("[delivery]", "[delivery]\ndrain = \"60s\"")
        self.site.start()
        self.started(self.site)
        self.site.make_list("dev@lists.example", ["a@a.example"], post="anyone")
        client = self.site.client()
        self.addCleanup(client.close)
        client.ehlo()
        self.assertEqual(250, client.mail("x@client.example")[0])
        self.site.process.send(signal.SIGTERM)
        self.assertEqual(421, client.getreply()[0])
        self.assertEqual(0, self.site.stop())


@unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
class Units(unittest.TestCase):
    def test_the_services_are_hardened(self):
        for unit in ("essaim.service", "essaim-backup.service"):
            result = subprocess.run(
                ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSURE}", "--no-pager",
                 str(UNITS / unit)], capture_output=True, text=True,
            )
            if "Overall exposure" not in result.stdout:
                self.skipTest("systemd-analyze cannot look at units here: " + result.stderr[-200:])
            self.assertEqual(0, result.returncode, result.stdout[-400:])

    def test_a_server_whose_host_name_is_taken_is_not_started_again(self):
        manual = subprocess.run([processes.BUILD / "essaim", "man"], capture_output=True, text=True, check=True).stdout
        status = re.search(r"\n\.B (\d+)\n.*another server runs under this host name", manual).group(1)
        self.assertIn(f"RestartPreventExitStatus={status}\n", (UNITS / "essaim.service").read_text())

    def test_the_socket_fits_the_service(self):
        text = (UNITS / "essaim.socket").read_text()
        self.assertIn("Service=essaim.service", text)
        self.assertIn("FileDescriptorName=smtp", text)

    def test_the_socket_holds_what_the_shipped_configuration_listens_on(self):
        # One that fits no [[listen]] keeps the server from starting.
        held = re.findall(r"(?m)^ListenStream=(.+)$", (UNITS / "essaim.socket").read_text())
        listen = tomllib.loads((processes.ROOT / "contrib" / "essaim.toml").read_text())["listen"]
        self.assertEqual([one["address"] for one in listen], held)


class DailyBackup(processes.Scenario):
    """What essaim-backup.service runs, with a program in the place of essaim that writes a file, or fails."""

    def backup(self, today, good=True):
        program = self.folder / "essaim"
        program.write_text("#!/bin/sh\n" + ('[ "$1 $2" = "storage backup" ] && [ ! -e "$3" ] && echo new >"$3"\n' if good else "exit 1\n"))
        (self.folder / "date").write_text(f"#!/bin/sh\necho {today}\n")
        for name in ("essaim", "date"):
            (self.folder / name).chmod(0o755)
        text = (UNITS / "essaim-backup.service").read_text().replace("\\\n", " ").replace("/usr/sbin/essaim", str(program))
        command = re.search(r"(?m)^ExecStart=/bin/sh -ec '(.*)'$", text).group(1).replace("$$", "$").replace("%%", "%")
        return subprocess.run(["/bin/sh", "-ec", command], cwd=self.copies, check=False,
                              env={**os.environ, "PATH": f"{self.folder}:{os.environ['PATH']}", "ESSAIM_BACKUP_KEEP": "3"}).returncode

    def test_it_keeps_the_copies_of_some_days_and_deletes_none_before_there_is_a_new_one(self):
        self.copies = self.folder / "copies"
        self.copies.mkdir()
        (self.copies / "new.db").write_text("of a run that was interrupted")
        (self.copies / "essaim-before-the-move.db").write_text("mine")
        for day in range(1, 6):
            self.assertEqual(0, self.backup(f"2026-11-0{day}"))
        self.assertNotEqual(0, self.backup("2026-11-06", good=False))
        kept = ["essaim-2026-11-03.db", "essaim-2026-11-04.db", "essaim-2026-11-05.db", "essaim-before-the-move.db"]
        self.assertEqual(kept, sorted(path.name for path in self.copies.iterdir()))
        # A second one of the day takes the place of the first.
        self.assertEqual(0, self.backup("2026-11-05"))
        self.assertEqual(kept, sorted(path.name for path in self.copies.iterdir()))
        self.assertEqual("new\n", (self.copies / "essaim-2026-11-05.db").read_text())


if __name__ == "__main__":
    unittest.main()
