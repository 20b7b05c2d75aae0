"""Where the harness plays: the stage, a server that is started in different ways, and old databases."""

import os
import pathlib
import signal
import sqlite3
import subprocess

import control
import stage
from support import essaim, one_click, processes  # found by way of stage

# Versions of the schema: those that hold what lists and posts are, and those that hold all that the harness makes.
OLD, KEEP_ALL = range(1, 7), range(8, 10)


class World(stage.Stage):
    address = "127.0.0.1"  # where senders connect to
    old_versions = OLD

    def set_up(self):
        self.set_the_others_up()
        self.port, self.http_port = processes.free_port(), processes.free_port()
        self.server = essaim.Essaim(self.folder, dns=self.dns.address, mx_port=self.mx_port, delivery=stage.SETTINGS, start=False,
                                    listen=f'[[listen]]\naddress = "127.0.0.1:{self.http_port}"\nrole = "http"\n',
                                    extra=f'[http]\nbase_url = "{one_click.PUBLIC}"\n')
        text = self.server.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}")
        self._plain = text
        self.server.config.write_text(text)
        self.control = control.Control(self.folder / "control")
        self.server.environment = {"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"),
                                   "ESSAIM_SHIM_CONTROL": str(self.control.path),
                                   "ESSAIM_SHIM_DIR": str(self.server.folder)}
        self.server.start()
        self.make_lists(self.server)

    # Starting and ending the server

    def choose_way(self):
        """Through a smart host or to the MX hosts: another one after each start."""
        way = self.random.choice(["mx", "smarthost"])
        line = f'smarthost = "{self.sink.addresses[0]}"\n' if way == "smarthost" else ""
        self.server.config.write_text(self._plain + line)

    def spawn(self, crash_at=None):
        """Starts the server and does not wait."""
        self.choose_way()
        env = dict(self.server.environment)
        if crash_at:
            env["ESSAIM_CRASH_AT"] = crash_at
        self._log_offset = self.server.log.stat().st_size
        self.server.process = processes.Process("essaim", [processes.BUILD / "essaim", "serve", "--config", self.server.config],
                                                self.server.log, env=env)
        self.server.port = self.port

    def wait_until_up(self, timeout=processes.PATIENCE):
        """True when the server listens, False when it was killed at a place it passes before that."""
        up = processes.wait_for("essaim to listen", lambda: "up" if self._listens()
                                else None if self.server.process.running() else "gone", timeout)
        if up == "gone" and self.server.process.process.returncode != -signal.SIGKILL:
            raise AssertionError(f"the server ended by itself:\n{self.server.process.output()[-3000:]}")
        return up == "up"

    def _listens(self):
        # The socket takes connections long before the server does: its log tells.
        with open(self.server.log, "rb") as log:
            log.seek(self._log_offset)
            return b" listening " in log.read()

    def kill(self):
        if self.server.process.running():
            self.server.kill()

    def make_old(self):
        """Turns the database into one of an older schema version with the same contents. The server does not run."""
        version = self.random.choice(self.old_versions)
        # From the next time on there is what only the last of them can hold.
        self.old_versions = KEEP_ALL
        database, old = self.server.database, self.server.folder / "old.db"
        for path in self.server.folder.glob("old.db*"):
            path.unlink()
        subprocess.run([str(processes.BUILD / "essaim-old-schema"), str(old), str(version)], check=True)
        source = sqlite3.connect(old, isolation_level=None)
        source.execute("ATTACH ? AS new", (str(database),))

        def tables(schema):
            return {row[0] for row in source.execute(f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table'")}

        def columns(schema, table):
            return [row[1] for row in source.execute(f"PRAGMA {schema}.table_info({table})")]

        source.execute("BEGIN")
        for table in tables("main") & tables("new") - {"meta"}:
            common = [c for c in columns("main", table) if c in columns("new", table)]
            if len(common) < len(columns("main", table)):
                continue  # what it held has no place in the old version; only suspensions, of which there are none
            names = ", ".join(common)
            where = " WHERE form = 0" if table == "rendering" and version == 1 else ""
            source.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}{where}")
        # As an old version would have kept the keys of posts that have not been settled.
        if "seen_key" not in columns("main", "post"):
            source.execute("INSERT OR IGNORE INTO main.seen (list_id, seen_key, post_id, at) "
                           "SELECT list_id, seen_key, id, accepted FROM new.post WHERE LENGTH(seen_key) > 0")
        source.execute("COMMIT")
        source.execute("DETACH new")
        source.execute("PRAGMA journal_mode=DELETE")
        source.close()
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(database) + suffix).unlink(missing_ok=True)
        os.replace(old, database)

    def sql(self, text, *values):
        connection = sqlite3.connect(f"file:{self.server.database}?mode=ro", uri=True, timeout=30)
        try:
            return connection.execute(text, values).fetchall()
        finally:
            connection.close()

    def damage(self):
        """What the database finds wrong with itself."""
        return [text for (text,) in self.sql("PRAGMA integrity_check") if text != "ok"]

    def log_lines_with(self, text):
        return stage.lines_with(text, self.server.log)

    def tear_down(self):
        super().tear_down("server")
