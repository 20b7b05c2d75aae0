"""Where the harness plays: lists, members and what they are like, name server, mail exchangers, a server that is started in
different ways, and old databases."""

import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenarios"))

from support import dns, essaim, processes, sink  # noqa: E402

import control  # noqa: E402

MX_SETS = 6
SMALL_DOMAINS, BIG_DOMAINS = 7, 100
# Final dots that can be under way at a kill, and outcomes between the reply and the journal.
CONNECTIONS = 24
HANDFUL = 5
SETTINGS = f"""connections_total = {CONNECTIONS}
connections_per_destination = {CONNECTIONS}
connections_initial = 4
retry_initial = "1s"
retry_max = "3s"
connect_timeout = "5s"
"""
# Members that are not simply friendly; what they do stands in the rules of the sink.
REFUSED, NEVER, GREY = "bad", "never", "grey"
LIFETIME = 8.0  # of posts to the fleeting list, seconds


def zone():
    names = [f"s{k}" for k in range(SMALL_DOMAINS)] + [f"d{k}" for k in range(BIG_DOMAINS)] + ["churn", "odd"]
    lines = []
    for i, name in enumerate(names):
        number = i % MX_SETS
        if number == MX_SETS - 1:
            lines.append(f"{name} IN MX 5 mx.dead")  # nobody listens there; the next one does
        lines.append(f"{name} IN MX 10 mx{number}")
    lines += [f"mx{k} IN A 127.2.0.{k + 1}" for k in range(MX_SETS)] + ["mx.dead IN A 127.2.0.99"]
    return "\n".join(lines)


class World:
    def __init__(self, folder, random, big_members=20_000, small=3, big=2):
        self.folder, self.random = pathlib.Path(folder), random
        odd = [f"{REFUSED}0@odd.example", f"{GREY}0@odd.example", f"{GREY}1@odd.example"]
        self.lists = {f"small{i}@lists.example": [f"m{k}@s{k % SMALL_DOMAINS}.example" for k in range(10)] + odd
                      for i in range(small)}
        self.lists.update({f"big{i}@lists.example": [f"m{k}@d{k % BIG_DOMAINS}.example" for k in range(big_members)] + odd
                           for i in range(big)})
        self.fleeting = "fleeting@lists.example"
        self.owned = "owned@lists.example"  # its owner is refused, which is reported to who wrote
        self.lists[self.fleeting] = [f"m{k}@s{k % SMALL_DOMAINS}.example" for k in range(5)] + [f"{NEVER}0@odd.example"]

    def set_up(self):
        # As after a power failure, all processes must be able to see the library.
        self.folder.chmod(0o755)
        mx_port = processes.free_port("127.2.0.1")
        self.dns = dns.NameServer(self.folder, {"example": zone()})
        rules = [f"rcpt@{REFUSED}*=550 5.1.1 no such user", f"rcpt@{NEVER}*=450 4.2.1 never today",
                 f"rcpt@{GREY}*=every:2:450 4.7.1 try again", "dot@127.2.0.3*=every:400:451 4.3.0 busy",
                 "connect@127.2.0.4*=every:10:421 4.3.2 come again"]
        self.sink = sink.Sink(self.folder, listen=["127.0.0.1:0"] + [f"127.2.0.{k + 1}:{mx_port}" for k in range(MX_SETS)],
                              keep=False, rules=rules)
        self.server = essaim.Essaim(self.folder, dns=self.dns.address, mx_port=mx_port, delivery=SETTINGS, start=False)
        self.port = processes.free_port()
        text = self.server.config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{self.port}")
        self._plain = text
        self.server.config.write_text(text)
        self.control = control.Control(self.folder / "control")
        self.server.environment = {"LD_PRELOAD": str(processes.BUILD / "libessaim_shim.so"),
                                   "ESSAIM_SHIM_CONTROL": str(self.control.path),
                                   "ESSAIM_SHIM_DIR": str(self.server.folder)}
        self.server.start()
        for address, members in self.lists.items():
            settings = {"post": "anyone"}
            if address == self.fleeting:
                settings["expire"] = f"{int(LIFETIME)}s"
            if address.startswith("small0"):
                settings["envelope"] = "common"
            self.server.make_list(address, members, **settings)
        self.server.run("list", "create", self.owned, "--owner", f"{REFUSED}1@odd.example")

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

    def wait_until_up(self, timeout=60):
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

    def make_old(self, version=1):
        """Turns the database into one of an older schema version with the same contents. The server does not run."""
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
            where = " WHERE form = 0" if table == "rendering" else ""
            source.execute(f"INSERT INTO main.{table} ({names}) SELECT {names} FROM new.{table}{where}")
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

    def tear_down(self):
        for part in ("server", "sink", "dns"):
            if hasattr(self, part):
                try:
                    getattr(self, part).stop()
                except AssertionError as error:
                    print(error)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


