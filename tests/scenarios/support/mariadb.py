"""A database server: MariaDB from Debian's package, on a port of loopback, with its files in memory where that can be."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile

from . import processes

PASSWORD = "the bees know"


class MariaDb:
    name = "mariadb"

    def __init__(self, options=()):
        """The server syncs nothing (its files go with it), though it says so to nobody: a crash of the machine is not what
        is tried here."""
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="essaim-mariadb-", dir=processes.memory()))
        self.log = self.folder / "log"
        self.port = processes.free_port()
        self._socket = self.folder / "socket"
        # A server removes what it takes for left-overs from its folder for temporary tables, those of another beside it, too.
        self._options = [f"--tmpdir={self.folder}", *options]
        self._user = []
        if os.geteuid() == 0:  # the server refuses to run as root
            nobody = pwd.getpwnam("nobody")
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)
            self._user = ["--user=nobody"]
        made = subprocess.run(
            ["mariadb-install-db", "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db",
             "--auth-root-authentication-method=normal", *self._user], capture_output=True, text=True,
            env=dict(os.environ, TMPDIR=str(self.folder)))
        assert made.returncode == 0, made.stdout + made.stderr
        self.start()
        self.execute(f"CREATE USER essaim@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON `essaim%`.* TO essaim@'%'; "
                     "CREATE DATABASE essaim")

    def url(self, database="essaim", timeout=5):
        return f"mariadb://essaim@127.0.0.1:{self.port}/{database}?timeout={timeout}"

    def start(self):
        before = self._times_ready()
        self.process = processes.Process(
            "mariadb",
            ["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self._socket}",
             "--bind-address=127.0.0.1", f"--port={self.port}", f"--pid-file={self.folder}/pid", "--skip-name-resolve",
             "--innodb-buffer-pool-size=64M", "--innodb-log-file-size=32M", "--innodb-flush-method=nosync",
             *self._options, *self._user], self.log)
        processes.wait_for("mariadb", lambda: self._times_ready() > before or not self.process.running())
        assert self.process.running(), self.process.output()[-3000:]
        return self

    def _times_ready(self):
        return self.log.read_text(errors="replace").count("ready for connections") if self.log.exists() else 0

    def execute(self, statements, database=""):
        """By the command line client as root; gives the rows as lists of texts."""
        result = subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self._socket}", "--user=root", "--batch", "--skip-column-names",
             database], input=statements, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stderr
        return [line.split("\t") for line in result.stdout.splitlines()]

    def number(self, query, database="essaim"):
        return int(self.execute(query, database)[0][0])

    def kill(self):
        self.process.send(signal.SIGKILL)
        self.process.process.wait()

    def pause(self):
        self.process.send(signal.SIGSTOP)

    def go_on(self):
        self.process.send(signal.SIGCONT)

    def shut_down(self):
        self.process.stop(timeout=120)

    def stop(self):
        self.go_on()
        self.process.send(signal.SIGKILL)  # nothing has to be saved
        self.process.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
