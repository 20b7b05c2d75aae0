"""Essaim as a contender: one node, with a list whose members are prepared once and copied for each run."""

import contextlib
import os
import re
import shutil
import sqlite3

from support import essaim

from . import contender, meter, posting

LIST = "big@lists.example"
WARM = "warm@lists.example"  # one member in each domain


def member(number, domains):
    return f"m{number}@d{number % domains}.example"


def template(work, members, domains):
    """A database with LIST and so many members; kept in the work folder, for making it takes longer than most runs."""
    folder = work / f"lists-{members}-{domains}"
    if (folder / "essaim.db").exists():
        return folder / "essaim.db"
    shutil.rmtree(folder, ignore_errors=True)
    making = work / f"making-{members}-{domains}"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(parents=True)
    server = essaim.Essaim(making, start=False)
    server.make_list(LIST, [member(i, domains) for i in range(members)], post="anyone")
    folder.mkdir()
    server.run("storage", "backup", making / "copy.db")
    (making / "copy.db").rename(folder / "essaim.db")
    shutil.rmtree(making)
    return folder / "essaim.db"


@contextlib.contextmanager
def _allowed(cores):
    """What is started meanwhile may use the first so many processors."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, sorted(before)[:cores])
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Node(contender.Contender):
    name = "essaim"

    def __init__(self, folder, work, members, domains=100, envelope="personal", keys=(), cores=None, verify=False, **settings):
        """`keys`: kinds that sign for the list's domain. `cores`: how many it may use. `verify`: what comes in is verified,
        by a name server that `settings` name. They are of support.essaim.Essaim: smarthost, dns, mx_port, delivery, extra."""
        super().__init__()
        self._made = {LIST}
        secret = folder / "secret"
        secret.write_text("a secret for the keys of a run\n")
        secret.chmod(0o600)
        self.server = essaim.Essaim(folder, start=False, verify=verify, authentication=f'key_file = "{secret}"', **settings)
        shutil.copy(template(work, members, domains), self.server.database)
        self.server.run("storage", "migrate")
        self.server.run("list", "set", LIST, f"envelope={envelope}", "max_size=25M")
        for kind in keys:
            self.server.run("dkim", "create", LIST.partition("@")[2], "--algorithm", kind)
        with sqlite3.connect(self.server.database) as connection:  # nobody looks for their records here
            connection.execute("UPDATE dkim_key SET state = 1")
        with self.group.starting(), _allowed(cores):
            self.server.start()
        self.group.root = self.server.process.pid
        self.port = self.server.port

    def post(self, folder, posts=1, size=4096, sessions=1, lists=(LIST,), fields=None):
        return posting.Posting(folder, self.port, posts, sessions, size, recipients=lists, fields=fields)

    def warm(self, folder, sink, domains):
        """A post to each domain, so that names and hosts are known; gives back when it is through."""
        if WARM not in self._made:
            self.server.make_list(WARM, [f"warm@d{i}.example" for i in range(domains)], post="anyone")
            self._made.add(WARM)
        before = sink.counters()["recipients"]
        posting.Posting(folder, self.port, recipients=[WARM])
        sink.wait(before + domains, 60)

    def idle(self):
        return not self.server.json("queue", "list")["batches"]

    def queue_ids(self, sent):
        return [re.search(r"queued as (\w+)", reply).group(1) for reply in sent.replies]

    def pids(self):
        return [self.server.process.pid]

    def resident_peak_mb(self):
        return meter.resident_peak_mb(self.server.process.pid)

    def counters(self):
        return self.server.json("storage", "counters")

    def _end(self):
        self.server.stop()
